//! Another user for servers that refuse to run as root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::getuid;

/// Lets a command run as this user if the tests run as root. Otherwise it runs as their user.
///
/// # Panics
/// If there is no such user.
pub fn run_as(command: &mut Command, user: &str) {
    if getuid().is_root() {
        let id = |option: &str| {
            let found = Command::new("id").args([option, user]).output().expect("`id` runs");
            let text = String::from_utf8_lossy(&found.stdout).trim().to_owned();
            text.parse().unwrap_or_else(|_| panic!("there is no user `{user}`"))
        };
        command.uid(id("-u")).gid(id("-g"));
    }
}

/// Gives a folder to this user if the tests run as root.
///
/// # Panics
/// If that fails.
pub fn hand_over(folder: &Path, user: &str) {
    if getuid().is_root() {
        let done = Command::new("chown").arg("-R").arg(user).arg(folder).status().expect("`chown` runs");
        assert!(done.success(), "{} is not given to `{user}`", folder.display());
    }
}
