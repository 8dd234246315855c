//! The key-value service: `wasi:keyvalue` in both published versions, and `airssys:keyvalue`.
//!
//! A component opens a label, and the runtime configuration says which backend stores it. A backend
//! implements [`Store`]. [`Memory`] and [`File`] are embedded; the file is the default.
//!
//! ```
//! use airssys_keyvalue::{File, KeyValue, Memory};
//! use airssys_wasm::{Backends, Services};
//!
//! let services = Services::default().with(KeyValue);
//! let backends = Backends::default().with(File).with(Memory);
//! assert_eq!(backends.types(), ["redb", "memory"]);
//! ```
//!
//! Each function needs a right: `keyvalue/LABEL:read`, `keyvalue/LABEL:write`, or both for `increment`.

mod bounds;
mod bucket;
mod calls;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursors;
mod draft;
mod draft2;
mod embedded;
mod error;
mod functions;
mod keyvalue;
mod own;
mod service;
mod store;

pub use bounds::{
    MAX_BATCH_BYTES, MAX_BATCH_KEYS, MAX_KEY_BYTES, MAX_PAGE_KEYS, MAX_TTL, MAX_VALUE_BYTES, WithinBatch,
};
pub use embedded::{File, Memory};
pub use error::StoreError;
pub use keyvalue::KeyValue;
pub use store::{Condition, Entry, Page, SetOptions, Store};
