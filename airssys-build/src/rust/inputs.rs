//! The inputs of a crate, as cargo and rustc report them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::BuildError;
use crate::files::read_text;
use crate::help::RUST as HELP;
use crate::inputs::Inputs;
use crate::process::{clean, run};

/// The files above a crate in which cargo looks for its workspace and its settings.
const SETTINGS: [&str; 5] =
    ["Cargo.toml", ".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];

/// Returns the inputs of an artifact.
///
/// Its dep-info has the sources of the crate and of all crates that it depends on by path, with the files
/// that their build scripts watch. Other crates are in the lock file, by version and hash.
pub(super) fn inputs(
    folder: &Path,
    artifact: &Path,
    messages: &[Value],
    libraries: &Path,
) -> Result<Inputs, BuildError> {
    let mut inputs = Inputs::new();
    inputs.probe_upwards(folder, &SETTINGS);
    match workspace(folder)? {
        Some(manifest) => {
            let lock = manifest.with_file_name("Cargo.lock");
            inputs.complete &= inputs.probe(&lock);
            inputs.written.insert(lock);
        }
        None => inputs.complete = false,
    }
    for manifest in
        messages.iter().filter(|message| is_local(message)).filter_map(|m| text(m, "manifest_path"))
    {
        inputs.probe(Path::new(manifest));
    }
    let generated = add_build_scripts(&mut inputs, messages);
    add_sources(&mut inputs, artifact, &generated);
    add_variables(&mut inputs, messages, artifact);
    add_compiler(&mut inputs, libraries);
    Ok(inputs)
}

/// Returns the manifest of the crate's workspace, which may be its own.
fn workspace(folder: &Path) -> Result<Option<PathBuf>, BuildError> {
    let mut cargo = clean("cargo", folder);
    cargo.args(["locate-project", "--workspace", "--message-format=plain"]);
    let ran = run(cargo, "cargo", HELP, &mut |_| {})?;
    Ok(ran.success.then(|| PathBuf::from(ran.stdout.trim())))
}

/// Returns true if a message is about a crate in a folder, not about one from a registry.
fn is_local(message: &Value) -> bool {
    text(message, "package_id").is_some_and(|id| id.starts_with("path+file:"))
}

fn text<'a>(message: &'a Value, key: &str) -> Option<&'a str> {
    message.get(key).and_then(Value::as_str)
}

/// Adds the sources in the artifact's dep-info: a line `ARTIFACT: SOURCE SOURCE…`.
fn add_sources(inputs: &mut Inputs, artifact: &Path, generated: &[PathBuf]) {
    let info = read_text(artifact.with_extension("d")).unwrap_or_default();
    let sources = sources(&info, artifact);
    inputs.complete &= !sources.is_empty();
    for source in
        sources.into_iter().filter(|source| !generated.iter().any(|folder| source.starts_with(folder)))
    {
        // A folder that a build script watches counts with all that is in it. Only cargo looks there.
        inputs.complete &= source.is_absolute() && inputs.probe(&source);
    }
}

/// Reads a dep-info file. A space in a path has `\` before it.
fn sources(info: &str, artifact: &Path) -> Vec<PathBuf> {
    let escaped = |path: &Path| path.to_string_lossy().replace(' ', "\\ ");
    let start = format!("{}:", escaped(artifact));
    let Some(line) = info.lines().find_map(|line| line.strip_prefix(&start)) else { return Vec::new() };
    let line = line.replace("\\ ", "\0");
    line.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " "))).collect()
}

/// Adds the variables that build scripts watch. Returns the folders of the files that they generate.
fn add_build_scripts(inputs: &mut Inputs, messages: &[Value]) -> Vec<PathBuf> {
    let mut generated = Vec::new();
    let executed = |message: &&Value| text(message, "reason") == Some("build-script-executed");
    for message in messages.iter().filter(executed) {
        let Some(folder) = text(message, "out_dir").map(PathBuf::from) else { continue };
        let output = folder.parent().map(|parent| parent.join("output"));
        let output = output.and_then(|output| read_text(output).ok());
        let watched = watched(&output.unwrap_or_default());
        // A build script that watches nothing in particular runs when any file of its crate changes.
        inputs.complete &= !is_local(message) || watched.any;
        inputs.variables.extend(watched.variables);
        generated.push(folder);
    }
    generated
}

