//! The packages of `components/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::target::TARGET;
use crate::tool::{self, ToolError, clean_tool};

/// A failure to list or build the components.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GuestsError {
    #[error("the packages of components/ cannot be listed")]
    List(#[source] ToolError),
    #[error("the output of `cargo metadata` is not valid JSON")]
    Json(#[source] serde_json::Error),
    #[error("a component does not build")]
    Build(#[source] ToolError),
}

/// The packages of `components/`, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Guests {
    /// The folders of the components.
    pub(crate) folders: Vec<PathBuf>,
    /// The components' names.
    pub(crate) components: Vec<String>,
    /// The names of the libraries that components share.
    pub(crate) libraries: Vec<String>,
}

impl Guests {
    pub(crate) fn of(root: &Path) -> Result<Guests, GuestsError> {
        let mut cargo = clean_tool("cargo", &root.join("components"));
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let json = tool::read(cargo).map_err(GuestsError::List)?;
        Guests::of_metadata(&json).map_err(GuestsError::Json)
    }

    fn of_metadata(json: &str) -> Result<Guests, serde_json::Error> {
        let metadata: Value = serde_json::from_str(json)?;
        let mut guests = Guests::default();
        for package in list(&metadata["packages"]) {
            let name = package["name"].as_str().unwrap_or_default().to_owned();
            let kinds: Vec<&str> = list(&package["targets"])
                .iter()
                .flat_map(|target| list(&target["crate_types"]))
                .filter_map(Value::as_str)
                .collect();
            if kinds.contains(&"cdylib") {
                let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
                guests.folders.extend(manifest.parent().map(Path::to_owned));
                guests.components.push(name);
            } else if kinds.iter().any(|kind| matches!(*kind, "lib" | "rlib")) {
                guests.libraries.push(name);
            }
        }
        Ok(guests)
    }

    /// Compiles the components one by one, as `airssys` and the tests do. A build of all at once would
    /// choose other features for their shared dependencies.
    pub(crate) fn build(&self) -> Result<(), GuestsError> {
        for folder in &self.folders {
            let mut cargo = clean_tool("cargo", folder);
            cargo.args(["build", "--release", "--target", TARGET]);
            tool::run(cargo).map_err(GuestsError::Build)?;
        }
        Ok(())
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_and_libraries_are_told_apart() {
        let json = r#"{"packages": [
            {"name": "feed", "manifest_path": "c/feed/Cargo.toml", "targets": [{"crate_types": ["cdylib"]}]},
            {"name": "types", "manifest_path": "c/types/Cargo.toml", "targets": [{"crate_types": ["lib"]}]},
            {"name": "tool", "manifest_path": "c/tool/Cargo.toml", "targets": [{"crate_types": ["bin"]}]}
        ]}"#;
        let expected = Guests {
            folders: vec![PathBuf::from("c/feed")],
            components: vec!["feed".to_owned()],
            libraries: vec!["types".to_owned()],
        };
        assert_eq!(Guests::of_metadata(json).unwrap(), expected);
    }
}
