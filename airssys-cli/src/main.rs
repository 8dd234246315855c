//! Run apps of supervised WebAssembly components.
fn main() {}
