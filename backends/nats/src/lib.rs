//! NATS behind the services of airssys: `type = "nats"`.
//!
//! One connection serves all labels of a table. It is made again when it is lost. A call whose
//! connection is lost fails as unavailable; only what can be repeated is sent once more.
//!
//! A label of the key-value service is a bucket of JetStream, and a container is an object store. Both
//! have the formats of other NATS clients. The library's own stores can neither page nor read a range,
//! so this crate speaks to their streams.
//!
//! ```
//! use airssys_nats::Nats;
//! use airssys_wasm::Backends;
//!
//! assert_eq!(Backends::default().with(Nats).types(), ["nats"]);
//! ```

mod connection;
mod errors;
mod holds;
mod keys;
mod objects;
mod options;
mod product;
mod store;
mod stream;
mod tls;

pub use product::Nats;
