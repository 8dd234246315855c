//! Where control sockets are, and who may put one there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use airssys_spec::pattern::{InvalidName, check_component_name};

/// The most runs of one app that get a control socket of their own at a time.
pub const MAX_RUNS: u32 = 64;

/// The folder of the control sockets of this user's apps: `airssys` in `XDG_RUNTIME_DIR`, or
/// `airssys-UID` in the folder for temporary files if there is no such. It need not exist.
pub fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    match runtime.filter(|folder| folder.is_absolute() && folder.is_dir()) {
        Some(folder) => folder.join("airssys"),
        None => std::env::temp_dir().join(format!("airssys-{}", own_uid())),
    }
}

pub(super) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Where a control socket is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In [`folder`], by the name of an app: `NAME.sock`, or, while other runs of the app have
    /// that, `NAME.2.sock` and so on.
    App(String),
    /// Here, and nowhere else. Its folder has to exist.
    At(PathBuf),
}

/// Why a folder for control sockets is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It cannot be made or looked at.
    #[error("the folder {} cannot be used", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no folder", folder.display())]
    NoFolder {
        /// What was looked at.
        folder: PathBuf,
    },
    /// Another user owns it, and could put anything there.
    #[error("the folder {} belongs to user {owner}, not to {own}", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who this program runs as.
        own: u32,
    },
    /// Others may get in.
    #[error("the folder {} is open to others: its mode is {mode:o}, and has to be 700", folder.display())]
    TooOpen {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Why a socket cannot be put in its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Its folder is not to be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The name of the app cannot be that of a file.
    #[error("`{name}` cannot name a control socket")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        source: InvalidName,
    },
    /// A run that goes on has it.
    #[error("another run has the control socket {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// What is there is no socket, and is left alone.
    #[error("{} exists, and is no socket", path.display())]
    NoSocket {
        /// What is there.
        path: PathBuf,
    },
    /// The operating system refuses it.
    #[error("the control socket {} cannot be opened", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A socket in its place. Whoever has the lock has the place, so that what a run that was killed
/// has left there can be replaced and what a run that goes on has cannot.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) path: PathBuf,
    pub(super) listener: UnixListener,
    /// Released when it is closed, also when the process is killed.
    pub(super) lock: File,
}

impl Place {
    pub(super) fn claim(&self) -> Result<Claimed, PlaceError> {
        match self {
            Place::At(path) => claim(path),
            Place::App(name) => {
                check_component_name(name)
                    .map_err(|source| PlaceError::Name { name: name.clone(), source })?;
                let folder = folder();
                make(&folder)?;
                let mut taken = None;
                for number in 1..=MAX_RUNS {
                    match claim(&folder.join(file_name(name, number))) {
                        Err(error @ PlaceError::Taken { .. }) => taken = Some(error),
                        claimed => return claimed,
                    }
                }
                Err(taken.unwrap_or(PlaceError::Taken { path: folder }))
            }
        }
    }
}

/// What a run of an app is called by: a `.` is in no app's name.
fn file_name(app: &str, number: u32) -> String {
    match number {
        1 => format!("{app}.sock"),
        _ => format!("{app}.{number}.sock"),
    }
}

