//! The embedded stores: in memory, and in a file.

mod file;
mod memory;
mod options;
mod product;
mod rules;
mod shared;

pub use product::{File, Memory};
