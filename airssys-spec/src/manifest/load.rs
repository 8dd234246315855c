//! Where manifests come from.

use std::io;
use std::path::{Component, Path, PathBuf};

/// A set of files that manifests are read from.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// If there is no such file, it cannot be read, or it is not UTF-8.
    fn read(&self, file: &Path) -> io::Result<String>;

    /// Whether there is a file with this path.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether there is a folder with this path.
    fn is_folder(&self, path: &Path) -> bool;
}

/// The files of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, file: &Path) -> io::Result<String> {
        std::fs::read_to_string(file)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// A path that is written in `file`, which it is relative to. `..` is taken off the text, as cargo
/// does it with the paths of its manifests, so that people read paths that they know.
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
    fn parents_are_taken_off() {
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
