//! The parts that know neither WebAssembly nor the executor.

use super::Violation;
use super::tree::{Tree, lines};
use super::words::{code, has_word};

/// The files that only decide and compute. `/**` stands for all files of a folder.
const PURE: [&str; 8] = [
    "airssys-core/**",
    "airssys-message/**",
    "airssys-wasm/src/capability.rs",
    "airssys-wasm/src/limits.rs",
    "airssys-wasm/src/manifest.rs",
    "airssys-wasm/src/manifest/**",
    "airssys-wasm/src/pattern.rs",
    "airssys-wasm/src/rate.rs",
];

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

/// Pure files use neither the executor nor the engine.
pub(super) fn pure_files(tree: &Tree) -> Vec<Violation> {
    PURE.iter().flat_map(|pure| pure_file(tree, pure)).collect()
}

fn pure_file(tree: &Tree, pure: &str) -> Vec<Violation> {
    let is_meant = |path: &str| match pure.strip_suffix("**") {
        Some(folder) => path.starts_with(folder),
        None => path == pure,
    };
    if !tree.paths().any(is_meant) {
        let mend = "write its new path in the list of xtask/src/tidy/layering.rs";
        return vec![Violation::new(pure, 1, "a file that has to be pure does not exist", mend)];
    }
    let meant = tree.ending(&[".rs", "Cargo.toml"]).filter(|(path, _)| is_meant(path));
    meant
        .flat_map(|(path, text)| {
            lines(text).filter_map(move |(number, line)| {
                let line = code(path, line);
                let name = match line {
                    _ if has_word(line, "tokio") => "tokio",
                    _ if line.contains("wasmtime") => "wasmtime",
                    _ => return None,
                };
                let what = format!("a file that has to be pure uses `{name}`");
                Some(Violation::new(path, number, what, "pass the value in, or move the part that uses it"))
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

    #[test]
    fn a_pure_file_that_uses_the_executor_or_the_engine_is_found() {
        let pure = "// tokio would be out of place\nfn stokio() {}\n";
        let tree = Tree::planted(&[
            ("airssys-message/src/lib.rs", pure),
            ("airssys-core/src/decision.rs", "use tokio::time::Instant;\n"),
            ("airssys-core/src/topic.rs", pure),
            ("airssys-rt/src/mailbox.rs", "use tokio::sync::Notify;\n"),
            ("airssys-wasm/src/capability.rs", pure),
            ("airssys-wasm/src/limits.rs", pure),
            ("airssys-wasm/src/manifest.rs", pure),
            ("airssys-wasm/src/manifest/app/checks.rs", "\nuse wasmtime_wasi::DirPerms;\n"),
            ("airssys-wasm/src/rate.rs", pure),
        ]);
        let found = pure_files(&tree);
        let places: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.line)).collect();
        let expected = [
            ("airssys-core/src/decision.rs", 1),
            ("airssys-wasm/src/manifest/app/checks.rs", 2),
            ("airssys-wasm/src/pattern.rs", 1),
        ];
        assert_eq!(places, expected);
    }
}
