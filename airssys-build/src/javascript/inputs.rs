//! The inputs of a bundle, as esbuild reports them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::BuildError;
use crate::files::{file_error, read, read_text};
use crate::inputs::Inputs;
use crate::javascript::npm::{self, by_text};
use crate::javascript::project::{LOCK, Project};
use crate::recipe::Work;

/// The endings that esbuild adds to the path of an import, in its order.
const ENDINGS: [&str; 6] = [".tsx", ".ts", ".jsx", ".js", ".css", ".json"];

/// The endings that stand for those of the files they are compiled into.
const COMPILED: [(&str, &[&str]); 4] =
    [(".js", &[".ts", ".tsx"]), (".jsx", &[".ts", ".tsx"]), (".mjs", &[".mts"]), (".cjs", &[".cts"])];

/// The files that say how the sources beside and below them are meant.
const SETTINGS: [&str; 3] = ["package.json", "tsconfig.json", "jsconfig.json"];

/// Returns the inputs of the bundle that this metafile describes.
///
/// These are the files that esbuild read, wherever they are, and the files that it would have preferred to
/// one of them. Files of the tools and of the SDK belong to the program.
pub(super) fn inputs(
    work: &Work,
    project: &Project,
    tools: &Path,
    metafile: &Path,
) -> Result<Inputs, BuildError> {
    let text = read(metafile).map_err(file_error(metafile))?;
    let report: Value = serde_json::from_slice(&text).unwrap_or_default();
    let mut inputs = Inputs::new();
    let Some(files) = report.get("inputs").and_then(Value::as_object) else {
        inputs.complete = false;
        return Ok(inputs);
    };
    for name in SETTINGS.iter().chain(&[LOCK]) {
        inputs.probe(&work.folder.join(name));
    }
    if project.has_dependencies {
        inputs.probe(&project.packages.join(LOCK));
    }
    for (name, details) in files {
        // The path is relative to the folder. An import that a package turns off has a mark before it.
        let path = by_text(&work.folder.join(name.trim_start_matches("(disabled):")));
        let folder = path.parent().unwrap_or(&path);
        if path.starts_with(tools) || path.starts_with(&work.sdk) {
            continue;
        }
        inputs.complete &= inputs.probe(&path);
        inputs.probe_upwards(folder, &SETTINGS);
        for import in details.get("imports").and_then(Value::as_array).into_iter().flatten() {
            if let Some(original) = import.get("original").and_then(Value::as_str) {
                probe_import(&mut inputs, folder, original);
            }
        }
    }
    follow_extends(&mut inputs);
    for archive in npm::archives(&project.packages) {
        inputs.probe(&archive);
    }
    Ok(inputs)
}

/// Adds the files that an import can mean, up to the one that it means.
fn probe_import(inputs: &mut Inputs, folder: &Path, import: &str) {
    if import.starts_with('.') {
        probe_path(inputs, &folder.join(import));
        return;
    }
    if import.starts_with('/') || import.starts_with('#') || import == "airssys" || import.contains(':') {
        return;
    }
    let names = if import.starts_with('@') { 2 } else { 1 };
    let package: PathBuf = import.split('/').take(names).collect();
    for above in folder.ancestors() {
        let modules = above.join("node_modules");
        if inputs.probe(&modules.join(&package).join("package.json"))
            || probe_path(inputs, &modules.join(import))
        {
            return;
        }
    }
}

/// Adds the files that a path can mean, up to the one that exists. Returns true if one does.
fn probe_path(inputs: &mut Inputs, path: &Path) -> bool {
    let path = by_text(path);
    let text = path.to_string_lossy().into_owned();
    let with = |ending: &&str| PathBuf::from(format!("{text}{ending}"));
    let compiled = COMPILED.iter().filter_map(|(from, to)| Some((text.strip_suffix(from)?, to)));
    let compiled =
        compiled.flat_map(|(stem, to)| to.iter().map(move |to| PathBuf::from(format!("{stem}{to}"))));
    let candidates: Vec<PathBuf> = std::iter::once(path.clone())
        .chain(ENDINGS.iter().map(with))
        .chain(compiled)
        .chain([path.join("package.json")])
        .chain(ENDINGS.iter().map(|ending| path.join(format!("index{ending}"))))
        .collect();
    candidates.iter().any(|candidate| inputs.probe(candidate))
}

/// Adds the files that a `tsconfig.json` extends, which esbuild reads without reporting them.
fn follow_extends(inputs: &mut Inputs) {
    let is_config = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let mut configs: Vec<PathBuf> = inputs
        .files
        .iter()
        .filter(is_config)
        .filter(|path| path.file_stem().is_some_and(|stem| stem == "tsconfig" || stem == "jsconfig"))
        .cloned()
        .collect();
    while let Some(config) = configs.pop() {
        let folder = config.parent().unwrap_or(&config).to_owned();
        for extended in extended(&read_text(&config).unwrap_or_default()) {
            let known = inputs.files.clone();
            probe_import(inputs, &folder, &extended);
            configs.extend(inputs.files.difference(&known).cloned());
        }
    }
}

/// Returns the paths after `"extends":`. The file is not plain JSON, because it may have comments.
fn extended(config: &str) -> Vec<String> {
    let Some((_, after)) = config.split_once("\"extends\"") else { return Vec::new() };
    let after = after.trim_start().trim_start_matches(':').trim_start();
    let value = match after.strip_prefix('[') {
        Some(list) => list.split(']').next().unwrap_or_default(),
        None => after.split_inclusive('"').nth(1).unwrap_or_default(),
    };
    match after.starts_with('[') {
        true => value.split('"').skip(1).step_by(2).map(str::to_owned).collect(),
        false => value.strip_suffix('"').map(str::to_owned).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_configs_are_read_past_comments() {
        assert_eq!(extended("{ // mine\n \"extends\" : \"../base\",\n \"files\": [\"a\"] }"), ["../base"]);
        assert_eq!(extended("{ \"extends\": [\"./a.json\", \"./b\"], \"x\": \"y\" }"), ["./a.json", "./b"]);
        assert!(extended("{ \"files\": [\"a\"] }").is_empty());
    }

    #[test]
    fn import_probes_the_preferred_files_up_to_the_one_that_exists() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        std::fs::write(at("y.js"), "").unwrap();
        let mut inputs = Inputs::new();
        probe_import(&mut inputs, scratch.path(), "./y");
        assert!(inputs.files.contains(&at("y.js")));
        for preferred in ["y", "y.tsx", "y.ts", "y.jsx"] {
            assert!(inputs.absent.contains(&at(preferred)), "{preferred}");
        }
        assert!(!inputs.absent.contains(&at("y.css")));
    }
}
