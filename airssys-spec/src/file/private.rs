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

/// Creates a folder, which only this user can use. One that exists gets the mode 700. Returns the path that
/// was checked, without links: no other user can make it lead elsewhere.
///
/// # Errors
/// An [`io::Error`] with a [`FolderFault`] if another user owns the folder, or if the folders above it are
/// not [trusted](check_trusted). Otherwise the error of the system.
#[must_use = "another user can have replaced a link in the path that was given"]
pub fn create_private_folder(folder: &Path) -> io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end with a name"));
    };
    create_folder(above)?;
    let folder = check_trusted(above)?.join(name);
    create_folder(&folder)?;
    #[cfg(unix)]
    unix::make_private(&folder)?;
    Ok(folder)
}

/// Checks that no other user, except root, can replace what is in a folder. Returns the path that was checked,
/// without links.
///
/// This user or root must own the folder and each one above it, and others must not have the permission to
/// write there. A group may have it if `/etc/group` and `/etc/passwd` list it without another user. All may
/// have it in a folder with the sticky bit, such as `/tmp`, because only owners can replace files there.
///
/// # Errors
/// An [`io::Error`] with a [`FolderFault`] if that does not hold. Otherwise the error of the system.
#[must_use = "another user can have replaced a link in the path that was given"]
pub fn check_trusted(folder: &Path) -> io::Result<PathBuf> {
    let folder = folder.canonicalize()?;
    #[cfg(unix)]
    unix::check_trusted(&folder)?;
    Ok(folder)
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

    /// The most bytes of a list of users or groups.
    const MAX_LIST_BYTES: u64 = 16 << 20;

    const GROUP_WRITES: u32 = 0o020;
    const ALL_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    const ROOT: u32 = 0;

    /// The folders above it are trusted, so that no other user can replace it.
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
        Ok(())
    }

    /// Checks a path without links. From the root on, each folder is checked in one that is trusted.
    pub(super) fn check_trusted(folder: &Path) -> io::Result<()> {
        let folders: Vec<_> = folder.ancestors().collect();
        folders.into_iter().rev().try_for_each(|folder| check(folder, &folder.symlink_metadata()?))
    }

    fn check(folder: &Path, found: &Metadata) -> io::Result<()> {
        if !found.is_dir() {
            return fault(FolderFault::NotAFolder { folder: folder.to_owned() });
        }
        let (owner, mode, own) = (found.uid(), found.mode() & 0o7777, own_uid());
        if owner != own && owner != ROOT {
            return fault(FolderFault::Foreign { folder: folder.to_owned(), owner, own });
        }
        if mode & STICKY != 0 {
            return Ok(());
        }
        // Many systems give each user a group of one, and let it write.
        if mode & ALL_WRITE != 0 || (mode & GROUP_WRITES != 0 && !is_own_group(found.gid())) {
            return fault(FolderFault::Open { folder: folder.to_owned(), mode });
        }
        Ok(())
    }

    /// Returns true if the lists of this machine show no other user in a group. A group that they do not have,
    /// such as one of a directory service, can have others.
    fn is_own_group(group: u32) -> bool {
        let list = |path: &str| crate::file::read(Path::new(path), MAX_LIST_BYTES);
        let (Ok(users), Ok(groups)) = (list("/etc/passwd"), list("/etc/group")) else { return false };
        is_group_of(own_uid(), group, &String::from_utf8_lossy(&users), &String::from_utf8_lossy(&groups))
    }

    /// Returns true if a group is listed, and has no other user than this one and root.
    pub(super) fn is_group_of(user: u32, group: u32, users: &str, groups: &str) -> bool {
        let number = |field: Option<&str>| field?.parse::<u32>().ok();
        // NAME:PASSWORD:USER:GROUP:…
        let user_of =
            |line: &str| Some((line.split(':').next()?.to_owned(), number(line.split(':').nth(2))?));
        let is_allowed = |id: u32| id == user || id == ROOT;
        let allowed: Vec<String> = users
            .lines()
            .filter_map(user_of)
            .filter(|(_, id)| is_allowed(*id))
            .map(|(name, _)| name)
            .collect();
        let has_it = |line: &&str| number(line.split(':').nth(3)) == Some(group);
        let is_anothers = |line: &str| !user_of(line).is_some_and(|(_, id)| is_allowed(id));
        if users.lines().filter(has_it).any(is_anothers) {
            return false;
        }
        // NAME:PASSWORD:GROUP:MEMBER,MEMBER…
        let mut listed =
            groups.lines().filter(|line| number(line.split(':').nth(2)) == Some(group)).peekable();
        let members = |line: &str| line.split(':').nth(3).unwrap_or_default().to_owned();
        listed.peek().is_some()
            && listed.all(|line| {
                let members = members(line);
                members
                    .split(',')
                    .map(str::trim)
                    .all(|name| name.is_empty() || allowed.iter().any(|own| own == name))
            })
    }

    fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn fault(fault: FolderFault) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, fault))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::unix::is_group_of;

    #[test]
    fn group_that_another_user_is_in_is_not_trusted() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/users/ann:/bin/sh\n\
                     bob:x:1001:100::/users/bob:/bin/sh\nann2:x:1000:1000::/:/bin/sh\nbroken\n";
        let groups = "root:x:0:\nann:x:1000:\nusers:x:100:\ntwo:x:50:ann,bob\n\
                      own:x:60:ann,root\nempty:x:70:\nbroken\n";
        let is_of_ann = |group| is_group_of(1_000, group, users, groups);
        for (group, is_own) in [(1_000, true), (60, true), (70, true), (0, true)] {
            assert_eq!(is_of_ann(group), is_own, "{group}");
        }
        // The primary group of another, a group with another as a member, and one that is not listed.
        for group in [100, 50, 4_242] {
            assert!(!is_of_ann(group), "{group}");
        }
        assert!(!is_group_of(1_001, 1_000, users, groups), "the group is Ann's");
    }
}
