//! Actors and helpers that several tests use.

pub mod blocks;
pub mod logs;
pub mod probe;
pub mod quiet;
pub mod script;
pub mod tasks;
pub mod tree;
pub mod worker;
