//! The dependencies of new crates: in a form that can be committed.

use crate::files::read_text;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::record::relative;
use crate::scaffold::error::ScaffoldError;
use crate::scaffold::folders::write_file;
use crate::scaffold::workspace::Workspace;
use crate::sdk::{self, NAME, VERSION};

const SERDE: &str = r#"{ version = "1", features = ["derive"] }"#;
const OF_WORKSPACE: &str = "{ workspace = true }";

/// The end of the manifest of a crate that has no workspace around it.
const ALONE: &str = r#"
[profile.release]
opt-level = "s"
lto = true
strip = true

# Makes this folder a workspace of its own, also within another workspace.
[workspace]
"#;

/// A file of cargo's settings that takes the SDK from a folder, because it is not released. Git ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patch {
    /// The file.
    pub file: PathBuf,
    /// The folder of the SDK.
    pub sdk: PathBuf,
    /// The version of the SDK that crates ask for.
    pub version: &'static str,
}

/// The values of the dependencies in a manifest.
pub(super) struct Dependencies {
    sdk: String,
    serde: String,
    end: &'static str,
    /// The folder of the SDK that cargo's settings have to name.
    patched: Option<PathBuf>,
}

impl Dependencies {
    /// Returns those of a crate, or of an app's own workspace, in this folder.
    pub(super) fn new(folder: &Path, around: Option<&Workspace>, sdk: Option<&Path>) -> Dependencies {
        let shared = |name: &str| around.is_some_and(|around| around.has_dependency(name));
        let mut patched = None;
        let released = toml_edit::Value::from(VERSION).to_string();
        let value = match (shared(NAME), sdk) {
            (true, _) => OF_WORKSPACE.to_owned(),
            (false, None) => released.clone(),
            (false, Some(sdk)) if is_same_repository(folder, sdk) => {
                let path = relative(folder, sdk).to_string_lossy().into_owned();
                format!("{{ version = {released}, path = {} }}", toml_edit::Value::from(path))
            }
            (false, Some(sdk)) => {
                patched = Some(sdk.to_owned());
                released.clone()
            }
        };
        Dependencies {
            sdk: value.trim().to_owned(),
            serde: if shared("serde") { OF_WORKSPACE } else { SERDE }.to_owned(),
            end: if around.is_some() { "" } else { ALONE },
            patched,
        }
    }

    /// Returns those of a crate in the workspace of a new app.
    pub(super) fn of_workspace() -> Dependencies {
        let value = || OF_WORKSPACE.to_owned();
        Dependencies { sdk: value(), serde: value(), end: "", patched: None }
    }

    /// Fills in a crate's name and its dependencies for their names in braces.
    pub(super) fn fill(&self, text: &str, name: &str) -> String {
        text.replace("{name}", name)
            .replace("{sdk}", &self.sdk)
            .replace("{serde}", &self.serde)
            .replace("{workspace}\n", self.end)
    }

    /// Writes cargo's settings into the root of a workspace, if they are needed. If the root has settings
    /// already, which may be committed, they go into the folder that was made.
    pub(super) fn patch(&self, root: &Path, folder: &Path) -> Result<Option<Patch>, ScaffoldError> {
        let Some(sdk) = &self.patched else { return Ok(None) };
        let has_settings =
            |root: &Path| [".cargo/config.toml", ".cargo/config"].iter().any(|name| root.join(name).exists());
        let settings = if has_settings(root) { folder } else { root }.join(".cargo");
        let file = settings.join("config.toml");
        let text = format!(
            "# {NAME} {VERSION} is taken from its source tree, because it is not released yet. Git ignores this\n\
             # file: each machine has its own. `airssys build` does without it.\n{}\n",
            sdk::patch(sdk)
        );
        write_file(&file, &text)?;
        ignore(&settings.join(".gitignore"))?;
        Ok(Some(Patch { file, sdk: sdk.clone(), version: VERSION }))
    }
}

/// Makes git ignore cargo's settings beside this `.gitignore`, and the file itself if it is new.
fn ignore(file: &Path) -> Result<(), ScaffoldError> {
    const SETTINGS: &str = "/config.toml";
    let text = match read_text(file) {
        Ok(text) if text.lines().any(|line| line.trim_end() == SETTINGS) => return Ok(()),
        Ok(text) if text.is_empty() || text.ends_with('\n') => format!("{text}{SETTINGS}\n"),
        Ok(text) => format!("{text}\n{SETTINGS}\n"),
        Err(error) if error.kind() == ErrorKind::NotFound => format!("/.gitignore\n{SETTINGS}\n"),
        Err(source) => return Err(ScaffoldError::Write { path: file.to_owned(), source }),
    };
    write_file(file, &text)
}

/// Returns true if a folder, which may not exist yet, is in the same git repository as another.
fn is_same_repository(folder: &Path, other: &Path) -> bool {
    let repository = folder.ancestors().find(|above| above.join(".git").exists());
    repository.is_some_and(|repository| other.starts_with(repository))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitignore_keeps_its_lines_and_names_the_settings_once() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join(".gitignore");
        let ignored = || {
            ignore(&file).unwrap();
            std::fs::read_to_string(&file).unwrap()
        };
        assert_eq!(ignored(), "/.gitignore\n/config.toml\n");
        for before in ["", "/credentials.toml\n", "/credentials.toml"] {
            std::fs::write(&file, before).unwrap();
            let lines = if before.is_empty() { "" } else { "/credentials.toml\n" };
            for _ in 0..2 {
                assert_eq!(ignored(), format!("{lines}/config.toml\n"));
            }
        }
    }
}
