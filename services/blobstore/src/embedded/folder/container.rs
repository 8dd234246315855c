//! One folder.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airssys_spec::file;
use async_trait::async_trait;
use bytes::Bytes;

use super::temporary::Temporary;
use super::{Failure, FolderEngine, MARKER, each_object, found, names, sync};
use crate::bounds::CHUNK_BYTES;
use crate::container::{Container, Object, ObjectInfo, ObjectReader, ObjectWriter, Page};
use crate::embedded::usage::{Quota, Reservation, seconds, weight};
use crate::error::BlobError;

/// One container.
pub(in crate::embedded) struct FolderContainer {
    engine: Arc<FolderEngine>,
    quota: Quota,
    timeout: Duration,
    place: Place,
}

/// The folder of a container.
#[derive(Clone)]
struct Place {
    label: Arc<str>,
    folder: PathBuf,
}

impl Place {
    /// Fails if the container does not exist. A link in its place is not followed.
    fn check(&self) -> Result<(), Failure> {
        match found(&self.folder)?.is_some_and(|found| found.is_dir()) {
            true => Ok(()),
            false => Err(BlobError::NoSuchContainer.into()),
        }
    }

    /// Returns the file of an object, or `None` if a folder on its way does not exist, or is a link.
    fn path(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let path = names::path(&self.folder, name);
        for folder in self.folders_above(&path) {
            if !found(folder)?.is_some_and(|found| found.is_dir()) {
                return Ok(None);
            }
        }
        Ok(Some(path))
    }

