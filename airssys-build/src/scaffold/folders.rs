//! Names and files of new folders.

use std::path::{Path, PathBuf};

use airssys_spec::HOST_NAME;
use airssys_spec::pattern::check_component_name;

use crate::language::Language;
use crate::record::plain;
use crate::scaffold::error::ScaffoldError;
use crate::scaffold::template::Template;

/// Names that cargo refuses for a crate, and names of the template's dependencies.
const RESERVED: [&str; 42] = [
    "abstract",
    "airssys-sdk",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "super",
    "test",
];

/// Returns the path of a folder that may not exist yet, without links and `..`.
pub(super) fn settled(folder: &Path) -> PathBuf {
    let existing = folder.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    existing.map_or_else(
        || folder.to_owned(),
        |(above, real)| plain(&real.join(folder.strip_prefix(above).unwrap_or(folder))),
    )
}

/// Returns the name of a new folder if a component or an app can have it.
pub(super) fn check_name(folder: &Path, language: Language) -> Result<String, ScaffoldError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_component_name(&name).map_err(|source| ScaffoldError::Name { name: name.clone(), source })?;
    let reserved = language == Language::Rust && RESERVED.contains(&name.as_str());
    match reserved || name == HOST_NAME {
        true => Err(ScaffoldError::Reserved { name }),
        false => Ok(name),
    }
}

/// Refuses a folder with files.
pub(super) fn check_empty(folder: &Path) -> Result<(), ScaffoldError> {
    match folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        true => Err(ScaffoldError::Exists { folder: folder.to_owned() }),
        false => Ok(()),
    }
}

/// Writes the files of templates into a folder, after `fill` has put values in the place of names.
pub(super) fn write(
    folder: &Path,
    templates: &[Template],
    fill: impl Fn(&str) -> String,
) -> Result<(), ScaffoldError> {
    for (file, text) in templates.iter().flat_map(|template| template.iter()) {
        write_file(&folder.join(file), &fill(text))?;
    }
    Ok(())
}

/// Writes a file, and makes its folder.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), ScaffoldError> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| std::fs::write(path, text));
    written.map_err(|source| ScaffoldError::Write { path: path.to_owned(), source })
}
