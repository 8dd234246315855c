//! The programs that a build has started when it is ended.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::*;

/// A component in Rust whose build never ends. Its build script writes its process id to a file.
fn endless(folder: &Folder) -> (String, std::path::PathBuf) {
    let note = folder.path().join("id");
    let manifest = "[package]\nname = \"odd\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
    folder.write("odd/Cargo.toml", manifest);
    folder.write("odd/Component.toml", "[component]\nname = \"odd\"\nversion = \"0.1.0\"\n");
    folder.write("odd/src/lib.rs", "");
    let script = format!(
        "fn main() {{\n    let (new, note) = ({:?}, {note:?});\n    \
         std::fs::write(new, std::process::id().to_string()).unwrap();\n    \
         std::fs::rename(new, note).unwrap();\n    loop {{ std::thread::park(); }}\n}}\n",
        folder.path().join("new")
    );
    folder.write("odd/build.rs", script);
    let app = folder.write("app.toml", "[app]\nname = \"odd\"\n\n[[component]]\nsource = \"odd\"\n");
    (app, note)
}

/// Waits until this holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(100);
    while !holds() {
        assert!(Instant::now() < limit, "{what} takes too long");
        sleep(Duration::from_millis(10));
    }
}

/// Returns true if a process has not ended. An ended one can wait for its parent as a zombie.
fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with(['Z', 'X']))
}

#[test]
fn programs_of_a_build_end_with_it_however_it_ends() {
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        for command in ["build", "run", "check"] {
            let folder = Folder::new();
            let (app, note) = endless(&folder);
            let running = airssys([command, &app]).start();
            until("the build script's start", || note.exists());
            let script = fs::read_to_string(&note).unwrap();
            assert!(is_alive(&script));
            running.signal(signal);
            drop(running.end());
            until("the build script's end", || !is_alive(&script));
        }
    }
}

/// A npm that says where its user's settings are, and never ends an installation that has them.
const NPM: &str = "#!/bin/sh\n\
    case \"$1\" in\n\
    config) echo \"userconfig=$HOME/.npmrc\";;\n\
    ci) grep -q secret-token \"$npm_config_userconfig\" && echo > \"$NOTE\"; exec sleep 600;;\n\
    esac\n";

/// Returns the files below a folder that have the token.
fn files_with_token(folder: &Path) -> Vec<std::path::PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("secret-token") => {
                    found.push(path);
                }
                false => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn passwords_of_npm_are_in_no_file_whether_its_build_goes_on_or_is_ended() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    airssys(["new", "one", "--lang", "js"]).within(folder.path()).run().exits(0);
    let npm = folder.write("bin/npm", NPM);
    fs::set_permissions(npm, fs::Permissions::from_mode(0o755)).unwrap();
    folder.write("home/.npmrc", "//packages.example/:_authToken=secret-token\n");
    fs::create_dir(folder.path().join("tmp")).unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let path = format!("{}:{}", at("bin"), std::env::var("PATH").unwrap());
    let expected = files_with_token(folder.path());
    assert_eq!(expected.len(), 2, "the settings and the npm of this test");
    for signal in ["INT", "TERM", "KILL"] {
        let build = airssys(["build", "one"]).within(folder.path()).env("PATH", &path);
        let build = build.env("HOME", &at("home")).env("TMPDIR", &at("tmp")).env("NOTE", &at("note"));
        let running = build.env("AIRSSYS_TOOLS_DIR", &at("tools")).start();
        until("npm, with the settings,", || Path::new(&at("note")).exists());
        assert_eq!(files_with_token(folder.path()), expected);
        running.signal(signal);
        drop(running.end());
        assert_eq!(files_with_token(folder.path()), expected);
        fs::remove_file(at("note")).unwrap();
    }
}
