//! The programs that the chores run.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// A program that could not be run, or that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ToolError {
    #[error("`{program}` cannot be run")]
    NoProgram { program: String, source: io::Error },
    #[error("the output of `{program}` cannot be read")]
    Output { program: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
}

/// Prepares a program in a folder with the user's environment. Removes the variables that the cargo
/// that runs this program has set for it, because they would mislead another cargo.
pub(crate) fn tool(program: &str, folder: &Path) -> Command {
    without(program, folder, |name| {
        name == "CARGO" || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")
    })
}

/// Prepares a program in a folder, without any variable that changes how Rust is compiled: toolchain,
/// flags, target folder. `airssys` and the tests build components in the same environment, so each
/// reuses the builds of the others.
pub(crate) fn clean_tool(program: &str, folder: &Path) -> Command {
    without(program, folder, |name| {
        let kept = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];
        let cargo = name.starts_with("CARGO") && !kept.iter().any(|kept| name.starts_with(kept));
        let rustc = name.starts_with("RUSTC") || name == "RUSTFLAGS" || name == "RUSTDOCFLAGS";
        let coverage = name.starts_with("LLVM_PROFILE");
        cargo || rustc || coverage || name == "RUSTUP_TOOLCHAIN" || name == "CLIPPY_ARGS"
    })
}

fn without(program: &str, folder: &Path, foreign: impl Fn(&str) -> bool) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program with the outputs of this program.
pub(crate) fn run(mut command: Command) -> Result<(), ToolError> {
    let status = command.status().map_err(|source| no_program(&command, source))?;
    checked(&command, status)
}

/// Runs a program, and returns its standard output.
pub(crate) fn read(mut command: Command) -> Result<String, ToolError> {
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|source| no_program(&command, source))?;
    checked(&command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns true if a program can be run and succeeds. Drops its output.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A program that has ended, with every line of its output.
#[derive(Debug)]
pub(crate) struct Ran {
    command: String,
    status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    stderr: Vec<String>,
}

impl Ran {
    /// Returns the lines of both outputs.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> + Clone {
        self.stdout.iter().chain(&self.stderr).map(String::as_str)
    }

    /// Returns an error if the program failed.
    pub(crate) fn success(&self) -> Result<(), ToolError> {
        match self.status.success() {
            true => Ok(()),
            false => Err(ToolError::Failed { command: self.command.clone(), status: self.status }),
        }
    }
}

/// Runs a program, and passes its lines on as they come. Keeps them without their colours.
pub(crate) fn watch(mut command: Command) -> Result<Ran, ToolError> {
    if io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| no_program(&command, source))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (out, err) = std::thread::scope(|scope| {
        let err = scope.spawn(|| pass_on(stderr, io::stderr()));
        let out = pass_on(stdout, io::stdout());
        (out, err.join().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())))
    });
    let unread = |source| ToolError::Output { program: name(&command), source };
    let status = child.wait().map_err(unread)?;
    let (stdout, stderr) = (out.map_err(unread)?, err.map_err(unread)?);
    Ok(Ran { command: shown(&command), status, stdout, stderr })
}

fn pass_on(from: Option<impl Read>, mut to: impl Write) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let Some(from) = from else { return Ok(lines) };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        lines.push(plain(String::from_utf8_lossy(&line).trim_end()));
        line.clear();
    }
    Ok(lines)
}

/// Removes the colours of a line, which are escape sequences that end in a letter.
fn plain(line: &str) -> String {
    let mut escaped = false;
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match (escaped, c) {
            (false, '\u{1b}') => escaped = true,
            (false, c) => text.push(c),
            (true, c) => escaped = !c.is_ascii_alphabetic(),
        }
    }
    text
}

fn checked(command: &Command, status: ExitStatus) -> Result<(), ToolError> {
    match status.success() {
        true => Ok(()),
        false => Err(ToolError::Failed { command: shown(command), status }),
    }
}

fn no_program(command: &Command, source: io::Error) -> ToolError {
    ToolError::NoProgram { program: name(command), source }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = tool("sh", Path::new("."));
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_are_kept_without_colours_and_the_status_counts() {
        let ran = watch(shell("printf '\\033[1;32mout\\033[0m\\n'; echo err >&2; exit 3")).unwrap();
        assert!(ran.lines().eq(["out", "err"]));
        let error = ran.success().unwrap_err().to_string();
        assert!(error.ends_with("exit 3` failed (exit status: 3)"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(tool("no-such-program", Path::new("."))).unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` cannot be run");
        assert!(!succeeds(tool("no-such-program", Path::new("."))));
    }

    #[test]
    fn the_output_of_a_program_is_returned() {
        assert_eq!(read(shell("echo text")).unwrap(), "text\n");
        assert!(read(shell("echo text; false")).is_err());
    }

    #[test]
    fn variables_that_cargo_sets_are_removed() {
        let removed = |command: &Command, name: &str| {
            command.get_envs().any(|(own, value)| own == name && value.is_none())
        };
        // The cargo that runs this test sets both variables.
        for command in [tool("sh", Path::new(".")), clean_tool("sh", Path::new("."))] {
            assert!(removed(&command, "CARGO_MANIFEST_DIR"));
            assert!(!removed(&command, "CARGO_HOME"));
        }
    }
}
