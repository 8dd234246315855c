//! The file of an audit, which is rotated when it is large enough.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use airssys_spec::AuditFile;

use super::writer::Sink;

/// The file. Older files are named `.1` (the newest), `.2` and so on.
pub(super) struct RotatingFile {
    settings: AuditFile,
    file: File,
    /// The size of its whole lines, in bytes.
    size: u64,
}

impl RotatingFile {
    /// Opens the file and keeps its content, or creates it readable for its owner only.
    pub(super) fn open(settings: AuditFile) -> io::Result<RotatingFile> {
        let mut file = open(&settings)?;
        let mut size = file.metadata()?.len();
        if size > 0 && !ends_a_line(&mut file)? {
            // The previous run was interrupted within a line. New lines begin after it.
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok(RotatingFile { settings, file, size })
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut path = OsString::from(&self.settings.path);
        path.push(format!(".{number}"));
        PathBuf::from(path)
    }

    /// Renames each file to the next number and begins a new one. The oldest is removed.
    fn rotate(&mut self) -> io::Result<()> {
        let keep = self.settings.keep;
        for number in (1..keep).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        match keep {
            0 => fs::remove_file(&self.settings.path),
            _ => rename(&self.settings.path, &self.numbered(1)),
        }?;
        self.file = open(&self.settings)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }

    /// Opens the file again if it is missing, because another program may have moved it.
    fn reopen_if_gone(&mut self) -> io::Result<()> {
        if !self.settings.path.exists() {
            self.file = open(&self.settings)?;
            self.size = 0;
        }
        Ok(())
    }
}

impl Sink for RotatingFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.reopen_if_gone()?;
        if self.size > 0 && self.size + lines.len() as u64 > self.settings.max_size_bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // Removes a partial write, which would end within a line.
            self.file.set_len(self.size)?;
            return Err(error);
        }
        self.size += lines.len() as u64;
        Ok(())
    }
}

fn open(settings: &AuditFile) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&settings.path)
}

/// Returns true if the file ends with a line end.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Renames a file if it exists.
fn rename(from: &PathBuf, to: &PathBuf) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}
