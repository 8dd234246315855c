//! The SDK of components in Rust: released, or in the source tree of this program.

use std::path::{Path, PathBuf};

/// The crate.
pub(crate) const NAME: &str = "airssys-sdk";

/// The version that fits this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the folder of the SDK in the source tree of this library, if that still exists.
pub(crate) fn own_folder() -> Option<PathBuf> {
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../airssys-sdk"))
}

/// Returns the absolute path of a folder if it has a crate.
pub(crate) fn folder(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file())
}

/// Returns the setting of cargo that takes the SDK from a folder, as a key and a value of TOML.
pub(crate) fn patch(folder: &Path) -> String {
    let path = toml_edit::Value::from(folder.to_string_lossy().as_ref());
    format!("patch.crates-io.{NAME}.path = {path}")
}

/// Returns true if cargo's output says that it found no such crate where it looked.
pub(crate) fn is_missing(output: &str) -> bool {
    let missing = [
        format!("no matching package named `{NAME}` found"),
        format!("failed to load source for dependency `{NAME}`"),
    ];
    missing.iter().any(|text| output.contains(text))
}
