//! Programs that a build runs.

mod group;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::BuildError;
use crate::event::BuildEvent;
use group::Group;

/// Makes a command that runs a tool in a folder.
///
/// The command uses that folder's toolchain, because variables that an outer cargo has set are
/// removed.
pub(crate) fn clean(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name) {
            command.env_remove(name);
        }
    }
    keep_from_asking(&mut command);
    command
}

/// Makes git and ssh fail where they would ask at the terminal. A program in the background that reads
/// there is stopped by the system without a message.
fn keep_from_asking(command: &mut Command) {
    command.env("GIT_TERMINAL_PROMPT", "0");
    // ssh asks through this program alone, which may be the user's own with a window.
    command.env("SSH_ASKPASS_REQUIRE", "force");
    if std::env::var_os("SSH_ASKPASS").is_none_or(|program| program.is_empty()) {
        command.env("SSH_ASKPASS", "false");
    }
}

/// Returns true if a variable would change the build, and the user did not set it for that.
fn is_foreign(name: &OsStr) -> bool {
    const USERS: [&str; 11] = [
        "CARGO_HOME",
        "CARGO_ALIAS_",
        "CARGO_BUILD_JOBS",
        "CARGO_HTTP_",
        "CARGO_INCREMENTAL",
        "CARGO_NET_",
        "CARGO_PROFILE_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    /// These lead Node.js to options and modules of another project, and our tools to other programs.
    const FOREIGN: [&str; 5] =
        ["VIRTUAL_ENV", "NODE_OPTIONS", "NODE_PATH", "ESBUILD_BINARY_PATH", "NAPI_RS_NATIVE_LIBRARY_PATH"];
    let name = name.to_string_lossy();
    let cargo = name.starts_with("CARGO") && !USERS.iter().any(|kept| name.starts_with(kept));
    let rustc = name.starts_with("RUSTC") || name == "RUSTFLAGS" || name == "RUSTDOCFLAGS";
    cargo
        || rustc
        || name == "RUSTUP_TOOLCHAIN"
        || name == "CLIPPY_ARGS"
        || name.starts_with("LLVM_PROFILE")
        // Modules, options and warnings of another project.
        || name.starts_with("PYTHON")
        || FOREIGN.contains(&name.as_ref())
}

/// The result of a program that has ended.
pub(crate) struct Ran {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end, and tells each line that it writes to its standard error. If this process
/// ends before, so does the program.
pub(crate) fn run(
    mut command: Command,
    program: &'static str,
    help: &'static str,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Ran, BuildError> {
    let failed = |source| BuildError::NoProgram { program, help, source };
    let group = Group::start();
    group.add(&mut command);
    let mut child = command.spawn().map_err(failed)?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|mut stdout| stdout.read_to_end(&mut bytes)).transpose();
        read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
    });
    let mut stderr = String::new();
    for line in child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n')) {
        let line = String::from_utf8_lossy(&line.map_err(failed)?).trim_end().to_owned();
        stderr.push_str(&line);
        stderr.push('\n');
        tell(BuildEvent::Output(line));
    }
    let read = reader.join().map_err(|_| failed(std::io::ErrorKind::BrokenPipe.into()))?;
    let stdout = read.map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    drop(group);
    Ok(Ran { success: status.success(), stdout, stderr })
}

impl Ran {
    /// Returns all that the program printed, standard output first.
    pub(crate) fn output(self) -> String {
        self.stdout + &self.stderr
    }
}

/// Returns the standard output of a program that succeeded, or else all that is known of its failure.
pub(crate) fn passed(ran: Result<Ran, BuildError>) -> Result<String, String> {
    match ran {
        Ok(ran) if ran.success => Ok(ran.stdout),
        Ok(ran) => Err(ran.output()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn tool_that_needs_a_password_fails_with_a_message() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
        std::thread::spawn(move || {
            for client in server.incoming() {
                let mut client = client.unwrap();
                let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                client.write_all(answer.as_bytes()).unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let mut git = clean("git", folder.path());
        git.args(["-c", "credential.helper=", "-c", "core.askPass=", "ls-remote"]);
        git.arg(format!("http://{address}/x"))
            .env_remove("GIT_ASKPASS")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("SSH_ASKPASS", "").env("LC_ALL", "C").env("NO_PROXY", "*");
        let ran = run(git, "git", "", &mut |_| {}).unwrap();
        assert!(!ran.success);
        assert!(ran.stderr.contains("terminal prompts disabled"), "{}", ran.stderr);
    }
}
