//! The tools of languages other than Rust, pinned and installed into a folder of their own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, locked, write_all};
use crate::language::Language;
use crate::recipe::Recipe;

/// The file that marks a folder of tools as completely installed.
const COMPLETE: &str = "complete";

/// Returns the folder of a language's tools, installed or not. Each set of pins has its own folder.
pub(crate) fn tools_folder(language: Language, recipe: &Recipe) -> Result<PathBuf, BuildError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let tools = set("AIRSSYS_TOOLS_DIR").or_else(|| cache().map(|cache| cache.join("airssys-tools")));
    let tools = tools.ok_or(BuildError::NoToolsFolder)?;
    let mut hasher = DefaultHasher::new();
    recipe.pins.hash(&mut hasher);
    let name = format!("{}-{:016x}", language.to_string().to_lowercase(), hasher.finish());
    std::path::absolute(tools.join(&name)).map_err(file_error(&tools))
}

/// Installs the tools of a language into a folder, unless they are installed already.
pub(crate) fn ensure(
    folder: &Path,
    language: Language,
    recipe: &Recipe,
    tell: &mut dyn FnMut(BuildEvent),
    install: impl FnOnce(&mut dyn FnMut(BuildEvent)) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let complete = folder.join(COMPLETE);
    if complete.is_file() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(file_error(parent))?;
    let _one_at_a_time = locked(&folder.with_extension("lock"))?;
    if complete.is_file() {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(file_error(folder))?;
    }
    tell(BuildEvent::InstallingTools { language });
    write_all(folder, recipe.pins)?;
    install(tell)?;
    std::fs::write(&complete, "").map_err(file_error(&complete))
}
