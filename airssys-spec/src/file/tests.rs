use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::*;

fn fault(result: io::Result<impl std::fmt::Debug>) -> FileFault {
    let error = result.unwrap_err();
    *error.get_ref().and_then(|inner| inner.downcast_ref()).unwrap_or_else(|| panic!("{error}"))
}

#[test]
fn only_regular_files_are_opened_and_links_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "text").unwrap();
    symlink("file", at("link")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink(".", at("folder")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(at("socket")).unwrap();

    assert_eq!(read(&at("file"), 4).unwrap(), b"text");
    assert_eq!(read_text(&at("link"), 4).unwrap(), "text");
    for (name, kind) in
        [("zero", "a device"), ("pipe", "a named pipe"), ("socket", "a socket"), ("folder", "a folder")]
    {
        assert_eq!(fault(read(&at(name), 4)), FileFault::NotRegular { kind }, "{name}");
        // A lock must not wait for the other end either.
        assert_eq!(fault(open_private(&at(name))), FileFault::NotRegular { kind }, "{name}");
    }
    assert_eq!(read(&at("absent"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn file_is_read_up_to_its_bound_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let sparse = folder.path().join("sparse");
    File::create(&sparse).unwrap().set_len(3 << 30).unwrap();
    assert_eq!(fault(read(&sparse, 1 << 20)), FileFault::TooLarge { max_bytes: 1 << 20 });
    File::create(&sparse).unwrap().set_len(5).unwrap();
    assert_eq!(read(&sparse, 5).unwrap(), [0; 5]);
    assert_eq!(fault(read(&sparse, 4)), FileFault::TooLarge { max_bytes: 4 });
    // A file that grows after its length is known.
    assert_eq!(fault(read_within(File::open(&sparse).unwrap(), 0, 4)), FileFault::TooLarge { max_bytes: 4 });
}

#[test]
fn private_folder_has_mode_700_and_trusted_folders_above_it() {
    let root = tempfile::tempdir().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let above = root.path().join("above");
    let folder = above.join("folder");
    create_private_folder(&folder).unwrap();
    assert_eq!((mode(&above), mode(&folder)), (0o700, 0o700));
    set(&folder, 0o777);
    assert!(matches!(folder_fault(check_trusted(&folder)), FolderFault::Open { mode: 0o777, .. }));
    create_private_folder(&folder).unwrap();
    assert_eq!(mode(&folder), 0o700);

    set(&above, 0o777);
    let FolderFault::Open { folder: found, mode: 0o777 } = folder_fault(create_private_folder(&folder))
    else {
        panic!("the folder above is open")
    };
    assert_eq!(found, above.canonicalize().unwrap());
    set(&above, 0o1777);
    create_private_folder(&folder).unwrap();

    let link = root.path().join("link");
    symlink(&folder, &link).unwrap();
    assert!(matches!(folder_fault(create_private_folder(&link)), FolderFault::NotAFolder { .. }));
    let file = folder.join("lock");
    drop(open_private(&file).unwrap());
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn path_that_was_checked_has_no_link_that_could_be_swapped() {
    let root = tempfile::tempdir().unwrap();
    let real = root.path().canonicalize().unwrap();
    let (link, own, other) = (real.join("link"), real.join("own"), real.join("other"));
    std::fs::create_dir_all(own.join("a/b")).unwrap();
    std::fs::create_dir_all(other.join("a/b")).unwrap();
    symlink(&own, &link).unwrap();
    let made = create_private_folder(&link.join("a/b/private")).unwrap();
    let trusted = check_trusted(&link.join("a")).unwrap();
    std::fs::remove_file(&link).unwrap();
    symlink(&other, &link).unwrap();
    assert_eq!((made, trusted), (own.join("a/b/private"), own.join("a")));
    assert!(!other.join("a/b/private").exists());
    // A path without a name cannot be made private.
    assert!(create_private_folder(Path::new("/")).is_err());
}

#[test]
fn folder_in_one_that_others_can_replace_is_not_made() {
    let root = tempfile::tempdir().unwrap();
    let open = root.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    assert!(matches!(folder_fault(create_private_folder(&open.join("own"))), FolderFault::Open { .. }));
    assert!(!open.join("own").exists());
}

fn folder_fault(result: io::Result<impl std::fmt::Debug>) -> FolderFault {
    let error = result.unwrap_err();
    error.get_ref().and_then(|inner| inner.downcast_ref::<FolderFault>()).unwrap().clone()
}

#[test]
fn place_of_a_file_is_checked_without_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "text").unwrap();
    assert!(check_file(&at("file")).unwrap());
    assert!(check_folder(folder.path()).unwrap());
    assert!(!check_file(&at("a/b/new")).unwrap());
    assert!(!check_folder(&at("a/b/new")).unwrap());
    assert!(!at("a").exists());
    check_file(folder.path()).unwrap_err();
    check_folder(&at("file")).unwrap_err();
    check_file(&at("file/below")).unwrap_err();
}
