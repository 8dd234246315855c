//! The project of a component: its `package.json`, and the lock file of its packages.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::BuildError;
use crate::files::{file_error, read, read_text};

/// The file with the versions of all packages.
pub(super) const LOCK: &str = "package-lock.json";

/// The entries of a `package.json` that a build needs.
pub(super) struct Project {
    pub(super) main: String,
    pub(super) has_dependencies: bool,
    /// The folder with the lock file and `node_modules`. It is the component's own, or the root of the npm
    /// workspace that the component is in.
    pub(super) packages: PathBuf,
}

impl Project {
    pub(super) fn read(folder: &Path) -> Result<Project, BuildError> {
        let file = folder.join("package.json");
        let text = read_text(&file).map_err(file_error(&file))?;
        let wrong = |problem: String| BuildError::Project { file: file.clone(), problem };
        let json: Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        let main = json.get("main").and_then(Value::as_str).unwrap_or("index.js").to_owned();
        if !folder.join(&main).is_file() {
            return Err(wrong(format!("names `{main}` as its main file, which does not exist")));
        }
        let dependencies = json.get("dependencies").and_then(Value::as_object);
        let has_dependencies = dependencies.is_some_and(|dependencies| !dependencies.is_empty());
        let locked = locked_in(folder);
        if has_dependencies && locked.is_none() {
            return Err(wrong(unlocked(folder)));
        }
        Ok(Project { main, has_dependencies, packages: locked.unwrap_or_else(|| folder.to_owned()) })
    }
}

/// Returns the folder whose lock file has the packages of a component. The lock file of a workspace names
/// the folders of its members, relative to its own.
fn locked_in(folder: &Path) -> Option<PathBuf> {
    if folder.join(LOCK).is_file() {
        return Some(folder.to_owned());
    }
    let names = |above: &&Path| {
        let member = folder.strip_prefix(above).ok()?.to_str()?.replace('\\', "/");
        json(&above.join(LOCK)).get("packages")?.get(&member).map(drop)
    };
    folder.ancestors().skip(1).find(|above| names(above).is_some()).map(Path::to_owned)
}

/// Returns the problem of a component without a lock file, as a sentence without its subject.
fn unlocked(folder: &Path) -> String {
    let is_workspace = |above: &&Path| json(&above.join("package.json")).get("workspaces").is_some();
    match folder.ancestors().skip(1).find(is_workspace) {
        Some(root) => {
            let root = root.display();
            format!(
                "names dependencies, but has no {LOCK} beside it, and the one of the workspace {root} does \
                 not name its folder; run `npm install` in {root}"
            )
        }
        None => format!("names dependencies, but has no {LOCK} beside it; `npm install` makes it"),
    }
}

/// Returns the content of a file, or null if it does not exist or is not JSON.
fn json(file: &Path) -> Value {
    serde_json::from_slice(&read(file).unwrap_or_default()).unwrap_or_default()
}
