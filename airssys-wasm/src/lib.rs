//! WebAssembly components as supervised actors.

pub mod capability;
pub mod limits;
pub mod manifest;
pub mod pattern;
