//! A server of PostgreSQL, as a child process on a free port of this machine.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The time after which a server counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// The user that runs the server if the tests run as root, which the server refuses.
const USER: &str = "postgres";

pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    postmaster: Child,
    settings: Vec<String>,
}

/// Returns the folder of the server's programs.
fn programs() -> PathBuf {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = folders.map(|folder| folder.path().join("bin"));
    let mut folders: Vec<_> = folders.filter(|folder| folder.join("initdb").exists()).collect();
    folders.sort();
    folders.pop().expect("PostgreSQL is not installed: run `apt-get install postgresql`")
}

/// Returns a command that runs as a user whom the server accepts.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::getuid().is_root() {
        let id = |option: &str| {
            let found = Command::new("id").args([option, USER]).output().expect("id runs");
            let text = String::from_utf8_lossy(&found.stdout).trim().to_owned();
            text.parse().unwrap_or_else(|_| panic!("there is no user `{USER}`"))
        };
        command.uid(id("-u")).gid(id("-g"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    /// Starts a server with an empty database, and waits until it answers.
    pub(crate) async fn start() -> Server {
        Server::start_with(|_, _| Vec::new()).await
    }

    /// As [`Server::start`], with settings that a function makes, which also writes their files into the
    /// server's folder. It gets commands that run as the server's user.
    pub(crate) async fn start_with(
        settings: impl FnOnce(&Path, &dyn Fn(&Path) -> Command) -> Vec<String>,
    ) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        if rustix::process::getuid().is_root() {
            let owned = Command::new("chown").arg(USER).arg(folder.path()).status();
            assert!(owned.expect("chown runs").success());
        }
        let mut initdb = command(&programs().join("initdb"));
        initdb.current_dir(folder.path()).arg("-D").arg(folder.path().join("db"));
        initdb.args(["-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]);
        assert!(initdb.status().expect("initdb runs").success(), "initdb fails");
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let settings = settings(folder.path(), &command);
        let postmaster = spawn(&folder, port, &settings);
        let mut server = Server { folder, port, postmaster, settings };
        server.wait().await;
        server
    }

    /// Starts it again after [`Server::kill`].
    pub(crate) async fn restart(&mut self) {
        self.postmaster = spawn(&self.folder, self.port, &self.settings);
        self.wait().await;
    }

    async fn wait(&mut self) {
        let began = Instant::now();
        while self.client().await.is_none() {
            assert!(began.elapsed() < STUCK, "the server does not answer");
            // The processes of a killed server need a moment to end.
            if self.postmaster.try_wait().expect("its status").is_some() {
                self.postmaster = spawn(&self.folder, self.port, &self.settings);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns a connection of the test's own.
    pub(crate) async fn client(&self) -> Option<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.postmaster)
    }

    /// Returns the server's processes, the first one first.
    fn processes(&self) -> Vec<Pid> {
        let parent = self.pid().as_raw_nonzero().get();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let children = processes.filter_map(|process| {
            let pid: i32 = process.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(process.path().join("stat")).ok()?;
            // The second field after the name, which is in parentheses.
            let of: i32 = status.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Pid::from_raw(pid).filter(|_| of == parent)
        });
        [self.pid()].into_iter().chain(children).collect()
    }

    /// Ends all its processes at once, and waits until they have ended.
    pub(crate) fn kill(&mut self) {
        let processes = self.processes();
        for process in &processes {
            // A process may have ended since.
            let _ended = kill_process(*process, Signal::KILL);
        }
        self.postmaster.wait().expect("the server has ended");
        let began = Instant::now();
        while processes.iter().any(|process| runs(*process)) {
            assert!(began.elapsed() < STUCK, "a process of the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops all its processes, or lets them go on.
    pub(crate) fn freeze(&self, stop: bool) {
        let signal = if stop { Signal::STOP } else { Signal::CONT };
        for process in self.processes() {
            // A process may have ended since.
            let _ended = kill_process(process, signal);
        }
    }
}

/// Returns true if a process has not ended.
fn runs(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let state = status.ok().and_then(|status| status.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn spawn(folder: &TempDir, port: u16, settings: &[String]) -> Child {
    let data = folder.path().join("db");
    let mut postgres = command(&programs().join("postgres"));
    postgres.current_dir(folder.path()).arg("-D").arg(data).arg("-k").arg(folder.path());
    postgres.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off"]);
    postgres.args(settings.iter().flat_map(|setting| ["-c", setting]));
    postgres.spawn().expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.freeze(false);
        let _ended = kill_process(self.pid(), Signal::INT);
        let _ended = self.postmaster.wait();
    }
}
