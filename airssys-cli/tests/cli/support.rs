//! The program as a child process, and copies of the quakes app.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The time limit of a program. Most of it is for components that are built for the first time.
const LIMIT: Duration = Duration::from_secs(110);

/// The root folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A file of the project.
pub(crate) fn path(file: &str) -> String {
    root().join(file).to_str().unwrap().to_owned()
}

/// The program with these arguments.
pub(crate) fn airssys(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airssys"));
    command.args(args).current_dir(root());
    command.env("AIRSSYS_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-components"));
    command.env("XDG_RUNTIME_DIR", env!("CARGO_TARGET_TMPDIR"));
    for name in
        ["RUST_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program { command, input: Vec::new() }
}

/// The program before its start.
pub(crate) struct Program {
    command: Command,
    input: Vec<u8>,
}

impl Program {
    pub(crate) fn arg(mut self, arg: &str) -> Program {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Program {
        self.command.env(name, value);
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Program {
        self.command.current_dir(folder);
        self
    }

    /// Sets the standard input.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Program {
        self.input = input.into();
        self
    }

    /// Starts the program by way of another, which gets the program and its arguments.
    pub(crate) fn wrapped(mut self, by: &[&str]) -> Program {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).arg(self.command.get_program()).args(self.command.get_args());
        command.current_dir(self.command.get_current_dir().unwrap());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// Sends the standard output elsewhere.
    pub(crate) fn output_to(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stdout(stream);
        self
    }

    /// Sends the standard error elsewhere.
    pub(crate) fn errors_to(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stderr(stream);
        self
    }

    /// Limits the address space of the program, in KiB.
    pub(crate) fn with_address_space(mut self, kib: u64) -> Program {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\"")]);
        shell.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(self.command.get_current_dir().unwrap());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = shell;
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().unwrap();
        // The write fails if the program ends before it has read everything.
        std::thread::spawn(move || drop(stdin.write_all(&self.input)));
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            read_lines(stdout, sender.clone(), Line::Out);
        }
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, sender, Line::Err);
        }
        let until = Instant::now() + LIMIT;
        Running { child, lines, until, stdout: String::new(), stderr: String::new() }
    }

    /// Runs the program to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

enum Line {
    Out(String),
    Err(String),
}

fn read_lines(
    from: impl std::io::Read + Send + 'static,
    to: std::sync::mpsc::Sender<Line>,
    kind: fn(String) -> Line,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8(std::mem::take(&mut line)).expect("the program prints UTF-8");
            if to.send(kind(text)).is_err() {
                return;
            }
        }
    });
}

/// The running program, which is killed if it takes too long or if the test fails.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    until: Instant,
    stdout: String,
    stderr: String,
}

impl Running {
    /// Waits until a line of the standard error contains this text.
    pub(crate) fn until_it_says(&mut self, text: &str) {
        while !self.stderr.contains(text) {
            assert!(self.read(), "the program ended without saying `{text}`:\n{}", self.stderr);
        }
    }

    /// Waits until the standard error contains this text. Returns its line.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        self.until_it_says(text);
        self.stderr.lines().find(|line| line.contains(text)).unwrap().to_owned()
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Interrupts the program as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends the signal with this name to the program.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Sends the signal with this name to the program's children.
    pub(crate) fn signal_children(&self, name: &str) {
        let kill = format!("kill -{name} $(cat /proc/{0}/task/{0}/children)", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn end(mut self) -> Ended {
        while self.read() {}
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        Ended { status, stdout, stderr }
    }

    /// Reads a line. Returns false after the last one.
    fn read(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(Line::Out(line)) => self.stdout.push_str(&line),
            Ok(Line::Err(line)) => self.stderr.push_str(&line),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {
                panic!("the program is stuck after\n{}\nand\n{}", self.stdout, self.stderr)
            }
        }
        true
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The program has ended already, unless the test fails.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program after its end.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ended {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Asserts that the standard error contains each of these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Ended {
        for text in texts {
            assert!(self.stderr.contains(text), "the program does not say `{text}`: {self}");
        }
        self
    }

    /// Asserts that the standard output contains each of these texts.
    #[track_caller]
    pub(crate) fn prints(self, texts: &[&str]) -> Ended {
        for text in texts {
            assert!(self.stdout.contains(text), "the program does not print `{text}`: {self}");
        }
        self
    }

    /// The standard output, which must be one JSON document and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(json) => json,
            Err(error) => panic!("{error}: {self}"),
        }
    }

    /// The words of each line of the standard output.
    pub(crate) fn words(&self) -> Vec<Vec<&str>> {
        self.stdout.lines().map(|line| line.split_whitespace().collect()).collect()
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

/// A folder for the files of a test.
pub(crate) struct Folder {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        let temporary = TempDir::new().unwrap();
        Folder { path: temporary.path().to_owned(), _temporary: Some(temporary) }
    }

    /// A folder that stays for the next test run, because its files take long to make.
    pub(crate) fn kept(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder { path, _temporary: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes a subfolder if it exists.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.path.join(name);
        if path.exists() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }

    /// Writes a file. Returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Lets all crates in this folder share the compiled dependencies of new components.
    pub(crate) fn share_target(&self) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-new/target");
        self.write(".cargo/config.toml", format!("[build]\ntarget-dir = {target:?}\n"));
    }

    /// Writes a changed manifest of the quakes app: each pair is a text in it and its replacement.
    /// Returns the path.
    #[track_caller]
    pub(crate) fn quakes(&self, changes: &[(&str, &str)]) -> String {
        let manifest = std::fs::read_to_string(path("examples/quakes/app.toml")).unwrap();
        let manifest = manifest
            .replace("../../components", &path("components"))
            .replace("\"earthquakes.json\"", &format!("{:?}", path("examples/quakes/earthquakes.json")));
        self.write("app.toml", changed(manifest, changes))
    }
}

#[track_caller]
fn changed(mut text: String, changes: &[(&str, &str)]) -> String {
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        text = text.replace(from, to);
    }
    text
}

/// The stats of a component in the JSON result of a run.
#[track_caller]
pub(crate) fn component<'a>(outcome: &'a Value, name: &str) -> &'a Value {
    let mut components = outcome["components"].as_array().unwrap().iter();
    components.find(|component| component["name"] == name).unwrap_or_else(|| panic!("no {name}: {outcome}"))
}

/// A counter of all instances of a component.
#[track_caller]
pub(crate) fn count_instances(component: &Value, counter: &str) -> u64 {
    component["instances"].as_array().unwrap().iter().map(|instance| count(instance, counter)).sum()
}

/// A counter of a JSON object.
#[track_caller]
pub(crate) fn count(of: &Value, counter: &str) -> u64 {
    of[counter].as_u64().unwrap_or_else(|| panic!("{counter} is not a count: {of}"))
}