    /// Returns the folders between the container and a file, the innermost first.
    fn folders_above<'a>(&self, path: &'a Path) -> Vec<&'a Path> {
        path.ancestors().skip(1).take_while(|folder| *folder != self.folder).collect()
    }

    /// Creates the folders between the container and a file.
    fn create_folders(&self, path: &Path) -> io::Result<()> {
        for folder in self.folders_above(path).into_iter().rev() {
            match found(folder)? {
                Some(found) if found.is_dir() => {}
                Some(_) => return Err(io::Error::other(format!("{} is not a folder", folder.display()))),
                None => {
                    file::create_folder(folder)?;
                    folder.parent().map_or(Ok(()), sync)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes the folders between the container and a file that was deleted, if they are empty.
    fn delete_folders(&self, path: &Path) {
        for folder in self.folders_above(path) {
            // One that is not empty stays.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }

    /// Returns the data about an object. Only a regular file is one.
    fn info(&self, name: &str) -> io::Result<Option<ObjectInfo>> {
        let Some(path) = self.path(name)? else { return Ok(None) };
        let Some(found) = found(&path)?.filter(|found| found.is_file()) else { return Ok(None) };
        let created = found.modified().map_or(0, seconds);
        Ok(Some(ObjectInfo { size: found.len(), created }))
    }

    fn open(&self, name: &str) -> io::Result<Option<File>> {
        // The path is checked before, because opening a device can act on it.
        if self.info(name)?.is_none() {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.custom_flags(flags.bits().cast_signed());
        }
        let file = match options.open(names::path(&self.folder, name)) {
            Ok(file) => file,
            // It was deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(file.metadata()?.is_file().then_some(file))
    }
}

impl FolderContainer {
    pub(in crate::embedded) fn new(
        engine: Arc<FolderEngine>,
        label: &str,
        quota: Quota,
        timeout: Duration,
    ) -> FolderContainer {
        let folder = names::path(&engine.root, label);
        FolderContainer { engine, quota, timeout, place: Place { label: label.into(), folder } }
    }

    /// Works on the container's folder.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<FolderEngine>, Place) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, BlobError> {
        let place = self.place.clone();
        self.engine.work(move |engine| work(engine, place)).await
    }
}

/// Takes all objects out of a container in one go, and deletes them.
fn take_all(engine: &FolderEngine, place: &Place, removes_folder: bool) -> Result<(), Failure> {
    let trash = engine.temporary();
    {
        let _changes = engine.changes();
        if removes_folder {
            match place.check() {
                Ok(()) => fs::rename(&place.folder, trash.path())?,
                Err(Failure::Blob(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        } else {
            place.check()?;
            file::create_folder(trash.path())?;
            for entry in fs::read_dir(&place.folder)? {
                let entry = entry?;
                if entry.file_name() != MARKER {
                    fs::rename(entry.path(), trash.path().join(entry.file_name()))?;
                }
            }
            sync(&place.folder)?;
        }
        sync(&engine.root)?;
    }
    let mut gone = |name: String, found: fs::Metadata| {
        engine.usage.deleted(&place.label, weight(&name, found.len()));
    };
    each_object(trash.path(), &mut gone)?;
    Ok(())
}

#[async_trait]
impl Container for FolderContainer {
    async fn created(&self) -> Result<Option<u64>, BlobError> {
        self.work(|_, place| {
            let Some(folder) = found(&place.folder)?.filter(|found| found.is_dir()) else { return Ok(None) };
            let marker = found(&place.folder.join(MARKER))?.unwrap_or(folder);
            Ok(Some(marker.modified().map_or(0, seconds)))
        })
        .await
    }

    async fn create(&self) -> Result<(), BlobError> {
        self.work(|engine, place| {
            let _changes = engine.changes();
            if place.check().is_err() {
                file::create_folder(&place.folder)?;
                place.check()?;
            }
            file::open_private(&place.folder.join(MARKER))?;
            sync(&place.folder)?;
            Ok(sync(&engine.root)?)
        })
        .await
    }

    async fn remove(&self) -> Result<(), BlobError> {
        self.work(|engine, place| take_all(engine, &place, true)).await
    }

    async fn clear(&self) -> Result<(), BlobError> {
        self.work(|engine, place| take_all(engine, &place, false)).await
    }

    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError> {
        let name = name.to_owned();
        self.work(move |_, place| {
            place.check()?;
            Ok(place.info(&name)?)
        })
        .await
    }

    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError> {
        let (name, engine) = (name.to_owned(), Arc::clone(&self.engine));
        self.work(move |_, place| {
            place.check()?;
            let Some(mut file) = place.open(&name)? else { return Ok(None) };
            let end = range.end().saturating_add(1).min(file.metadata()?.len());
            let start = (*range.start()).min(end);
            file.seek(SeekFrom::Start(start))?;
            let reader = FolderReader { engine, file: Some(file), left: end - start };
            Ok(Some(Object { size: end - start, reader: Box::new(reader) }))
        })
        .await
    }

    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError> {
        let reservation = self.engine.usage.reserve(&self.place.label, self.quota, name)?;
        let (name, engine) = (name.to_owned(), Arc::clone(&self.engine));
        self.work(move |_, place| {
            place.check()?;
            let temporary = engine.temporary();
            let file = file::open_private(temporary.path())?;
            let open = Some(OpenFile { file, temporary });
            let writer: Box<dyn ObjectWriter> =
                Box::new(FolderWriter { engine, place, name, open, reservation });
            Ok(writer)
        })
        .await
    }

    async fn delete(&self, names: &[String]) -> Result<(), BlobError> {
        let names = names.to_vec();
        self.work(move |engine, place| {
            place.check()?;
            let _changes = engine.changes();
            for name in &names {
                let (Some(info), Some(path)) = (place.info(name)?, place.path(name)?) else { continue };
                fs::remove_file(&path)?;
                engine.usage.deleted(&place.label, weight(name, info.size));
                path.parent().map_or(Ok(()), sync)?;
                place.delete_folders(&path);
            }
            Ok(())
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<Option<bool>, BlobError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.work(move |engine, place| {
            place.check()?;
            let _changes = engine.changes();
            let (Some(info), Some(old)) = (place.info(&from)?, place.path(&from)?) else {
                return Ok(Some(false));
            };
            let new = names::path(&place.folder, &to);
            place.create_folders(&new)?;
            let replaced = place.info(&to)?;
            fs::rename(&old, &new)?;
            let usage = &engine.usage;
            usage.renamed(&place.label, (&from, &to), info.size, replaced.map(|replaced| replaced.size));
            for path in [&new, &old] {
                path.parent().map_or(Ok(()), sync)?;
            }
            place.delete_folders(&old);
            Ok(Some(true))
        })
        .await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, BlobError> {
        let after = after.map(str::to_owned);
        self.work(move |_, place| {
            place.check()?;
            // The first names after the last one. Others are passed over, so that a large container does
            // not fill the memory.
            let (mut first, mut is_last) = (BTreeSet::new(), true);
            each_object(&place.folder, &mut |name, _| {
                if after.as_ref().is_none_or(|after| name > *after) {
                    first.insert(name);
                    if first.len() > limit {
                        first.pop_last();
                        is_last = false;
                    }
                }
            })?;
            Ok(Page { names: first.into_iter().collect(), is_last })
        })
        .await
    }

    fn limited(&self, objects: u64, bytes: u64) -> Option<Arc<dyn Container>> {
        let (engine, place, timeout) = (Arc::clone(&self.engine), self.place.clone(), self.timeout);
        Some(Arc::new(FolderContainer { engine, quota: self.quota.limited(objects, bytes), timeout, place }))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

struct FolderReader {
    engine: Arc<FolderEngine>,
    /// `None` while the file is read, and after an error.
    file: Option<File>,
    left: u64,
}

#[async_trait]
impl ObjectReader for FolderReader {
    async fn read(&mut self) -> Result<Option<Bytes>, BlobError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut file = self.file.take().ok_or(BlobError::Unavailable)?;
        let most = self.left.min(CHUNK_BYTES as u64);
        let read = move |_: &Arc<FolderEngine>| {
            let mut bytes = Vec::with_capacity(CHUNK_BYTES);
            Read::by_ref(&mut file).take(most).read_to_end(&mut bytes)?;
            Ok((file, bytes))
        };
        let (file, bytes) = self.engine.work(read).await?;
        if bytes.is_empty() {
            return Err(BlobError::Other("the object has been cut".to_owned()));
        }
        self.file = Some(file);
        self.left -= bytes.len() as u64;
        Ok(Some(bytes.into()))
    }
}

struct OpenFile {
    file: File,
    temporary: Temporary,
}

struct FolderWriter {
    engine: Arc<FolderEngine>,
    place: Place,
    name: String,
    /// `None` while the file is written, and after an error.
    open: Option<OpenFile>,
    reservation: Reservation,
}

#[async_trait]
impl ObjectWriter for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.reservation.grow(bytes.len() as u64)?;
        let mut open = self.open.take().ok_or(BlobError::Unavailable)?;
        let write = move |_: &Arc<FolderEngine>| {
            open.file.write_all(&bytes)?;
            Ok(open)
        };
        self.open = Some(self.engine.work(write).await?);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), BlobError> {
        let FolderWriter { engine, place, name, open, reservation } = *self;
        let OpenFile { file, temporary } = open.ok_or(BlobError::Unavailable)?;
        let finish = move |engine: &Arc<FolderEngine>| {
            file.set_modified(SystemTime::now())?;
            file.sync_all()?;
            let _changes = engine.changes();
            place.check()?;
            let old = place.info(&name)?;
            reservation.check_objects(old.is_none())?;
            let path = names::path(&place.folder, &name);
            place.create_folders(&path)?;
            fs::rename(temporary.path(), &path)?;
            temporary.renamed();
            if let Some(old) = old {
                engine.usage.deleted(&place.label, weight(&name, old.size));
            }
            reservation.keep();
            Ok(path.parent().map_or(Ok(()), sync)?)
        };
        engine.work(finish).await
    }
}
