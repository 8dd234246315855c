//! Components that are crates.

mod inputs;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::{BuildError, TARGET};
use crate::event::BuildEvent;
use crate::help::RUST as HELP;
use crate::inputs::Built;
use crate::process::{clean, run};
use crate::record::hash_of;
use crate::sdk;

/// Returns a hash of the program's part in a build, and of the settings of cargo that come from the
/// environment.
pub(crate) fn program() -> String {
    let is_setting = |name: &str| name.starts_with("CARGO_PROFILE_") || name.starts_with("CARGO_SOURCE_");
    let mut settings: Vec<_> =
        std::env::vars_os().filter(|(name, _)| is_setting(&name.to_string_lossy())).collect();
    settings.sort();
    hash_of((include_str!("rust.rs"), settings))
}

pub(crate) fn build(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Built, BuildError> {
    let libraries = ensure_target(folder, tell)?;
    tell(BuildEvent::Building { folder: folder.to_owned() });
    let mut ran = run(cargo(folder), "cargo", HELP, tell)?;
    if !ran.success
        && sdk::is_missing(&ran.stderr)
        && let Some(own) = sdk::own_folder()
    {
        tell(BuildEvent::OwnSdk { folder: own.clone() });
        let mut cargo = cargo(folder);
        cargo.arg("--config").arg(sdk::patch(&own));
        ran = run(cargo, "cargo", HELP, tell)?;
    }
    if !ran.success {
        return Err(BuildError::Failed { folder: folder.to_owned(), output: ran.stderr });
    }
    let messages: Vec<Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let artifact = artifact(&messages, folder);
    let artifact = artifact.ok_or_else(|| BuildError::NoArtifact { folder: folder.to_owned() })?;
    let inputs = inputs::inputs(folder, &artifact, &messages, &libraries)?;
    Ok(Built { artifact, inputs })
}

fn cargo(folder: &Path) -> Command {
    let mut cargo = clean("cargo", folder);
    cargo.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    cargo
}

/// Adds the compilation target if it is missing. Returns the folder of its libraries.
fn ensure_target(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    let libraries = || {
        let mut rustc = clean("rustc", folder);
        rustc.args(["--print", "target-libdir", "--target", TARGET]);
        let ran = run(rustc, "rustc", HELP, &mut |_| {})?;
        Ok((ran.success, PathBuf::from(ran.stdout.trim())))
    };
    let (success, found) = libraries()?;
    if success && found.is_dir() {
        return Ok(found);
    }
    tell(BuildEvent::AddingTarget);
    let mut rustup = clean("rustup", folder);
    rustup.args(["target", "add", TARGET]);
    let added = run(rustup, "rustup", HELP, tell)?;
    match added.success {
        true => Ok(libraries()?.1),
        false => Err(BuildError::NoTarget { output: added.stderr }),
    }
}

/// The `.wasm` file among the artifacts that cargo named: the library of the folder's own crate.
fn artifact(messages: &[Value], folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    let own = |message: &&Value| {
        let path = message.get("manifest_path").and_then(Value::as_str);
        let kinds = message.pointer("/target/kind").and_then(Value::as_array);
        let is_library = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"));
        is_library
            && path.is_some_and(|path| Path::new(path).canonicalize().is_ok_and(|path| path == manifest))
    };
    let files = messages.iter().filter(own).filter_map(|message| message.get("filenames")?.as_array());
    let mut paths = files.flatten().filter_map(|name| name.as_str().map(PathBuf::from));
    paths.rfind(|path| path.extension().is_some_and(|extension| extension == "wasm"))
}
