//! Vault and OpenBao behind the services of airssys: `type = "vault"`.
//!
//! Secrets are in an engine of the kind KV version 2. The host speaks the HTTP interface itself: the
//! client libraries write the paths of secrets to the log, and read answers of any size.
//!
//! ```
//! use airssys_vault::Vault;
//! use airssys_wasm::Backends;
//!
//! assert_eq!(Backends::default().with(Vault).types(), ["vault"]);
//! ```

mod client;
mod locker;
mod login;
mod names;
mod options;
mod product;
mod server;

pub use product::Vault;
