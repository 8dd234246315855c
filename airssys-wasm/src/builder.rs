//! Builds components that are crates.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// What is told while components are built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildEvent {
    /// The compilation target is missing, and is being added through rustup.
    AddingTarget,
    /// This crate is being built.
    Building {
        /// Its folder.
        folder: PathBuf,
    },
    /// A line that cargo or rustup printed.
    Output(String),
}

/// Why a component was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder holds no crate.
    #[error("{} holds no Cargo.toml: a component's source is a crate folder or a .wasm file", folder.display())]
    NoCrate {
        /// The folder.
        folder: PathBuf,
    },
    /// A program that is needed cannot be run.
    #[error("`{program}` cannot be run; Rust is installed through rustup")]
    NoProgram {
        /// The program.
        program: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The compilation target is missing and rustup could not add it.
    #[error(
        "the target {TARGET} is missing and could not be added; try `rustup target add {TARGET}`\n{output}"
    )]
    NoTarget {
        /// What rustup printed.
        output: String,
    },
    /// cargo failed.
    #[error("{} does not build\n{output}", folder.display())]
    Failed {
        /// The crate's folder.
        folder: PathBuf,
        /// What cargo printed.
        output: String,
    },
    /// The crate made no component.
    #[error("{} made no .wasm file; its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`", folder.display())]
    NoArtifact {
        /// The crate's folder.
        folder: PathBuf,
    },
}

/// Builds the crate in a folder, optimised, and says where its `.wasm` file is. Adds the
/// compilation target through rustup if it is missing. Blocks until cargo has finished.
///
/// # Errors
/// [`BuildError`], with what the tools printed.
pub fn build(folder: &Path, mut tell: impl FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    if !folder.join("Cargo.toml").is_file() {
        return Err(BuildError::NoCrate { folder: folder.to_owned() });
    }
    ensure_target(folder, &mut tell)?;
    tell(BuildEvent::Building { folder: folder.to_owned() });
    let mut cargo = tool("cargo", folder);
    cargo.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    let ran = run(cargo, "cargo", &mut tell)?;
    if !ran.success {
        return Err(BuildError::Failed { folder: folder.to_owned(), output: ran.stderr });
    }
    let artifact = artifact(&ran.stdout, folder);
    artifact.ok_or_else(|| BuildError::NoArtifact { folder: folder.to_owned() })
}

fn ensure_target(folder: &Path, tell: &mut impl FnMut(BuildEvent)) -> Result<(), BuildError> {
    let mut rustc = tool("rustc", folder);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = run(rustc, "rustc", &mut |_| {})?;
    if libraries.success && Path::new(libraries.stdout.trim()).is_dir() {
        return Ok(());
    }
    tell(BuildEvent::AddingTarget);
    let mut rustup = tool("rustup", folder);
    rustup.args(["target", "add", TARGET]);
    let added = run(rustup, "rustup", tell)?;
    match added.success {
        true => Ok(()),
        false => Err(BuildError::NoTarget { output: added.stderr }),
    }
}

/// A tool of Rust's, run for a folder: with that folder's toolchain, and without what a cargo
/// that this program runs under has set for itself.
fn tool(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_foreign(name: &OsStr) -> bool {
    const USERS: [&str; 11] = [
        "CARGO_HOME",
        "CARGO_ALIAS_",
        "CARGO_BUILD_JOBS",
        "CARGO_HTTP_",
        "CARGO_INCREMENTAL",
        "CARGO_NET_",
        "CARGO_PROFILE_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    let name = name.to_string_lossy();
    let cargo = name.starts_with("CARGO") && !USERS.iter().any(|kept| name.starts_with(kept));
    let rustc = name.starts_with("RUSTC") || name == "RUSTFLAGS" || name == "RUSTDOCFLAGS";
    cargo || rustc || name == "RUSTUP_TOOLCHAIN" || name == "CLIPPY_ARGS" || name.starts_with("LLVM_PROFILE")
}

struct Ran {
    success: bool,
    stdout: String,
    stderr: String,
}

/// Runs a tool to its end; tells each line that it writes to its standard error.
fn run(
    mut command: Command,
    program: &'static str,
    tell: &mut impl FnMut(BuildEvent),
) -> Result<Ran, BuildError> {
    let failed = |source| BuildError::NoProgram { program, source };
    let mut child = command.spawn().map_err(failed)?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|mut stdout| stdout.read_to_end(&mut bytes)).transpose();
        read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
    });
    let mut stderr = String::new();
    for line in child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n')) {
        let line = String::from_utf8_lossy(&line.map_err(failed)?).trim_end().to_owned();
        stderr.push_str(&line);
        stderr.push('\n');
        tell(BuildEvent::Output(line));
    }
    let read = reader.join().map_err(|_| failed(std::io::ErrorKind::BrokenPipe.into()))?;
    let stdout = read.map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    Ok(Ran { success: status.success(), stdout, stderr })
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
