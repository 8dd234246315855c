//! Paths that lead to something without an end: devices, pipes, sockets, and files with much in them.
//!
//! Each run has little address space, so that a failure cannot exhaust the machine.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::support::*;

/// The address space of each run, in KiB: 3 GiB.
const ADDRESS_SPACE: u64 = 3 << 20;

/// The paths, and the messages about them.
const KINDS: [(&str, &str); 5] = [
    ("zero", "it is a device, not a regular file"),
    ("pipe", "it is a named pipe, not a regular file"),
    ("socket", "it is a socket, not a regular file"),
    ("folder", "it is a folder, not a regular file"),
    ("sparse", "it has more than"),
];

/// Makes each kind with this extension. The listener keeps the socket.
fn make_kinds(folder: &Path, extension: &str) -> UnixListener {
    let at = |name: &str| folder.join(name).with_extension(extension);
    symlink("/dev/zero", at("zero")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    std::fs::create_dir(at("folder")).unwrap();
    File::create(at("sparse")).unwrap().set_len(3 << 30).unwrap();
    UnixListener::bind(at("socket")).unwrap()
}

fn limited(args: &[&str]) -> Ended {
    airssys(args).with_address_space(ADDRESS_SPACE).run()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn component_is_a_regular_file_of_bounded_size() {
    let folder = Folder::new();
    let _socket = make_kinds(folder.path(), "wasm");
    for (name, said) in KINDS {
        let file = folder.path().join(name).with_extension("wasm");
        if name != "folder" {
            limited(&["check", text(&file)]).exits(3).says(&["cannot be read", said]);
        }
        let app = folder.write(
            &format!("{name}.toml"),
            format!("[app]\nname = \"a\"\n[[component]]\nsource = {file:?}\nmanifest = \"Component.toml\"\n"),
        );
        folder.write("Component.toml", "[component]\nname = \"a\"\nversion = \"0.1.0\"\n");
        let ended = limited(&["run", "--no-control", &app]);
        let said = if name == "sparse" { said } else { "is not a regular file" };
        assert!(name == "folder" || ended.stderr.contains(said), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
    }
}

#[test]
fn manifest_is_a_regular_file_of_bounded_size() {
    let folder = Folder::new();
    let _socket = make_kinds(folder.path(), "toml");
    for (name, said) in KINDS {
        let file = folder.path().join(name).with_extension("toml");
        if name == "folder" {
            continue;
        }
        for args in [
            &["run", "--no-control", text(&file)][..],
            &["check", text(&file)],
            &["build", text(&file)],
            &["explain", text(&file), "a", "send", "b"],
        ] {
            limited(args).exits(3).says(&[said]);
        }
        let app = folder.write(
            "app.toml",
            format!("[app]\nname = \"a\"\n[[component]]\nsource = \"a.wasm\"\nmanifest = {file:?}\n"),
        );
        folder.write("a.wasm", "");
        let said = if name == "sparse" { said } else { "is not a regular file" };
        limited(&["check", &app]).exits(3).says(&[said]);
    }
}

#[test]
fn manifest_with_many_mistakes_or_a_long_name_is_reported_in_few_lines() {
    let folder = Folder::new();
    let keys: String = (0..100_000).map(|key| format!("k{key}=1\n")).collect();
    let file = folder.write("many/Component.toml", format!("[component]\nname = \"a\"\n{keys}"));
    let many = Path::new(&file).parent().unwrap().to_owned();
    let ended = limited(&["check", text(&many)]).exits(3).says(&["… and 99901 more mistakes in this file"]);
    assert!(ended.stderr.lines().count() < 2_000, "{}", ended.stderr.lines().count());

    let name = "n".repeat(1_000_000);
    let file = folder.write("long/Component.toml", format!("[component]\nname = \"{name}!\"\n"));
    let long = Path::new(&file).parent().unwrap().to_owned();
    let ended = limited(&["check", text(&long)]).exits(3);
    assert!(ended.stderr.len() < 100_000, "{}", ended.stderr.len());

    let file = folder.path().join("huge/Component.toml");
    folder.write("huge/Component.toml", "");
    File::options().write(true).open(&file).unwrap().set_len(50 << 20).unwrap();
    let huge = file.parent().unwrap().to_owned();
    limited(&["check", text(&huge)]).exits(3).says(&["it has more than 1048576 bytes"]);
}

#[test]
fn state_folder_with_a_pipe_as_its_lock_is_refused() {
    let folder = Folder::new();
    let app = folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"a\"\nstate = \"state\"\n[[component]]\nsource = {:?}\n",
            path("components/test-probe")
        ),
    );
    std::fs::create_dir(folder.path().join("state")).unwrap();
    for (name, said) in [("lock", "cannot be created"), ("subscriptions.json", "cannot be read")] {
        let pipe = folder.path().join("state").join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let ended = airssys(["run", "--no-control", &app]).run().exits(1);
        ended.says(&[said, "it is a named pipe, not a regular file"]);
        std::fs::remove_file(pipe).unwrap();
    }
}
