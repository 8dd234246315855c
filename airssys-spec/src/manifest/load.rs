//! The files from which manifests are read.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::unreadable;

/// A set of files that manifests are read from.
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
}

/// The files of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, file: &Path) -> io::Result<String> {
        unreadable::text(std::fs::read(file)?)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// Returns a path that is written in `file`, and relative to its folder. `..` is resolved in the
/// text, as cargo does it with the paths of its manifests, so that messages have familiar paths.
pub(super) fn join(file: &Path, written: &str) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for part in folder.join(written).components() {
        match (part, path.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
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

    #[test]
    fn parent_folders_are_resolved_in_the_text() {
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
