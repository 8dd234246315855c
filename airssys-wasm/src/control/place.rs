//! The places of control sockets, and the checks that no other user can put one there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use airssys_spec::file::check_trusted;
use airssys_spec::pattern::{InvalidName, check_component_name};

/// The most runs of one app that have a control socket at a time.
pub const MAX_RUNS: u32 = 64;

/// Returns the folder of the control sockets of this user's apps. It is `airssys` in `XDG_RUNTIME_DIR`,
/// or else `airssys-UID` in the folder for temporary files. It need not exist.
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

/// The place of a control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In [`folder`], by the name of an app: `NAME.sock`, or `NAME.2.sock` and so on while other runs of
    /// the app have the earlier names.
    App(String),
    /// At this path. Its folder has to exist.
    At(PathBuf),
}

/// A folder is not used for control sockets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It cannot be created or read.
    #[error("the folder {} cannot be used", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is not a folder.
    #[error("{} is not a folder", folder.display())]
    NotAFolder {
        /// The path.
        folder: PathBuf,
    },
    /// Another user owns it, and could put a socket there.
    #[error("the folder {} belongs to user {owner}, not to {own}", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The user that owns it.
        owner: u32,
        /// The user of this program.
        own: u32,
    },
    /// Other users have access to it.
    #[error("the folder {} is open to other users: its mode is {mode:o}; set it to 700", folder.display())]
    TooOpen {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// A control socket could not be created at its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Its folder is not used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The name of the app cannot be a file name.
    #[error("`{name}` cannot name a control socket")]
    Name {
        /// The name.
        name: String,
        /// The cause.
        source: InvalidName,
    },
    /// Another run has it.
    #[error("another run has the control socket {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Another file is there, and is left alone.
    #[error("{} exists and is not a socket; choose another path", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses it.
    #[error("the control socket {} cannot be opened", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A socket at its place. The lock decides who has the place: the socket of a killed run can be replaced,
/// and the socket of an active run cannot.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) path: PathBuf,
    pub(super) listener: UnixListener,
    /// Released when it is closed, even if the process is killed.
    pub(super) lock: File,
}

impl Place {
    pub(super) fn claim(&self) -> Result<Claimed, PlaceError> {
        match self {
            Place::At(path) => claim(path),
            Place::App(name) => {
                check_component_name(name)
                    .map_err(|source| PlaceError::Name { name: name.clone(), source })?;
                let folder = make(&folder())?;
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

/// Returns the file name of a run. The `.` keeps it unambiguous, because app names have none.
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
    // A symbolic link from another user is not followed, and a pipe has no reader to wait for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed());
    let lock = options.open(lock_of(path)).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(PlaceError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(refused)?,
        Ok(_) => return Err(PlaceError::NotASocket { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    let only_owner = fs::Permissions::from_mode(0o600);
    let opened = fs::set_permissions(path, only_owner).and_then(|()| listener.set_nonblocking(true));
    opened.map_err(refused)?;
    Ok(Claimed { path: path.to_owned(), listener, lock })
}

/// Returns the path of the lock of a socket. The lock file is never removed: a file that is removed while
/// another run opens it would be two locks.
fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Creates the folder if it is missing, and checks that it is trusted. Returns the path that was checked.
fn make(folder: &Path) -> Result<PathBuf, FolderError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(FolderError::Unusable { folder: folder.to_owned(), source: error })
        }
        _ => check(folder),
    }
}

/// Checks that only this user can have put a file there. Returns the path that was checked: no other user can
/// make it lead elsewhere.
fn check(folder: &Path) -> Result<PathBuf, FolderError> {
    let unusable = |source| FolderError::Unusable { folder: folder.to_owned(), source };
    let folder = &match (folder.parent(), folder.file_name()) {
        (Some(above), Some(name)) => check_trusted(above).map_err(unusable)?.join(name),
        _ => folder.to_owned(),
    };
    let owned = || folder.to_owned();
    // The link itself is checked, because its owner can change its target.
    let found =
        fs::symlink_metadata(folder).map_err(|source| FolderError::Unusable { folder: owned(), source })?;
    let (mode, own) = (found.mode() & 0o777, own_uid());
    match found {
        found if !found.is_dir() => Err(FolderError::NotAFolder { folder: owned() }),
        found if found.uid() != own => Err(FolderError::Foreign { folder: owned(), owner: found.uid(), own }),
        _ if mode & 0o077 != 0 => Err(FolderError::TooOpen { folder: owned(), mode }),
        _ => Ok(owned()),
    }
}

/// A running app, found by its control socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RunningApp {
    /// The app's name; `NAME.2` and so on if it has several runs.
    pub name: String,
    /// The path of its control socket.
    pub path: PathBuf,
}

/// Returns the running apps of this user with control sockets in [`folder`], sorted by name. Sockets of
/// killed runs are left out.
///
/// # Errors
/// [`FolderError`] if the folder exists and is not trusted, or cannot be read.
pub fn running() -> Result<Vec<RunningApp>, FolderError> {
    let folder = match check(&folder()) {
        Err(FolderError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        checked => checked?,
    };
    let unusable = |source| FolderError::Unusable { folder: folder.clone(), source };
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
    fn folder_open_to_other_users_is_refused() {
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
    fn created_folder_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("airssys");
        make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        make(&folder).unwrap();
    }

    #[test]
    fn folder_is_used_by_the_path_that_was_checked() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().canonicalize().unwrap().join(name);
        fs::create_dir(at("own")).unwrap();
        std::os::unix::fs::symlink(at("own"), at("link")).unwrap();
        assert_eq!(make(&at("link/airssys")).unwrap(), at("own/airssys"));
        fs::set_permissions(at("own"), fs::Permissions::from_mode(0o777)).unwrap();
        let refused = make(&at("link/airssys")).unwrap_err();
        assert!(matches!(refused, FolderError::Unusable { .. }), "{refused}");
    }

    #[test]
    fn links_and_files_are_not_folders() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, link, file) =
            (parent.path().join("real"), parent.path().join("link"), parent.path().join("file"));
        make(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        fs::write(&file, "").unwrap();
        for other in [link, file] {
            let refused = make(&other).unwrap_err();
            assert!(matches!(refused, FolderError::NotAFolder { .. }), "{refused}");
        }
    }

    #[test]
    fn folder_of_another_user_is_refused() {
        // The root folder belongs to another user, unless the tests run as its owner.
        let root = Path::new("/");
        let refused = check(root).unwrap_err();
        match own_uid() == fs::metadata(root).unwrap().uid() {
            true => assert!(matches!(refused, FolderError::TooOpen { .. }), "{refused}"),
            false => assert!(matches!(refused, FolderError::Foreign { .. }), "{refused}"),
        }
    }

    #[test]
    fn socket_of_an_active_run_is_kept_and_that_of_a_killed_run_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = claim(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = claim(&path).unwrap_err();
        assert!(matches!(second, PlaceError::Taken { .. }), "{second}");
        UnixStream::connect(&path).unwrap();
        // As after a kill, the socket exists and its lock is free.
        drop(first);
        assert!(path.exists() && UnixStream::connect(&path).is_err());
        let _third = claim(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn link_at_the_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("a.sock"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, lock_of(&path)).unwrap();
        let refused = claim(&path).unwrap_err();
        assert!(matches!(refused, PlaceError::Refused { .. }), "{refused}");
        assert!(!elsewhere.exists());
    }

    #[test]
    fn other_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious.txt");
        fs::write(&path, "precious").unwrap();
        let refused = claim(&path).unwrap_err();
        assert!(matches!(refused, PlaceError::NotASocket { .. }), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
