//! An input in place of the one that the manifest grants.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use airssys_spec::Input;
use airssys_spec::manifest::{App, AppComponent};

/// An input in place of the one that the manifest grants to a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputOverride {
    pub(super) component: String,
    pub(super) input: Input,
}

/// Reasons for which an input cannot replace that of the manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// No component of the app reads an input.
    #[error("no component of this app reads an input")]
    NoReader,
    /// Several components read an input, and the text does not name one.
    #[error("{} read an input: say which, as in --input {}=FILE", readers.join(" and "), readers[0])]
    Ambiguous {
        /// The components that read an input.
        readers: Vec<String>,
    },
    /// The file cannot be read.
    #[error("the input {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl InputOverride {
    /// Reads `FILE`, or `NAME=FILE` where several components of the app read an input; `-` as
    /// the file is the program's standard input. The file's name need not be UTF-8.
    ///
    /// # Errors
    /// [`InputError`] if no component reads an input, if several do and the text does not name one,
    /// or if the file cannot be read.
    pub fn parse(text: impl AsRef<OsStr>, app: &App) -> Result<InputOverride, InputError> {
        let text = text.as_ref();
        let readers: Vec<&AppComponent> = app.components.iter().filter(|c| c.capabilities.input).collect();
        let named = readers.iter().find_map(|reader| Some((reader, file_of(text, &reader.name)?)));
        let (reader, file) = match (&readers[..], named) {
            ([], _) => return Err(InputError::NoReader),
            (_, Some(found)) => found,
            ([only], None) => (only, text),
            (several, None) => {
                let readers = several.iter().map(|reader| reader.name.clone()).collect();
                return Err(InputError::Ambiguous { readers });
            }
        };
        let input = match file {
            file if file == "-" => Input::Program,
            file => Input::File(readable(Path::new(file))?),
        };
        Ok(InputOverride { component: reader.name.clone(), input })
    }
}

/// The file in `NAME=FILE`, if the text begins with this name.
#[cfg(unix)]
fn file_of<'a>(text: &'a OsStr, name: &str) -> Option<&'a OsStr> {
    use std::os::unix::ffi::OsStrExt;

    let file = text.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some(OsStr::from_bytes(file))
}

/// The file in `NAME=FILE`, if the text begins with this name.
#[cfg(not(unix))]
fn file_of<'a>(text: &'a OsStr, name: &str) -> Option<&'a OsStr> {
    text.to_str()?.strip_prefix(name)?.strip_prefix('=').map(OsStr::new)
}

/// Checks that a file exists and is not a folder. It is not opened, because a pipe can be opened only
/// once.
fn readable(path: &Path) -> Result<PathBuf, InputError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
    .map_err(|source| InputError::File { path: path.to_owned(), source })
}
