//! Components that are crates.

use std::path::{Path, PathBuf};

use crate::error::{BuildError, TARGET};
use crate::event::BuildEvent;
use crate::process::{clean, run};

const HELP: &str = "Rust is installed through rustup";

pub(crate) fn build(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    ensure_target(folder, tell)?;
    tell(BuildEvent::Building { folder: folder.to_owned() });
    let mut cargo = clean("cargo", folder);
    cargo.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    let ran = run(cargo, "cargo", HELP, tell)?;
    if !ran.success {
        return Err(BuildError::Failed { folder: folder.to_owned(), output: ran.stderr });
    }
    let artifact = artifact(&ran.stdout, folder);
    artifact.ok_or_else(|| BuildError::NoArtifact { folder: folder.to_owned() })
}

fn ensure_target(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<(), BuildError> {
    let mut rustc = clean("rustc", folder);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = run(rustc, "rustc", HELP, &mut |_| {})?;
    if libraries.success && Path::new(libraries.stdout.trim()).is_dir() {
        return Ok(());
    }
    tell(BuildEvent::AddingTarget);
    let mut rustup = clean("rustup", folder);
    rustup.args(["target", "add", TARGET]);
    let added = run(rustup, "rustup", HELP, tell)?;
    match added.success {
        true => Ok(()),
        false => Err(BuildError::NoTarget { output: added.stderr }),
    }
}

/// The `.wasm` file among the artifacts that cargo named: the library of the folder's own crate.
fn artifact(messages: &str, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    let own = |message: &serde_json::Value| {
        let path = message.get("manifest_path").and_then(serde_json::Value::as_str);
        let kinds = message.pointer("/target/kind").and_then(serde_json::Value::as_array);
        let is_library = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"));
        is_library
            && path.is_some_and(|path| Path::new(path).canonicalize().is_ok_and(|path| path == manifest))
    };
    let parsed = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let files = parsed.filter(own).filter_map(|message| message.get("filenames").cloned());
    let names = files.flat_map(|files| files.as_array().cloned().unwrap_or_default());
    let mut paths = names.filter_map(|name| name.as_str().map(PathBuf::from));
    paths.rfind(|path| path.extension().is_some_and(|extension| extension == "wasm"))
}
