//! The service for secrets: `airssys:secrets`, with lockers of named values.
//!
//! A component opens a locker, which is a label: the runtime configuration says which backend keeps
//! it. A backend implements [`Locker`]. [`EncryptedFile`] is embedded, and the default.
//!
//! ```
//! use airssys_secrets::{EncryptedFile, Secrets};
//! use airssys_wasm::{Backends, Services};
//!
//! let services = Services::default().with(Secrets);
//! let backends = Backends::default().with(EncryptedFile);
//! assert_eq!(backends.types(), ["encrypted-file"]);
//! ```
//!
//! Each function needs a right: `secrets/LOCKER:read` or `secrets/LOCKER:write`. Each use is audited.
//! Values are in no log, audit, report or snapshot.

mod bounds;
#[cfg(feature = "conformance")]
pub mod conformance;
mod embedded;
mod error;
mod host;
mod locker;
mod secrets;
mod service;

pub use bounds::{MAX_ID_BYTES, MAX_PAGE_IDS, MAX_VALUE_BYTES};
pub use embedded::EncryptedFile;
pub use error::SecretError;
pub use locker::{Locker, Page, Value, page};
pub use secrets::Secrets;
