//! Components that are not crates. They are built again only if their sources changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, locked, remove, write_all};
use crate::language::Language;
use crate::recipe::{Recipe, Work};
use crate::tools::tools_folder;
use crate::{javascript, python};

/// The contract against which components are built.
const WIT: &str = include_str!("../../wit/component.wit");

/// Folders of a component that hold no sources.
const NO_SOURCES: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Builds a component if something has changed since the last build.
pub(crate) fn build(
    folder: &Path,
    language: Language,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<PathBuf, BuildError> {
    let recipe = match language {
        Language::Python => &python::RECIPE,
        _ => &javascript::RECIPE,
    };
    let folder = std::path::absolute(folder).map_err(file_error(folder))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = folder.join("target/airssys");
    std::fs::create_dir_all(&target).map_err(file_error(&target))?;
    let _one_at_a_time = locked(&target.join("lock"))?;
    let wasm = target.join(format!("{name}.wasm"));
    let stamp = target.join("stamp");
    let made_of = format!("{:016x}", fingerprint(&folder, recipe)?);
    if wasm.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_of) {
        return Ok(wasm);
    }
    remove(&stamp)?;
    let tools = tools_folder(language, recipe)?;
    let work = Work { wit: target.join("wit"), sdk: target.join("sdk"), folder, target, tools, wasm };
    write_all(&work.wit, &[("component.wit", WIT)])?;
    write_all(&work.sdk, recipe.sdk)?;
    match language {
        Language::Python => python::build(&work, tell)?,
        _ => javascript::build(&work, tell)?,
    }
    std::fs::write(&stamp, made_of).map_err(file_error(&stamp))?;
    Ok(work.wasm)
}

/// Returns a hash of the component's sources, the contract, the SDK and the pins of the tools.
fn fingerprint(folder: &Path, recipe: &Recipe) -> Result<u64, BuildError> {
    let mut hasher = DefaultHasher::new();
    (WIT, recipe.pins, recipe.sdk).hash(&mut hasher);
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = next.read_dir().and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut paths: Vec<_> =
            entries.map_err(file_error(&next))?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || NO_SOURCES.contains(&name.as_ref()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).map_err(file_error(&path))?;
                // The path is relative, because one folder can be reached by many paths.
                (path.strip_prefix(folder).ok(), content).hash(&mut hasher);
            }
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_depends_on_sources_only_whatever_the_path_to_them() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        std::fs::create_dir_all(at("hello/src")).unwrap();
        std::fs::create_dir_all(at("other")).unwrap();
        std::fs::write(at("hello/src/main.py"), "x = 1").unwrap();
        let made_of = |folder: &str| fingerprint(&at(folder), &python::RECIPE).unwrap();
        let before = made_of("hello");
        assert_eq!(made_of("other/../hello"), before);
        // Build products and hidden files do not count.
        std::fs::create_dir_all(at("hello/target/airssys")).unwrap();
        std::fs::write(at("hello/target/airssys/hello.wasm"), "code").unwrap();
        std::fs::write(at("hello/.editor"), "").unwrap();
        assert_eq!(made_of("hello"), before);
        std::fs::rename(at("hello/src/main.py"), at("hello/src/other.py")).unwrap();
        let renamed = made_of("hello");
        assert_ne!(renamed, before);
        std::fs::write(at("hello/src/other.py"), "x = 2").unwrap();
        assert_ne!(made_of("hello"), renamed);
    }
}
