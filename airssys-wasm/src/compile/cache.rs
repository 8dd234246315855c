//! The cache of compiled code: one file for each component and setting of the compiler.
//!
//! The folder is this user's alone, and each entry is sealed with a key that is kept in it. An entry whose
//! seal is broken is never run: its component is compiled again, and the entry is replaced. Code is written
//! only after it has been loaded. All entries together have a bound, and each app and each component file has
//! a share of it, so that one cannot push out the entries of all others.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use airssys_spec::file;
use ring::{digest, hmac};

use super::artifact::Artifact;
use super::settings::Kind;

mod key;
mod private_file;
mod shares;

use shares::{BOUNDS, Bounds, EXTENSION, OWNER, Owner, SEAL};

/// The folder within the cache folder.
const FOLDER: &str = "compiled";

/// The most bytes of an entry: 1 GiB.
pub(super) const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// An open cache.
pub(crate) struct Cache {
    folder: PathBuf,
    /// The app in whose share its entries are written.
    app: String,
    bounds: Bounds,
    key: hmac::Key,
    hits: AtomicUsize,
    misses: AtomicUsize,
    warned: Once,
}

impl Cache {
    /// Opens the cache in this folder, and creates what is missing, for this user only. Its entries are
    /// written in the share of `app`, and read from those of all apps.
    pub(crate) fn open(cache_dir: &Path, app: &str) -> io::Result<Cache> {
        let folder = file::create_private_folder(&cache_dir.join(FOLDER))?;
        let key = key::load(&folder)?;
        let (hits, misses) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Cache { folder, app: app.to_owned(), bounds: BOUNDS, key, hits, misses, warned: Once::new() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    pub(crate) fn misses(&self) -> usize {
        self.misses.load(Ordering::Relaxed)
    }

    /// Returns the entry of a component that is compiled for an engine. Its name is a digest of both. If it is
    /// written, it counts in the share of the file `source`.
    pub(super) fn entry(
        &self,
        engine: &wasmtime::Engine,
        kind: Kind,
        wasm: &[u8],
        source: &Path,
    ) -> Entry<'_> {
        let mut hasher = Digest(digest::Context::new(&digest::SHA256));
        // The version of wasmtime is among the settings.
        engine.precompile_compatibility_hash().hash(&mut hasher);
        (env!("CARGO_PKG_VERSION"), kind).hash(&mut hasher);
        hasher.0.update(wasm);
        let name: String = hasher.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.join(&name).with_extension(EXTENSION);
        Entry { cache: self, name, path, owner: Owner::new(&self.app, source) }
    }

    /// Warns once, because a damaged folder has many damaged entries.
    fn warn(&self, problem: &str) {
        self.warned.call_once(|| {
            tracing::warn!(
                "compiled components are not taken from {}, and are compiled again: {problem}; remove the \
                 folder if it cannot be mended",
                self.folder.display()
            );
        });
    }
}

/// Feeds a digest with a value.
struct Digest(digest::Context);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// An entry of the cache, which may not exist.
pub(super) struct Entry<'cache> {
    cache: &'cache Cache,
    name: String,
    path: PathBuf,
    owner: Owner,
}

impl Entry<'_> {
    /// Loads the code, if the entry exists and its seal is intact. Removes an entry that does not load.
    pub(super) fn read<T>(&self, load: impl FnOnce(&Artifact) -> wasmtime::Result<T>) -> Option<T> {
        let found = self.unseal().and_then(|artifact| match load(&artifact) {
            Ok(code) => Some(code),
            Err(error) => {
                let (path, _) = (self.path.display(), fs::remove_file(&self.path));
                self.cache.warn(&format!("the entry {path} does not load: {error:#}"));
                None
            }
        });
        let count = if found.is_some() { &self.cache.hits } else { &self.cache.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn unseal(&self) -> Option<Artifact> {
        let mut bytes = match file::read(&self.path, MAX_ENTRY_BYTES + (OWNER + SEAL) as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.cache.warn(&format!("the entry {} cannot be read: {error}", self.path.display()));
                return None;
            }
        };
        let sealed = bytes.split_last_chunk::<SEAL>();
        let intact = sealed.filter(|(content, seal)| self.seal(&[content]).as_ref() == *seal);
        let Some(length) = intact.and_then(|(content, _)| content.len().checked_sub(OWNER)) else {
            self.cache.warn(&format!("the entry {} was changed", self.path.display()));
            return None;
        };
        bytes.truncate(length);
        // The entries that were used last are kept longest. That is not worth an error.
        drop(File::open(&self.path).and_then(|file| file.set_modified(SystemTime::now())));
        Some(Artifact::unsealed(bytes))
    }

    /// Writes the code with its seal, in place of what is there. A failure is only logged, because the
    /// cache saves time and nothing else.
    pub(super) fn write(&self, artifact: &Artifact) {
        let (code, owner, temporary) = (artifact.bytes(), self.owner.bytes(), self.temporary());
        let (bytes, most) = ((code.len() + OWNER + SEAL) as u64, self.cache.bounds.component);
        if bytes > most {
            tracing::warn!(
                "the compiled code of a component has {bytes} bytes, and {most} bytes is its share of the \
                 cache, so it is compiled again at each start; divide the component"
            );
            return;
        }
        let seal = self.seal(&[code, &owner]);
        let written = private_file::write(&temporary, &[code, &owner, seal.as_ref()])
            .and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = written {
            drop(fs::remove_file(&temporary));
            self.cache.warn(&format!("the entry {} cannot be written: {error}", self.path.display()));
            return;
        }
        shares::prune(&self.cache.folder, &self.cache.bounds);
    }

    fn temporary(&self) -> PathBuf {
        self.path.with_extension(format!("{:016x}.new", fastrand::u64(..)))
    }

    /// Returns the seal of this entry. The name is sealed too, so entries cannot be exchanged. The time of a
    /// comparison tells nothing to others, because only this user can ask for one.
    fn seal(&self, content: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.cache.key);
        context.update(self.name.as_bytes());
        content.iter().for_each(|part| context.update(part));
        context.sign()
    }
}

#[cfg(test)]
mod tests;
