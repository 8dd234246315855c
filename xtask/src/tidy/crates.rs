//! The order of the crates.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Violation;
use super::house::{CRATES, IMPURE, PURE};
use super::tree::Tree;

/// A crate's manifest, as far as the order depends on it.
struct Manifest {
    path: String,
    /// Its dependencies, those of builds too but not those of tests, each with its line.
    dependencies: Vec<(String, usize)>,
}

impl Manifest {
    fn folder(&self) -> &str {
        self.path.strip_suffix("/Cargo.toml").unwrap_or_default()
    }
}

/// The crates of the repository by name.
type Manifests = BTreeMap<String, Manifest>;

/// A crate depends only on crates of its own row of the table and of the rows before it.
pub(super) fn order(tree: &Tree) -> Vec<Violation> {
    let manifests = manifests(tree);
    let mut found = Vec::new();
    for manifest in manifests.values() {
        let Some(own_row) = row(manifest.folder()) else { continue };
        for (name, line) in &manifest.dependencies {
            let Some(other) = manifests.get(name) else { continue };
            let mend = "move what both need to the lower crate";
            let what = match row(other.folder()) {
                Some(row) if row <= own_row => continue,
                Some(_) => format!("`{}` depends on `{name}`, which is above it", manifest.folder()),
                None => {
                    format!(
                        "`{}` depends on `{name}`, which is not in the table of crates",
                        manifest.folder()
                    )
                }
            };
            found.push(Violation::new(&manifest.path, *line, what, mend));
        }
    }
    found
}

/// Crates of values depend neither on the executor nor on the engine, and on no crate of the
/// repository that does.
pub(super) fn pure(tree: &Tree) -> Vec<Violation> {
    let manifests = manifests(tree);
    let own = manifests.values().filter(|manifest| PURE.contains(&manifest.folder()));
    own.flat_map(|manifest| {
        manifest.dependencies.iter().filter_map(|(name, line)| {
            let chain = chain_to_impure(&manifests, name, &mut BTreeSet::new())?;
            let chain = chain.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let what = format!("`{}` depends on {}", manifest.folder(), chain.join(", which depends on "));
            let mend = "pass in what needs it, or move that part to a crate above";
            Some(Violation::new(&manifest.path, *line, what, mend))
        })
    })
    .collect()
}

/// The dependencies from a crate to the executor or the engine.
fn chain_to_impure(manifests: &Manifests, name: &str, seen: &mut BTreeSet<String>) -> Option<Vec<String>> {
    let is_impure = |impure: &&str| name == *impure || name.starts_with(&format!("{impure}-"));
    if IMPURE.iter().any(is_impure) {
        return Some(vec![name.to_owned()]);
    }
    if !seen.insert(name.to_owned()) {
        return None;
    }
    let dependencies = &manifests.get(name)?.dependencies;
    let mut chain = dependencies.iter().find_map(|(name, _)| chain_to_impure(manifests, name, seen))?;
    chain.insert(0, name.to_owned());
    Some(chain)
}

/// The row of a crate's folder in the table of crates.
pub(super) fn row(folder: &str) -> Option<usize> {
    let is_meant = |pattern: &&str| match pattern.strip_suffix("/*") {
        Some(parent) => folder.rsplit_once('/').is_some_and(|(own, _)| own == parent),
        None => folder == *pattern,
    };
    CRATES.iter().position(|row| row.iter().any(is_meant))
}

fn manifests(tree: &Tree) -> Manifests {
    let files = tree.ending(&["/Cargo.toml"]);
    files.filter_map(|(path, text)| manifest(path, text)).collect()
}

/// The name of a package and its manifest. Returns `None` if the file has no package, or is broken,
/// which cargo says better.
fn manifest(path: &str, text: &str) -> Option<(String, Manifest)> {
    let document = DeTable::parse(text).ok()?;
    let document = document.get_ref();
    let name = document.get("package")?.get_ref().get("name")?.get_ref().as_str()?.to_owned();
    let mut dependencies = Vec::new();
    let target = document.get("target").and_then(|targets| targets.get_ref().as_table());
    let targets = target.into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(|target| target.get_ref().as_table());
    for (key, table) in document.iter().chain(tables.flat_map(|table| table.iter())) {
        let is_meant = matches!(key.get_ref().as_ref(), "dependencies" | "build-dependencies");
        let table = table.get_ref().as_table().filter(|_| is_meant);
        for (key, value) in table.into_iter().flat_map(|table| table.iter()) {
            let line = text[..key.span().start].matches('\n').count() + 1;
            dependencies.push((package(key.get_ref(), value), line));
        }
    }
    Some((name, Manifest { path: path.to_owned(), dependencies }))
}

/// The package of a dependency, which may have another name there.
fn package(key: &str, value: &Spanned<DeValue<'_>>) -> String {
    let renamed = value.get_ref().get("package").and_then(|package| package.get_ref().as_str());
    renamed.unwrap_or(key).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let texts: Vec<(String, String)> = files
            .iter()
            .map(|(folder, rest)| {
                let name = folder.rsplit('/').next().unwrap_or_default();
                (format!("{folder}/Cargo.toml"), format!("[package]\nname = \"{name}\"\n{rest}"))
            })
            .collect();
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Tree::planted(&texts)
    }

    fn shown(found: &[Violation]) -> Vec<String> {
        found.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_dependency_on_a_crate_above_is_found() {
        let tree = tree(&[
            (
                "airssys-rt",
                "[dependencies]\nserde = \"1\"\nvalues = { package = \"airssys-wasm\", path = \"x\" }\n",
            ),
            ("airssys-wasm", "[dependencies]\nairssys-rt.workspace = true\n[dev-dependencies]\nkv = \"1\"\n"),
            ("services/kv", "[target.'cfg(unix)'.build-dependencies.nats]\npath = \"x\"\n"),
            ("services/blob", "[dependencies]\nkv = { path = \"../kv\" }\n"),
            ("backends/nats", "[dependencies]\nkv = { path = \"x\" }\nxtask = \"1\"\n"),
            ("xtask", "[dependencies]\nairssys-wasm = \"1\"\n"),
        ]);
        let mend = "move what both need to the lower crate";
        let expected = [
            format!(
                "airssys-rt/Cargo.toml:5: `airssys-rt` depends on `airssys-wasm`, which is above it; {mend}"
            ),
            format!("services/kv/Cargo.toml:3: `services/kv` depends on `nats`, which is above it; {mend}"),
            format!(
                "backends/nats/Cargo.toml:5: `backends/nats` depends on `xtask`, which is not in the table of \
                 crates; {mend}"
            ),
        ];
        let mut found = shown(&order(&tree));
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_crate_of_values_that_reaches_the_executor_or_the_engine_is_found() {
        let tree = tree(&[
            ("airssys-core", "[dependencies]\nthiserror = \"2\"\n[dev-dependencies]\ntokio = \"1\"\n"),
            ("airssys-rt", "[dependencies]\nairssys-core = \"1\"\ntokio-util = \"1\"\n"),
            ("airssys-spec", "[dependencies]\nairssys-core = \"1\"\nairssys-rt = \"1\"\nwasmtime = \"48\"\n"),
        ]);
        let mend = "pass in what needs it, or move that part to a crate above";
        let expected = [
            format!(
                "airssys-spec/Cargo.toml:5: `airssys-spec` depends on `airssys-rt`, which depends on \
                 `tokio-util`; {mend}"
            ),
            format!("airssys-spec/Cargo.toml:6: `airssys-spec` depends on `wasmtime`; {mend}"),
        ];
        assert_eq!(shown(&pure(&tree)), expected);
    }
}
