//! The inputs of a component in Python, as its imports report them.

use std::path::{Path, PathBuf};

use airssys_spec::manifest::without_dots;
use serde::Deserialize;

use crate::error::BuildError;
use crate::files::{file_error, read, read_text};
use crate::inputs::Inputs;
use crate::recipe::Work;

/// The folder `src` of the component, as Python sees it: the first of its search path.
const SOURCES: &str = "/0";

/// The files that say which packages a component has.
const PROJECT: [&str; 2] = ["pyproject.toml", "requirements.txt"];

/// The record that `airssys_main.py` writes.
#[derive(Deserialize)]
struct Imports {
    /// Python's search path.
    path: Vec<String>,
    /// Each module that was looked for, with the search path of the package that it is in.
    looked_for: Vec<(String, Option<Vec<String>>)>,
    /// The files that were read.
    files: Vec<String>,
}

/// Returns the inputs that this record names.
///
/// These are the modules and the other files that were read while the component was built, and the files
/// that Python would have preferred to them. The packages follow from the requirements.
pub(super) fn inputs(work: &Work, record: &Path) -> Result<Inputs, BuildError> {
    let text = read(record).map_err(file_error(record))?;
    let mut inputs = Inputs::new();
    for name in PROJECT {
        inputs.probe(&work.folder.join(name));
    }
    add_requirements(&mut inputs, &work.folder.join("requirements.txt"));
    let Ok(imports) = serde_json::from_slice::<Imports>(&text) else {
        inputs.complete = false;
        return Ok(inputs);
    };
    let sources = work.folder.join("src");
    let on_host = |path: &str| match path.strip_prefix(SOURCES)? {
        "" => Some(sources.clone()),
        below => below.strip_prefix('/').map(|below| sources.join(below)),
    };
    for (name, package) in &imports.looked_for {
        let last = name.rsplit('.').next().unwrap_or(name);
        for folder in package.as_ref().unwrap_or(&imports.path).iter().filter_map(|path| on_host(path)) {
            inputs.probe(&folder.join(last).join("__init__.py"));
            inputs.probe(&folder.join(format!("{last}.py")));
        }
    }
    for file in imports.files.iter().filter_map(|path| on_host(path)) {
        inputs.probe(&file);
    }
    Ok(inputs)
}

/// Adds the files that a file of requirements names, and those that they name.
fn add_requirements(inputs: &mut Inputs, file: &Path) {
    let mut files = vec![file.to_owned()];
    while let Some(file) = files.pop() {
        let folder = file.parent().unwrap_or(&file);
        let text = read_text(&file).unwrap_or_default();
        for named in text.lines().filter_map(named_file) {
            let path = without_dots(&folder.join(named));
            if !inputs.files.contains(&path) && inputs.probe(&path) {
                files.push(path);
            }
        }
    }
}

/// Returns the file of requirements or of constraints that a line names.
fn named_file(line: &str) -> Option<PathBuf> {
    let options = ["--requirement", "--constraint", "-r", "-c"];
    let rest = options.iter().find_map(|option| line.trim().strip_prefix(option))?;
    let rest = rest.trim_start_matches(['=', ' ']).split(" #").next().unwrap_or_default().trim();
    (!rest.is_empty()).then(|| PathBuf::from(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_name_other_files() {
        for line in ["-r more.txt", "-rmore.txt", "--requirement=more.txt", "  -c more.txt # why"] {
            assert_eq!(named_file(line), Some("more.txt".into()), "{line}");
        }
        assert_eq!(named_file("requests==2 --hash=sha256:0"), None);
    }
}
