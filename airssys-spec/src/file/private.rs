//! Folders and files that other users cannot change.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The reasons for which a folder is not trusted. An [`io::Error`] has it as its inner error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderFault {
    /// The path leads to something else than a folder.
    #[error("{} is not a folder; remove it, or name another", folder.display())]
    NotAFolder {
        /// The path.
        folder: PathBuf,
    },
    /// Another user owns the folder, so that user can replace what is in it.
    #[error("{} belongs to user {owner}, not to user {own}; name a folder of your own", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The id of its owner.
        owner: u32,
        /// The id of this user.
        own: u32,
    },
    /// Other users can replace what is in the folder.
    #[error(
        "{} has mode {mode:03o}, so other users can replace what is in it; `chmod go-w` mends that",
        folder.display()
    )]
    Open {
        /// The folder.
        folder: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Creates a folder, and those above it, with mode 700, whatever the umask is. Does nothing if it exists.
///
/// # Errors
/// The error of the system.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Creates a folder, which only this user can use. One that exists gets the mode 700.
///
/// # Errors
/// An [`io::Error`] with a [`FolderFault`] if another user owns the folder, or if the folders above it are
/// not [trusted](check_trusted). Otherwise the error of the system.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    create_folder(folder)?;
    #[cfg(unix)]
    unix::make_private(folder)?;
    Ok(())
}

/// Checks that no other user, except root, can replace what is in a folder.
///
/// This user or root must own the folder and each one above it, and others must not have the permission to
/// write there. The group of this user may have it, and so may all in a folder with the sticky bit, such as
/// `/tmp`, because only owners can replace files there.
///
/// # Errors
/// An [`io::Error`] with a [`FolderFault`] if that does not hold. Otherwise the error of the system.
pub fn check_trusted(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    unix::check_trusted(folder)?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Opens a regular file for reading and writing; creates it with mode 600 if it does not exist. Its content
/// is kept.
///
/// # Errors
/// An [`io::Error`] with a [`FileFault`](super::FileFault) if the path leads to something else than a
/// regular file. Otherwise the error of the system.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    super::open_regular(path, &mut options).map(|(file, _)| file)
}

/// Opens a regular file for reading, and for writing at its end; creates it with mode 600 if it does not
/// exist.
///
/// # Errors
/// Those of [`open_private`].
pub fn append_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    super::open_regular(path, &mut options).map(|(file, _)| file)
}

#[cfg(unix)]
mod unix {
    use std::fs::{Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    use super::FolderFault;

    const GROUP_WRITES: u32 = 0o020;
    const ALL_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    const ROOT: u32 = 0;

    pub(super) fn make_private(folder: &Path) -> io::Result<()> {
        // The link itself is checked, because its owner can change its target.
        let found = folder.symlink_metadata()?;
        let own = own_uid();
        if !found.is_dir() {
            return fault(FolderFault::NotAFolder { folder: folder.to_owned() });
        }
        if found.uid() != own {
            return fault(FolderFault::Foreign { folder: folder.to_owned(), owner: found.uid(), own });
        }
        if found.mode() & 0o777 != 0o700 {
            std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        check_trusted(folder)
    }

    pub(super) fn check_trusted(folder: &Path) -> io::Result<()> {
        let real = folder.canonicalize()?;
        real.ancestors().try_for_each(|folder| check(folder, &folder.metadata()?))
    }

    fn check(folder: &Path, found: &Metadata) -> io::Result<()> {
        let (owner, mode, own) = (found.uid(), found.mode() & 0o7777, own_uid());
        if owner != own && owner != ROOT {
            return fault(FolderFault::Foreign { folder: folder.to_owned(), owner, own });
        }
        // Many systems give each user a group of one, and let it write.
        let own_group = rustix::process::getegid().as_raw();
        let group_writes = mode & GROUP_WRITES != 0 && found.gid() != own_group && found.gid() != ROOT;
        if (mode & ALL_WRITE != 0 || group_writes) && mode & STICKY == 0 {
            return fault(FolderFault::Open { folder: folder.to_owned(), mode });
        }
        Ok(())
    }

    fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn fault(fault: FolderFault) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, fault))
    }
}
