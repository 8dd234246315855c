//! The guide to embedding: its code is that of the example.

use std::fs;
use std::path::Path;

/// The lines of a text without their indentation.
fn lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn code_of_the_guide_is_code_of_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files =
        ["src/main.rs", "src/ledger.rs", "src/prices.rs", "wit/prices.wit", "components/till/src/lib.rs"];
    let read = |file: &str| fs::read_to_string(root.join(file)).expect(file);
    let sources: String = files.iter().map(|file| lines(&read(&format!("examples/embed/{file}")))).collect();
    let guide = read("docs/embedding.md");
    let mut blocks = 0;
    for rest in guide.split("```rust\n").skip(1).chain(guide.split("```wit\n").skip(1)) {
        let block = rest.split("```").next().unwrap_or_default();
        assert!(sources.contains(&lines(block)), "this is not in examples/embed:\n{block}");
        blocks += 1;
    }
    assert!(blocks > 7, "the guide has code");
}
