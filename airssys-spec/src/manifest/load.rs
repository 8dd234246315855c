//! The files from which manifests are read.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::unreadable;
use super::variables::Variables;
use crate::file::{self, MAX_MANIFEST_BYTES};

/// A set of files that manifests are read from, with the environment that they may name.
pub trait Files {
    /// Returns the text of a file.
    ///
    /// # Errors
    /// The file does not exist, cannot be read, or is not UTF-8.
    fn read(&self, file: &Path) -> io::Result<String>;

    /// Returns true if there is a file with this path.
    fn is_file(&self, path: &Path) -> bool;

    /// Returns true if there is a folder with this path.
    fn is_folder(&self, path: &Path) -> bool;

    /// Returns true if there is anything with this path, such as a device.
    fn exists(&self, path: &Path) -> bool {
        self.is_file(path) || self.is_folder(path)
    }

    /// Returns the value of an environment variable, or `None` if it is absent or empty. By default all
    /// are absent.
    fn variable(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

/// The files and the environment of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, file: &Path) -> io::Result<String> {
        unreadable::text(file::read(file, MAX_MANIFEST_BYTES)?)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn variable(&self, name: &str) -> Option<String> {
        Variables::of_process().get(name)
    }
}

/// Returns a path that is written in `file`, and relative to its folder, [without dots](without_dots).
pub(super) fn join(file: &Path, written: &str) -> PathBuf {
    without_dots(&file.parent().unwrap_or(Path::new("")).join(written))
}

/// Takes each `.` and `..` off a path. It leads to the same file as if the system had resolved each `..`,
/// so a `..` behind a symbolic link is kept.
pub fn without_dots(path: &Path) -> PathBuf {
    let whole = path;
    let mut path = PathBuf::new();
    for part in whole.components() {
        match (part, path.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            // The parent of a link's target is not the folder that holds the link.
            (Component::ParentDir, Some(Component::Normal(_))) if !path.is_symlink() => {
                path.pop();
            }
            _ => path.push(part),
        }
    }
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn parent_of_a_link_is_that_of_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("real/app/inner")).unwrap();
        std::fs::write(root.join("real/code.wasm"), "real").unwrap();
        std::fs::write(root.join("code.wasm"), "beside the link").unwrap();
        std::os::unix::fs::symlink("real/app", root.join("link")).unwrap();
        for (file, written) in [
            ("link/app.toml", "../code.wasm"),
            ("real/app/app.toml", "../code.wasm"),
            ("link/inner/app.toml", "../../code.wasm"),
            ("app.toml", "link/../code.wasm"),
            ("link/app.toml", "../app/inner/../../code.wasm"),
        ] {
            let joined = join(&root.join(file), written);
            assert_eq!(std::fs::read_to_string(&joined).unwrap(), "real", "{}", joined.display());
        }
    }

    #[test]
    fn parent_folders_of_a_path_without_links_are_left_out() {
        for (file, written, joined) in [
            ("examples/quakes/app.toml", "../../components/feed", "components/feed"),
            ("app.toml", "../feed", "../feed"),
            ("app.toml", ".", "."),
            ("../a/app.toml", "../../feed", "../../feed"),
            ("/a/app.toml", "../../../feed", "/feed"),
            ("a/app.toml", "/feed", "/feed"),
        ] {
            assert_eq!(join(Path::new(file), written), Path::new(joined), "{file} {written}");
        }
    }
}
