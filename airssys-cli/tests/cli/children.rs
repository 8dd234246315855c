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
