//! The blob service: `wasi:blobstore`, with objects of any size that are streamed both ways.
//!
//! The name of a container is a label, and the runtime configuration says which backend has it. A
//! backend implements [`Container`]. [`Folder`] and [`Memory`] are embedded; the folder is the default.
//!
//! ```
//! use airssys_blobstore::{Blobstore, Folder, Memory};
//! use airssys_wasm::{Backends, Services};
//!
//! let services = Services::default().with(Blobstore);
//! let backends = Backends::default().with(Folder).with(Memory);
//! assert_eq!(backends.types(), ["folder", "memory"]);
//! ```
//!
//! Each function needs a right: `blob/CONTAINER:read`, `blob/CONTAINER:write`, or both for a move.

mod blobstore;
mod body;
mod bounds;
mod calls;
#[cfg(feature = "conformance")]
pub mod conformance;
mod container;
mod data;
mod embedded;
mod error;
mod host;
mod service;
mod values;

pub use blobstore::Blobstore;
pub use bounds::{CHUNK_BYTES, MAX_NAME_BYTES, MAX_PAGE_NAMES, MAX_SYNC_BYTES};
pub use container::{Container, Object, ObjectInfo, ObjectReader, ObjectWriter, Page};
pub use embedded::{Folder, Memory};
pub use error::BlobError;