/// The part of a build script's output that says when it has to run again.
#[derive(Debug, Default, PartialEq, Eq)]
struct Watched {
    any: bool,
    variables: Vec<String>,
}

fn watched(output: &str) -> Watched {
    let mut watched = Watched::default();
    for line in output.lines() {
        let Some(instruction) = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:")) else {
            continue;
        };
        if let Some(name) = instruction.strip_prefix("rerun-if-env-changed=") {
            watched.any = true;
            watched.variables.push(name.to_owned());
        }
        watched.any |= instruction.starts_with("rerun-if-changed=");
    }
    watched
}

/// Adds the variables that sources read with `env!`, which rustc notes in the dep-info of each crate.
fn add_variables(inputs: &mut Inputs, messages: &[Value], artifact: &Path) {
    let local = messages.iter().filter(|message| is_local(message));
    let names = local.filter_map(|message| message.pointer("/target/name")?.as_str());
    let names: Vec<String> = names.map(|name| name.replace('-', "_")).collect();
    let folder = artifact.with_file_name("deps");
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = file.strip_suffix(".d") else { continue };
        let krate = stem.rsplit_once('-').map_or(stem, |(krate, _)| krate);
        if names.iter().any(|name| name == krate) {
            let info = read_text(entry.path()).unwrap_or_default();
            inputs.variables.extend(variables(&info));
        }
    }
}

/// Returns the variables in a dep-info file, but for those that cargo sets.
fn variables(info: &str) -> Vec<String> {
    let noted = info.lines().filter_map(|line| line.strip_prefix("# env-dep:"));
    let names = noted.map(|variable| variable.split('=').next().unwrap_or_default());
    let users = names.filter(|name| !name.starts_with("CARGO") && *name != "OUT_DIR");
    users.map(str::to_owned).collect()
}

/// Adds files that change with the compiler, and those that choose it.
fn add_compiler(inputs: &mut Inputs, libraries: &Path) {
    let rustlib = libraries.ancestors().nth(2).unwrap_or(libraries);
    let components = ["multirust-channel-manifest.toml", "components", "rust-installer-version"];
    inputs
        .compiler
        .extend(components.map(|name| rustlib.join(name)).into_iter().filter(|path| path.is_file()));
    let home = |name: &str, folder: &str| {
        let set = std::env::var_os(name).map(PathBuf::from);
        set.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(folder)))
    };
    let settings = [
        home("RUSTUP_HOME", ".rustup").map(|home| home.join("settings.toml")),
        home("CARGO_HOME", ".cargo").map(|home| home.join("config.toml")),
    ];
    for path in settings.into_iter().flatten() {
        let known = if path.is_file() { &mut inputs.compiler } else { &mut inputs.absent };
        known.insert(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_spaces() {
        let info = "/a\\ b/x.wasm: /a\\ b/src/lib.rs /c/build.rs\n";
        let expected: [PathBuf; 2] = ["/a b/src/lib.rs".into(), "/c/build.rs".into()];
        assert_eq!(sources(info, Path::new("/a b/x.wasm")), expected);
        assert!(sources(info, Path::new("/a b/y.wasm")).is_empty());
    }

    #[test]
    fn build_scripts_watch_files_and_variables() {
        let output = "cargo:rerun-if-changed=x\ncargo::rerun-if-env-changed=LANGUAGE\nhello\n";
        assert_eq!(watched(output), Watched { any: true, variables: vec!["LANGUAGE".to_owned()] });
        assert_eq!(watched("cargo:rustc-cfg=x\n"), Watched::default());
    }

    #[test]
    fn variables_of_the_user_are_noted() {
        let info =
            "x.d: src/lib.rs\n\n# env-dep:CARGO_PKG_NAME=x\n# env-dep:GREETING=hello\n# env-dep:UNSET\n";
        assert_eq!(variables(info), ["GREETING", "UNSET"]);
    }
}
