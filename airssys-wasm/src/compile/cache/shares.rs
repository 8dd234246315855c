//! The bounds of the cache, and the shares of apps and components in it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ring::digest;

use super::key;

/// The end of an entry's name. Another form of entries has another one.
pub(super) const EXTENSION: &str = "native";

/// The length of a seal, in bytes.
pub(super) const SEAL: usize = digest::SHA256_OUTPUT_LEN;

/// The age from which on a file that is not an entry was left by a process that has ended, or by another
/// version.
const LEFT: Duration = Duration::from_secs(3_600);

/// The most bytes of entries. The entries that were used last are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) all: u64,
    /// The entries that one app has written.
    pub(super) app: u64,
    /// The entries that one component file of an app has written.
    pub(super) component: u64,
}

/// 2 GiB for all, of which an app has 1 GiB and a component file 256 MiB at most.
pub(super) const BOUNDS: Bounds = Bounds { all: 2 << 30, app: 1 << 30, component: 256 << 20 };

/// The length of an entry's owner, in bytes.
pub(super) const OWNER: usize = 16;

/// The app and the component file that have written an entry. It stands before the seal of the entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    app: [u8; 8],
    /// Differs for the same file in two apps.
    component: [u8; 8],
}

impl Owner {
    pub(super) fn new(app: &str, component: &Path) -> Owner {
        let tag = |parts: &[&[u8]]| {
            let mut context = digest::Context::new(&digest::SHA256);
            parts.iter().for_each(|part| context.update(part));
            context.finish().as_ref().first_chunk().copied().unwrap_or_default()
        };
        let app = tag(&[app.as_bytes()]);
        // A relative path means another file in another folder. The empty path stands for none.
        let component = std::path::absolute(component).unwrap_or_default();
        Owner { app, component: tag(&[&app, component.as_os_str().as_encoded_bytes()]) }
    }

    pub(super) fn bytes(self) -> [u8; OWNER] {
        let mut bytes = [0; OWNER];
        bytes[..8].copy_from_slice(&self.app);
        bytes[8..].copy_from_slice(&self.component);
        bytes
    }

    fn of_entry(path: &Path, length: u64) -> io::Result<Owner> {
        let mut bytes = [0; OWNER];
        let at = length.saturating_sub((OWNER + SEAL) as u64);
        File::open(path)?.read_exact_at(&mut bytes, at)?;
        let [mut app, mut component] = [[0; 8]; 2];
        app.copy_from_slice(&bytes[..8]);
        component.copy_from_slice(&bytes[8..]);
        Ok(Owner { app, component })
    }
}

struct KeptEntry {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

/// Removes the entries that exceed a bound, those that were used longest ago first, and files that were left.
pub(super) fn prune(folder: &Path, bounds: &Bounds) {
    let Ok(files) = fs::read_dir(folder) else { return };
    let mut entries = Vec::new();
    for found in files.flatten() {
        let (path, Ok(metadata)) = (found.path(), found.metadata()) else { continue };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if path.extension().is_some_and(|extension| extension == EXTENSION) && metadata.is_file() {
            entries.push(KeptEntry { used, bytes: metadata.len(), path });
        } else if !path.ends_with(key::FILE) && used.elapsed().is_ok_and(|age| age > LEFT) {
            drop(fs::remove_file(path));
        }
    }
    entries.sort_by(|one, other| (other.used, &other.path).cmp(&(one.used, &one.path)));
    let mut all = 0;
    let (mut apps, mut components) = (HashMap::new(), HashMap::new());
    for KeptEntry { bytes, path, .. } in entries {
        let owner = Owner::of_entry(&path, bytes).unwrap_or_default();
        let app = apps.entry(owner.app).or_insert(0);
        let component = components.entry(owner).or_insert(0);
        let sums = [(&mut all, bounds.all), (app, bounds.app), (component, bounds.component)];
        match sums.iter().all(|(sum, bound)| **sum + bytes <= *bound) {
            true => sums.into_iter().for_each(|(sum, _)| *sum += bytes),
            false => drop(fs::remove_file(path)),
        }
    }
}
