//! Systems that allow few processes and threads.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::*;

/// The user as whom the limit holds, because it does not hold for root.
const USER: u32 = 61_007;

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// Limits the processes and threads of the program's user.
fn with_threads(program: Program, most: u32) -> Program {
    let limit = format!("--nproc={most}:{most}");
    let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
    match is_root() {
        true => program.wrapped(&["prlimit", &limit, "setpriv", &user[0], &user[1], "--clear-groups"]),
        false => program.wrapped(&["prlimit", &limit]),
    }
}

#[test]
fn program_that_may_start_few_threads_says_so_and_does_not_panic() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.write("a.wasm", wat::parse_str("(component (core module (func)))").unwrap());
    folder.write("Component.toml", "[component]\nname = \"a\"\nversion = \"0.1.0\"\n");
    let app = folder.write(
        "app.toml",
        "[app]\nname = \"a\"\n[[component]]\nsource = \"a.wasm\"\nmanifest = \"Component.toml\"\n",
    );
    // Each run compiles anew.
    let cache = |most: u32| folder.path().join(format!("cache{most}")).to_str().unwrap().to_owned();
    let home = folder.path().to_str().unwrap();
    let program = |args: &[&str], most: u32| {
        // The other user may not read this user's configuration.
        let program = airssys(args).env("HOME", home).env("XDG_CONFIG_HOME", home);
        program.env("AIRSSYS_CACHE_DIR", &cache(most))
    };
    for most in [1, 2, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20] {
        for args in [&["run", "--no-control", &app][..], &["check", &file]] {
            let ended = with_threads(program(args, most), most).run();
            assert!(!ended.stderr.contains("panicked"), "{most}: {ended}");
            assert!(!ended.stderr.contains("MiB of memory"), "{most}: {ended}");
            let says = ["more threads, and it needs", "os error 11", "lacks exports"];
            assert!(says.iter().any(|reason| ended.stderr.contains(reason)), "{most}: {ended}");
        }
    }
    with_threads(program(&["run", "--no-control", &app], 4), 4).run().exits(1).says(&[
        "error: the app cannot run",
        "more threads, and it needs",
        "(`ulimit -u`, `pids.max`)",
    ]);
    program(&["check", &file], 0).run().exits(3).says(&["lacks exports"]);
}
