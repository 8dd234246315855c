//! Redis and Valkey behind the services of airssys: `type = "redis"`.
//!
//! One connection serves all labels of a table. It is made again when it is lost. A call whose
//! connection is lost fails as unavailable; only reads are sent once more.
//!
//! ```
//! use airssys_redis::Redis;
//! use airssys_wasm::Backends;
//!
//! assert_eq!(Backends::default().with(Redis).types(), ["redis"]);
//! ```

mod connection;
mod errors;
mod options;
mod product;
mod scripts;
mod store;

pub use product::Redis;
