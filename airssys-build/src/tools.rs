//! The tools of languages other than Rust, pinned and installed into a folder of their own.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use airssys_spec::file::{check_trusted, create_folder};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, locked, write_all};
use crate::language::Language;
use crate::recipe::Recipe;

/// The file that marks a folder of tools as completely installed.
const COMPLETE: &str = "complete";

type Tell<'a> = &'a mut dyn FnMut(BuildEvent);

/// The tools of a language.
pub(crate) struct Tools<'a> {
    pub(crate) language: Language,
    pub(crate) folder: PathBuf,
    pub(crate) recipe: &'a Recipe,
    /// Installs the tools into their folder, which has the pins and nothing else.
    pub(crate) install: &'a dyn Fn(Tell) -> Result<(), BuildError>,
    /// Runs each tool once. Fails with the output of a tool that does not work.
    pub(crate) verify: &'a dyn Fn() -> Result<(), String>,
}

/// Returns the folder of a language's tools, installed or not. Each set of pins has its own folder.
pub(crate) fn tools_folder(language: Language, recipe: &Recipe) -> Result<PathBuf, BuildError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let tools = set("AIRSSYS_TOOLS_DIR").or_else(|| cache().map(|cache| cache.join("airssys-tools")));
    let tools = tools.ok_or(BuildError::NoToolsFolder)?;
    let mut hasher = DefaultHasher::new();
    recipe.pins.hash(&mut hasher);
    let name = format!("{}-{:016x}", language.to_string().to_lowercase(), hasher.finish());
    folder_in(&tools, &name)
}

/// Returns a folder in that of all tools, by a path that no other user can make lead elsewhere.
fn folder_in(tools: &Path, name: &str) -> Result<PathBuf, BuildError> {
    create_folder(tools)
        .and_then(|()| check_trusted(tools))
        .map(|tools| tools.join(name))
        .map_err(file_error(tools))
}

impl Tools<'_> {
    /// Works with the tools, which are installed first if they are missing.
    ///
    /// If the work fails and a tool turns out to be broken, all are installed again, and the work is
    /// repeated. Tools that work are not installed again while another build works with them.
    pub(crate) fn work<T>(
        &self,
        tell: Tell,
        mut work: impl FnMut(Tell) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        let complete = || self.folder.join(COMPLETE).is_file();
        if !complete() {
            self.install_if(|| !complete(), tell)?;
        }
        // Programs of this folder are run.
        check_trusted(&self.folder).map_err(file_error(&self.folder))?;
        let in_use = self.in_use();
        let done = work(tell);
        drop(in_use);
        if done
            .as_ref()
            .is_err_and(|error| matches!(error, BuildError::Failed { .. } | BuildError::NoProgram { .. }))
            && self.install_if(|| !complete() || (self.verify)().is_err(), tell)?
        {
            let _in_use = self.in_use();
            return work(tell);
        }
        done
    }

    /// Installs the tools if they are needed even after all other builds have let go of them.
    /// Returns true if it has installed them.
    fn install_if(&self, needed: impl Fn() -> bool, tell: Tell) -> Result<bool, BuildError> {
        // Most failures are mistakes in a component. They need no lock.
        if !needed() {
            return Ok(false);
        }
        let parent = self.folder.parent().unwrap_or(&self.folder);
        create_folder(parent).map_err(file_error(parent))?;
        let _alone = locked(&self.lock())?;
        if !needed() {
            return Ok(false);
        }
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).map_err(file_error(&self.folder))?;
        }
        tell(BuildEvent::InstallingTools { language: self.language });
        write_all(&self.folder, self.recipe.pins)?;
        (self.install)(tell)?;
        (self.verify)().map_err(|output| self.broken(output))?;
        let complete = self.folder.join(COMPLETE);
        std::fs::write(&complete, "").map_err(file_error(&complete))?;
        Ok(true)
    }

    /// Keeps others from installing the tools again. `None` if the folder is read-only, where nobody can.
    fn in_use(&self) -> Option<File> {
        let file = File::open(self.lock()).ok()?;
        file.lock_shared().ok().map(|()| file)
    }

    fn lock(&self) -> PathBuf {
        self.folder.with_extension("lock")
    }

    /// Returns the error of tools that cannot be installed.
    pub(crate) fn broken(&self, output: String) -> BuildError {
        no_tools(self.language, &self.folder, output)
    }
}

/// Returns the error of tools that cannot be installed.
pub(crate) fn no_tools(language: Language, folder: &Path, output: String) -> BuildError {
    BuildError::NoTools { language, folder: folder.to_owned(), output }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn tools_are_run_where_they_were_checked() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().canonicalize().unwrap().join(name);
        std::fs::create_dir(at("own")).unwrap();
        symlink(at("own"), at("link")).unwrap();
        let folder = folder_in(&at("link/tools"), "python-1").unwrap();
        std::fs::remove_file(at("link")).unwrap();
        symlink("/nowhere", at("link")).unwrap();
        assert_eq!(folder, at("own/tools/python-1"));
    }

    #[test]
    fn tools_that_another_user_can_replace_are_not_run() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("tools/python-1");
        let recipe = Recipe { pins: &[("pins.txt", "")], sdk: &[], steps: "" };
        let tools = Tools {
            language: Language::Python,
            folder: folder.clone(),
            recipe: &recipe,
            install: &|_: Tell<'_>| Ok(()),
            verify: &|| Ok(()),
        };
        assert_eq!(tools.work(&mut |_| {}, |_| Ok(1)).unwrap(), 1);
        let set = |mode| std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        set(0o777);
        let error = tools.work(&mut |_| {}, |_| Ok(1)).unwrap_err();
        let BuildError::File { path, source } = &error else { panic!("{error:?}") };
        assert_eq!(*path, folder);
        assert!(source.to_string().contains("has mode 777"), "{source}");
        set(0o755);
        assert_eq!(tools.work(&mut |_| {}, |_| Ok(1)).unwrap(), 1);
    }
}
