//! The standard input of a component.

use std::path::PathBuf;

/// The standard input of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The program's own standard input.
    Program,
    /// A file.
    File(PathBuf),
}
