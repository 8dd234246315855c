//! The file of an audit, which is rotated when it is large enough.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use airssys_spec::AuditFile;

use super::writer::Sink;

/// The file. Older files are named `.1` (the newest), `.2` and so on.
///
/// Other programs can rename, replace or truncate the file at any time, as logrotate does, and other runs
/// can write and rotate it. So each write happens under a lock of the file, after a check that the path
/// still leads to this file, and at the end that the file has then.
pub(super) struct RotatingFile {
    settings: AuditFile,
    file: File,
    /// True until the first write after the file was opened.
    is_fresh: bool,
}

impl RotatingFile {
    /// Opens the file and keeps its content, or creates it readable for its owner only.
    pub(super) fn open(settings: AuditFile) -> io::Result<RotatingFile> {
        let file = open(&settings)?;
        Ok(RotatingFile { settings, file, is_fresh: true })
    }

    /// Locks the file at the path. Opens it first if it is not the open one.
    fn lock(&mut self) -> io::Result<()> {
        loop {
            lock(&self.file);
            if is_at(&self.file, &self.settings.path) {
                return Ok(());
            }
            // Another program has renamed or removed the file, maybe while this one waited for the lock.
            unlock(&self.file);
            self.file = open(&self.settings)?;
            self.is_fresh = true;
        }
    }

    fn write_locked(&mut self, lines: &[u8]) -> io::Result<()> {
        // Another run can fill the new file before it is locked.
        while self.size()? > 0 && self.size()? + lines.len() as u64 > self.settings.max_size_bytes {
            self.make_room()?;
            unlock(&self.file);
            self.lock()?;
        }
        if self.is_fresh && self.size()? > 0 && !ends_a_line(&mut self.file)? {
            // An earlier run was interrupted within a line.
            self.file.write_all(b"\n")?;
        }
        self.is_fresh = false;
        let size = self.size()?;
        let written = self.file.write_all(lines);
        if written.is_err() && self.size()? > size {
            // Removes a partial write, which would end within a line.
            self.file.set_len(size)?;
        }
        written
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut path = OsString::from(&self.settings.path);
        path.push(format!(".{number}"));
        PathBuf::from(path)
    }

    /// Renames each file to the next number. The oldest is removed.
    fn make_room(&self) -> io::Result<()> {
        let keep = self.settings.keep;
        for number in (1..keep).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        match keep {
            0 => fs::remove_file(&self.settings.path),
            _ => rename(&self.settings.path, &self.numbered(1)),
        }
    }
}

impl Sink for RotatingFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.lock()?;
        let written = self.write_locked(lines);
        unlock(&self.file);
        written
    }
}

fn open(settings: &AuditFile) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&settings.path)
}

/// Locks a file, which other runs do too. Has no effect on file systems without locks, because a lock
/// that fails must not cost lines.
fn lock(file: &File) {
    while file.lock().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
}

fn unlock(file: &File) {
    // Fails where locks do not exist. Closing the file unlocks it, too.
    drop(file.unlock());
}

/// Returns true if the path leads to this file, or if that cannot be known.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata().map(id), fs::metadata(path).map(id)) {
        (Ok(open), Ok(there)) => open == there,
        (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
        _ => true,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Returns true if the file ends with a line end.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Renames a file if it exists.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}
