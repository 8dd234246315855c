//! Files from outside: how they are opened, and how much of them is read.
//!
//! A path in a manifest or on a command line can lead to a pipe, a device or a file without an end. So
//! every such file is read by [`read`], which takes regular files only, and stops at a bound.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

mod private;

pub use private::{
    FolderFault, append_private, check_trusted, create_folder, create_private_folder, open_private,
};

/// The most bytes of a manifest: 1 MiB.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// The most bytes of a component: 128 MiB. Those of Python have up to 40 MiB.
pub const MAX_COMPONENT_BYTES: u64 = 128 << 20;

/// The reasons for which a file that exists is not read. An [`io::Error`] has it as its inner error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// The path leads to something else than a regular file.
    #[error("it is {kind}, not a regular file")]
    NotRegular {
        /// Its kind, such as "a named pipe".
        kind: &'static str,
    },
    /// The file is larger than its bound.
    #[error("it has more than {max_bytes} bytes, the most that are read of such a file")]
    TooLarge {
        /// The bound, in bytes.
        max_bytes: u64,
    },
}

/// Reads a regular file of at most `max_bytes` bytes, to which links may lead. Never waits for a writer.
///
/// # Errors
/// An [`io::Error`] with a [`FileFault`] if the path leads to something else than a regular file, or to a
/// larger one. Otherwise the error of the system.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open_regular(path, OpenOptions::new().read(true))?;
    read_within(file, length, max_bytes)
}

/// Reads a regular file of at most `max_bytes` bytes as UTF-8, like [`read`].
///
/// # Errors
/// Those of [`read`], and `InvalidData` if the file is not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    String::from_utf8(read(path, max_bytes)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Checks that a regular file can be used, or made with the folders above it, without doing so. Returns
/// true if it exists.
///
/// # Errors
/// The system's, about the file or the nearest folder above it that exists.
pub fn check_file(path: &Path) -> io::Result<bool> {
    check_place(path, check_regular)
}

/// As [`check_file`], for a folder.
///
/// # Errors
/// As [`check_file`].
pub fn check_folder(path: &Path) -> io::Result<bool> {
    check_place(path, |found| match found.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    })
}

fn check_place(path: &Path, check: impl FnOnce(&Metadata) -> io::Result<()>) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => check(&found).and_then(|()| check_access(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = std::path::absolute(path)?;
            let above = path.ancestors().skip(1).find(|folder| folder.exists());
            above.map_or(Err(error), check_access).map(|()| false)
        }
        Err(error) => Err(error),
    }
}

/// Fails if this process may not read and write a file or a folder.
fn check_access(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        access(path, Access::READ_OK | Access::WRITE_OK)?;
    }
    #[cfg(not(unix))]
    if std::fs::metadata(path)?.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

/// Opens a regular file with these options. The opened file is checked, not only its path, because the
/// path can lead elsewhere by then. The path is checked before, because opening a device can act on it.
fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<(File, u64)> {
    match std::fs::metadata(path) {
        Ok(metadata) => check_regular(&metadata)?,
        // The options decide about a file that does not exist.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Opening a pipe that has no writer, or a terminal, neither waits nor takes it over.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    check_regular(&metadata)?;
    Ok((file, metadata.len()))
}

fn read_within(file: File, length: u64, max_bytes: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, FileFault::TooLarge { max_bytes });
    if length > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // The file can grow meanwhile, and files of the kernel have no length.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let error = if metadata.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidInput };
    Err(io::Error::new(error, FileFault::NotRegular { kind: kind(metadata) }))
}

fn kind(metadata: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let found = metadata.file_type();
        let kinds = [
            (found.is_fifo(), "a named pipe"),
            (found.is_socket(), "a socket"),
            (found.is_char_device() || found.is_block_device(), "a device"),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
            return kind;
        }
    }
    if metadata.is_dir() { "a folder" } else { "a special file" }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
