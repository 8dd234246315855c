//! Apps as values: what an app is, and what its components may do.
//!
//! [`manifest`] reads `app.toml` and `Component.toml`. [`capability`] decides whether a component
//! may do something. This crate neither runs components nor waits, and does not know the engine.
#![forbid(unsafe_code)]

mod audit_file;
pub mod capability;
mod delivery;
pub mod file;
pub mod grant;
mod input;
pub mod limits;
pub mod manifest;
mod origin;
pub mod pattern;
pub mod plain;
mod rate;
mod use_pattern;

pub use audit_file::AuditFile;
pub use capability::{Access, Capabilities, Capability, Denied, Subject, decide};
pub use delivery::{Delivery, Retry};
pub use grant::{GrantChange, GrantError, GrantVerb};
pub use input::Input;
pub use limits::Limits;
pub use origin::{HostFault, InvalidOrigin, Origin, OriginFault, OriginHost, OriginPattern};
pub use pattern::{HOST_NAME, NamePattern};
pub use rate::Rate;
pub use use_pattern::{InvalidUse, UsePattern};
