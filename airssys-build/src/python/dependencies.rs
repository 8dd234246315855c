//! The packages that a component in Python depends on: `pyproject.toml`, and `requirements.txt` as its lock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, read_text};
use crate::python::pip::{self, VERSION};

const HEADER: &str = "\
# The packages of the component, in the versions that `airssys build` has chosen for pyproject.toml. Keep this file.
# Remove it to have them chosen anew.
";

#[derive(Default, Deserialize)]
struct PyProject {
    #[serde(default)]
    project: Project,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
    requires_python: Option<String>,
}

/// The result of pip's resolution.
#[derive(Deserialize)]
struct Report {
    install: Vec<Resolved>,
}

#[derive(Deserialize)]
struct Resolved {
    metadata: Metadata,
    download_info: Download,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Download {
    archive_info: Option<Archive>,
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
}

/// Reads the dependencies of a component, which are to be installed for the Python inside it.
///
/// # Errors
/// [`BuildError::Project`] if the file has a mistake, or asks for another version of Python.
pub(super) fn read(folder: &Path) -> Result<Vec<String>, BuildError> {
    let file = folder.join("pyproject.toml");
    let text = read_text(&file).map_err(file_error(&file))?;
    let wrong = |problem: String| BuildError::Project { file: file.clone(), problem };
    let read: PyProject = toml::from_str(&text).map_err(|error| wrong(format!("has a mistake: {error}")))?;
    let Project { dependencies, requires_python } = read.project;
    if let Some(versions) = requires_python
        && !allows(&versions)
    {
        let problem = format!(
            "asks for Python {versions}, but components run Python {VERSION}; \
             change `requires-python` if the sources run on that"
        );
        return Err(wrong(problem));
    }
    Ok(dependencies)
}

/// Returns true if a version specifier allows [`VERSION`]. An unusual one is taken to allow it.
fn allows(versions: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u32>> {
        let plain = text.trim().trim_end_matches(".*");
        let mut numbers: Vec<u32> = plain.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        numbers.resize(2, 0);
        Some(numbers)
    };
    let Some(ours) = numbers(VERSION) else { return true };
    versions.split(',').all(|clause| {
        let clause = clause.trim();
        let at = clause.find(|letter: char| letter.is_ascii_digit()).unwrap_or(clause.len());
        let (operator, version) = clause.split_at(at);
        let Some(bound) = numbers(version) else { return true };
        let has_patch = version.split('.').count() > 2 && !version.ends_with(".*");
        match operator.trim() {
            ">=" => ours >= bound,
            ">" => ours > bound || (ours == bound && has_patch),
            "<" => ours < bound || (ours == bound && has_patch),
            "<=" => ours <= bound,
            "==" => ours == bound,
            "!=" => ours != bound || has_patch,
            "~=" => ours[0] == bound[0] && (ours[1] >= bound[1] && (!has_patch || ours[1] == bound[1])),
            _ => true,
        }
    })
}

/// Returns the `requirements.txt` of a component, if it needs packages. If only `pyproject.toml` names them, pip
/// chooses their versions, and the file is written. The flag is true if it was.
pub(super) fn lock(
    tools: &Path,
    folder: &Path,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Option<(PathBuf, bool)>, BuildError> {
    let dependencies = read(folder)?;
    let lock = folder.join("requirements.txt");
    let wrong = |problem: String| BuildError::Project { file: folder.join("pyproject.toml"), problem };
    if lock.is_file() {
        let text = read_text(&lock).map_err(file_error(&lock))?;
        return match absent(&dependencies, &text) {
            Some(name) => Err(wrong(format!(
                "names the dependency `{name}`, which requirements.txt lacks; add it there with its version and \
                 hash, or remove requirements.txt to have it written anew"
            ))),
            None => Ok(Some((lock, false))),
        };
    }
    if dependencies.is_empty() {
        return Ok(None);
    }
    tell(BuildEvent::Step("pip chooses the versions of its packages"));
    let report = pip::resolve(tools, folder, &dependencies, tell)?.map_err(|output| {
        wrong(format!(
            "names dependencies that cannot be installed; a component takes packages in pure Python that run on \
             Python {VERSION}\n{output}"
        ))
    })?;
    let report: Report = serde_json::from_str(&report)
        .map_err(|error| wrong(format!("has dependencies, but pip does not tell their versions: {error}")))?;
    let mut lines = HEADER.to_owned();
    for Resolved { metadata: Metadata { name, version }, download_info } in report.install {
        let hashes = download_info.archive_info.map(|archive| archive.hashes).unwrap_or_default();
        let Some(hash) = hashes.get("sha256") else {
            return Err(wrong(format!(
                "names `{name}`, but not as an archive with a hash; depend on a version of it"
            )));
        };
        lines.push_str(&format!("{name}=={version} --hash=sha256:{hash}\n"));
    }
    std::fs::write(&lock, lines).map_err(file_error(&lock))?;
    Ok(Some((lock, true)))
}

/// Returns the first dependency that a file of requirements lacks. Those with a marker may be absent.
fn absent(dependencies: &[String], requirements: &str) -> Option<String> {
    let lines = requirements.lines().map(str::trim);
    if lines.clone().any(|line| line.starts_with("-r") || line.starts_with("--requirement")) {
        return None;
    }
    let present: BTreeSet<String> = lines.map(name_of).collect();
    let needed = dependencies.iter().filter(|dependency| !dependency.contains(';')).map(|text| name_of(text));
    needed.into_iter().find(|name| !present.contains(name))
}

/// Returns the normalised name of a requirement.
fn name_of(requirement: &str) -> String {
    let is_separator = |letter: char| matches!(letter, '-' | '_' | '.');
    let is_of_name = |letter: &char| letter.is_ascii_alphanumeric() || is_separator(*letter);
    let name: String = requirement.trim().chars().take_while(is_of_name).collect();
    let parts = name.split(is_separator).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_of_python_are_compared_with_that_of_components() {
        for versions in [
            ">=3.14", ">=3.9", ">=3.9,<4", "~=3.10", "==3.14.*", "!=3.13", "<3.15", "<=3.14", ">3.13", "*",
            "",
        ] {
            assert!(allows(versions), "{versions}");
        }
        for versions in ["<3.14", ">=3.15", "==3.13.*", "~=3.13.1", ">=3.9,<3.13", ">=4", "!=3.14"] {
            assert!(!allows(versions), "{versions}");
        }
    }

    #[test]
    fn each_dependency_has_to_be_in_the_lock() {
        let lock = "# comment\nTyping_Extensions==4.1 \\\n    --hash=sha256:0\nidna==3\n";
        let absent = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            super::absent(&names, lock)
        };
        assert_eq!(absent(&["typing-extensions>=4", "IDNA[all]~=3.0"]), None);
        assert_eq!(absent(&["pears; python_version < '3'"]), None);
        assert_eq!(absent(&["idna", "pears >= 1"]), Some("pears".to_owned()));
    }
}
