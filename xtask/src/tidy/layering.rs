//! The actor runtime stands below WebAssembly.

use super::Violation;
use super::tree::{Tree, lines};

/// The actor runtime does not know WebAssembly.
pub(super) fn runtime_without_wasm(tree: &Tree) -> Vec<Violation> {
    let own = tree.ending(&[".rs", "Cargo.toml"]).filter(|(path, _)| path.starts_with("airssys-rt/"));
    own.flat_map(|(path, text)| {
        lines(text).filter_map(move |(number, line)| {
            let names = ["wasmtime", "airssys_wasm", "airssys-wasm"];
            let name = names.into_iter().find(|name| line.contains(name))?;
            let what = format!("the actor runtime refers to `{name}`");
            Some(Violation::new(path, number, what, "move the code that needs it to airssys-wasm"))
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_refers_to_wasm_is_found() {
        let tree = Tree::planted(&[
            ("airssys-rt/src/lib.rs", "//! Actors.\nuse wasmtime::Store;\n"),
            ("airssys-rt/Cargo.toml", "airssys-wasm = { workspace = true }\n"),
            ("airssys-rt/README.md", "wasmtime is not used here\n"),
            ("airssys-wasm/src/lib.rs", "use wasmtime::Store;\n"),
        ]);
        let found = runtime_without_wasm(&tree);
        let places: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.line)).collect();
        assert_eq!(places, [("airssys-rt/Cargo.toml", 1), ("airssys-rt/src/lib.rs", 2)]);
    }
}
