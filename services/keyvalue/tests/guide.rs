//! The guide to writing a backend: its code is that of the example.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

#[test]
fn code_of_the_guide_is_code_of_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let sources = read("examples/backend/src/table.rs") + &read("examples/backend/src/main.rs");
    let guide = read("docs/services.md");
    let guide = guide.split("\n## Write a backend\n").nth(1).unwrap();
    let guide = guide.split("\n## ").next().unwrap();
    let blocks: Vec<_> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 3, "the guide has code");
    for block in blocks {
        assert!(sources.contains(block), "this is not in examples/backend:\n{block}");
    }
}
