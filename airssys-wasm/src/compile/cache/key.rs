//! The key that seals the entries of a cache: random bytes in a file that only its owner can read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use airssys_spec::file;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::private_file;

pub(super) const FILE: &str = "key";
const BYTES: usize = 32;

/// Reads the key, or makes one. A key that others could have read or written is replaced, so that the
/// entries which it sealed are compiled again.
pub(super) fn load(folder: &Path) -> io::Result<hmac::Key> {
    let path = folder.join(FILE);
    for _ in 0..3 {
        match read(&path) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => fs::remove_file(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        make(folder, &path)?;
    }
    Err(io::Error::other(format!("{} is replaced by another program", path.display())))
}

/// Returns `None` if the key is not to be trusted.
fn read(path: &Path) -> io::Result<Option<hmac::Key>> {
    let metadata = fs::symlink_metadata(path)?;
    let own = rustix::process::geteuid().as_raw();
    let is_private = metadata.is_file() && metadata.uid() == own && metadata.mode() & 0o077 == 0;
    if !is_private {
        return Ok(None);
    }
    let bytes = match file::read(path, BYTES as u64) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
        read => read?,
    };
    Ok((bytes.len() == BYTES).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
}

/// Makes a key, unless another program has made one meanwhile.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system has no random numbers"))?;
    let temporary = folder.join(format!("{FILE}.{:016x}.new", fastrand::u64(..)));
    private_file::write(&temporary, &[&bytes])?;
    // A link, unlike a rename, does not replace a key that another program uses already.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
