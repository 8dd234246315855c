//! S3 behind the blob service of airssys: `type = "s3"`.
//!
//! A table names a bucket, and a container is a prefix in it. Objects are streamed both ways: a writer
//! holds one part of an upload at most. A write is never sent again, and a read is.
//!
//! ```
//! use airssys_s3::S3;
//! use airssys_wasm::Backends;
//!
//! assert_eq!(Backends::default().with(S3).types(), ["s3"]);
//! ```

mod bucket;
mod container;
mod errors;
mod names;
mod options;
mod prefix;
mod product;
mod reader;
mod writer;

pub use product::S3;