fn claim(path: &Path) -> Result<Claimed, PlaceError> {
    let refused = |source| PlaceError::Refused { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    // A link that somebody else has put there is not followed.
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    let lock = options.open(lock_of(path)).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(PlaceError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(refused)?,
        Ok(_) => return Err(PlaceError::NoSocket { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    let only_owner = fs::Permissions::from_mode(0o600);
    let opened = fs::set_permissions(path, only_owner).and_then(|()| listener.set_nonblocking(true));
    opened.map_err(refused)?;
    Ok(Claimed { path: path.to_owned(), listener, lock })
}

/// Stays when the socket goes: a lock that is removed while somebody opens it is two locks.
fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Makes the folder if it is not there, and looks whether it is to be trusted.
fn make(folder: &Path) -> Result<(), FolderError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(FolderError::Unusable { folder: folder.to_owned(), source: error })
        }
        _ => check(folder),
    }
}

/// Whether only this user can have put something there.
fn check(folder: &Path) -> Result<(), FolderError> {
    let owned = || folder.to_owned();
    // Of a link, not of what it leads to: whoever can change the link decides where that is.
    let found =
        fs::symlink_metadata(folder).map_err(|source| FolderError::Unusable { folder: owned(), source })?;
    let (mode, own) = (found.mode() & 0o777, own_uid());
    match found {
        found if !found.is_dir() => Err(FolderError::NoFolder { folder: owned() }),
        found if found.uid() != own => Err(FolderError::Foreign { folder: owned(), owner: found.uid(), own }),
        _ if mode & 0o077 != 0 => Err(FolderError::TooOpen { folder: owned(), mode }),
        _ => Ok(()),
    }
}

/// An app that runs, as its control socket tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RunningApp {
    /// What it is called by: the app's name; `NAME.2` and so on if there are several runs of it.
    pub name: String,
    /// Its control socket.
    pub path: PathBuf,
}

/// The apps of this user that run and have their control sockets in [`folder`], by name. What runs
/// that were killed have left there is passed over.
///
/// # Errors
/// [`FolderError`] if the folder is there and not to be trusted, or cannot be read.
pub fn running() -> Result<Vec<RunningApp>, FolderError> {
    let folder = folder();
    let unusable = |source| FolderError::Unusable { folder: folder.clone(), source };
    match check(&folder) {
        Err(FolderError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        checked => checked?,
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unusable)? {
        let path = entry.map_err(unusable)?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sock"));
        if let Some(name) = name
            && UnixStream::connect(&path).is_ok()
        {
            found.push(RunningApp { name: name.to_owned(), path });
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_get_into_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            make(folder.path())
        };
        assert!(open(0o700).is_ok());
        for mode in [0o755, 0o710, 0o701, 0o770] {
            let refused = open(mode).unwrap_err();
            assert!(
                matches!(refused, FolderError::TooOpen { mode: found, .. } if found == mode),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_folder_that_is_made_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("airssys");
        make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        make(&folder).unwrap();
    }

    #[test]
    fn a_link_and_a_file_are_no_folders() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, link, file) =
            (parent.path().join("real"), parent.path().join("link"), parent.path().join("file"));
        make(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        fs::write(&file, "").unwrap();
        for other in [link, file] {
            let refused = make(&other).unwrap_err();
            assert!(matches!(refused, FolderError::NoFolder { .. }), "{refused}");
        }
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // Only where this is run by somebody else than the owner of the root folder.
        let root = Path::new("/");
        let refused = check(root).unwrap_err();
        match own_uid() == fs::metadata(root).unwrap().uid() {
            true => assert!(matches!(refused, FolderError::TooOpen { .. }), "{refused}"),
            false => assert!(matches!(refused, FolderError::Foreign { .. }), "{refused}"),
        }
    }

    #[test]
    fn what_is_taken_is_not_stolen_and_what_is_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = claim(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = claim(&path).unwrap_err();
        assert!(matches!(second, PlaceError::Taken { .. }), "{second}");
        UnixStream::connect(&path).unwrap();
        // As after a kill: the socket is still there, the lock is not held.
        drop(first);
        assert!(path.exists() && UnixStream::connect(&path).is_err());
        let _third = claim(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("a.sock"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, lock_of(&path)).unwrap();
        let refused = claim(&path).unwrap_err();
        assert!(matches!(refused, PlaceError::Refused { .. }), "{refused}");
        assert!(!elsewhere.exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious.txt");
        fs::write(&path, "precious").unwrap();
        let refused = claim(&path).unwrap_err();
        assert!(matches!(refused, PlaceError::NoSocket { .. }), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
