//! The embedded containers: in memory, and in a folder.

mod folder;
mod memory;
mod product;
mod usage;

pub use product::{Folder, Memory};
