//! The components in languages other than Rust, which `airssys` itself builds.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::test::Runner;
use crate::tool::{self, ToolError, tool};

/// Each of these files marks the folder of such a component.
const PROJECTS: [&str; 2] = ["package.json", "pyproject.toml"];

/// A failure to build the components.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LanguagesError {
    #[error("components/ cannot be listed")]
    List(#[source] io::Error),
    #[error("`airssys`, which builds them, cannot be built")]
    Program(#[source] ToolError),
    #[error("cargo built no program `airssys`")]
    NoProgram,
    #[error(
        "a component cannot be built; install Node.js with npm, and Python with venv, as docs/languages.md says"
    )]
    Build(#[source] ToolError),
}

/// Builds the components, and has the host compile them ahead of time. A debug build of the host takes
/// half a minute for one in Python, so the tests load the result from the cache.
pub(crate) fn build(root: &Path) -> Result<(), LanguagesError> {
    let mut cargo = Runner::Cargo.build(root);
    cargo.args(["--quiet", "--message-format", "json"]);
    let messages = tool::read(cargo).map_err(LanguagesError::Program)?;
    let program = program(&messages).ok_or(LanguagesError::NoProgram)?;
    for folder in folders(&root.join("components")).map_err(LanguagesError::List)? {
        let mut airssys = tool(&program, root);
        airssys.arg("check").arg(folder);
        if let Some(target) = Path::new(&program).ancestors().nth(2) {
            airssys.env("AIRSSYS_CACHE_DIR", target.join("tmp/components"));
        }
        tool::run(airssys).map_err(LanguagesError::Build)?;
    }
    Ok(())
}

/// Returns the folders of the components, sorted by name.
fn folders(components: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = components.read_dir()?.collect::<io::Result<Vec<_>>>()?;
    let mut folders: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    folders.retain(|folder| PROJECTS.iter().any(|project| folder.join(project).is_file()));
    folders.sort();
    Ok(folders)
}

/// Returns the path of the program `airssys` that cargo has built for the tests.
fn program(messages: &str) -> Option<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| {
        message["target"]["name"] == "airssys"
            && message["target"]["kind"][0] == "bin"
            && message["profile"]["test"] == false
    });
    programs.find_map(|message| Some(message["executable"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_distinguished_from_its_tests_and_from_libraries() {
        let artifact = |name: &str, kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"target": {{"name": "{name}", "kind": ["{kind}"]}}, "profile": {{"test": {test}}}, "executable": {executable}}}"#
            )
        };
        let messages = [
            artifact("airssys", "lib", false, "null"),
            artifact("airssys", "bin", true, r#""t/deps/airssys-1""#),
            artifact("xtask", "bin", false, r#""t/xtask""#),
            artifact("airssys", "bin", false, r#""t/airssys""#),
            r#"{"reason": "build-finished"}"#.to_owned(),
        ];
        assert_eq!(program(&messages.join("\n")), Some("t/airssys".to_owned()));
        assert_eq!(program(&messages[..3].join("\n")), None);
    }

    #[test]
    fn only_folders_with_a_project_file_are_built() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b/pyproject.toml", "a/package.json", "rust/Cargo.toml", "README.md"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(folders(folder.path()).unwrap(), [folder.path().join("a"), folder.path().join("b")]);
    }
}
