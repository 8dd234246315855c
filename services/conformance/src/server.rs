//! Servers as child processes, on free ports of the loopback address.

use std::fs::{self, File};
use std::future::Future;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::host::STUCK;
use crate::process::{signal, wait_for_ends, with_children};

/// The most ports that are tried, because another process can take one before the server does.
const ATTEMPTS: usize = 8;

/// The place of a server.
pub struct Place {
    /// The free ports that the server may use, as many as [`Program::PORTS`]. Clients use the first.
    pub ports: Vec<u16>,
    folder: TempDir,
}

impl Place {
    /// Returns the port for clients.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Returns the folder for all files of the server, which is deleted with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A program that serves on ports.
pub trait Program: Send + Sync {
    /// The number of ports that it needs.
    const PORTS: usize = 1;

    /// Makes the files that it needs, before its first start. By default there are none.
    fn prepare(&self, place: &Place) {
        let _ = place;
    }

    /// Returns the command that starts it, on the loopback address, with all its files in the folder. Its
    /// output goes to the file `log` there.
    fn command(&self, place: &Place) -> Command;

    /// Returns true if it answers a request. Called until it does.
    fn answers(&self, place: &Place) -> impl Future<Output = bool> + Send;

    /// Returns the signal that ends it with the test. By default it is killed.
    fn stop_signal(&self) -> Signal {
        Signal::KILL
    }
}

/// A running program, which ends with this value.
pub struct Server<P: Program> {
    program: P,
    place: Place,
    /// `None` while it is killed.
    child: Option<Child>,
}

impl<P: Program> Server<P> {
    /// Starts a program in an empty folder, and waits until it answers.
    ///
    /// # Panics
    /// With the program's last output, if it does not answer.
    pub async fn start(program: P) -> Server<P> {
        let place = Place { ports: free_ports(P::PORTS), folder: tempfile::tempdir().expect("a folder") };
        program.prepare(&place);
        let mut server = Server { program, place, child: None };
        for _ in 0..ATTEMPTS {
            if server.launch().await {
                return server;
            }
            server.place.ports = free_ports(P::PORTS);
        }
        panic!("the server ends at once:\n{}", server.output());
    }

    /// Starts it again on its ports and its files, after [`Server::kill`].
    ///
    /// # Panics
    /// With the program's last output, if it does not answer.
    pub async fn restart(&mut self) {
        let began = Instant::now();
        while !self.launch().await {
            assert!(began.elapsed() < STUCK, "the server does not start again:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts the process. Returns false if it ends instead of answering.
    async fn launch(&mut self) -> bool {
        let log = || File::options().create(true).append(true).open(self.place.folder().join("log"));
        let mut command = self.program.command(&self.place);
        command.stdin(Stdio::null()).stdout(log().expect("a log")).stderr(log().expect("a log"));
        let child = self.child.insert(command.spawn().expect("the program can be run"));
        let began = Instant::now();
        while child.try_wait().expect("its state").is_none() {
            if self.program.answers(&self.place).await {
                return true;
            }
            if began.elapsed() > STUCK {
                panic!("the server does not answer:\n{}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child = None;
        false
    }

    /// Returns the end of the program's output.
    fn output(&self) -> String {
        let log = fs::read(self.place.folder().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(4_000)..]).into_owned()
    }

    /// Returns the program.
    pub fn program(&self) -> &P {
        &self.program
    }

    /// Returns its place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the port for clients.
    pub fn port(&self) -> u16 {
        self.place.port()
    }

    /// Ends it and its child processes at once, as a crash does, and waits until they have ended.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Stops it and its child processes, or lets them go on.
    pub fn freeze(&self, stop: bool) {
        if let Some(child) = &self.child {
            signal(&with_children(child), if stop { Signal::STOP } else { Signal::CONT });
        }
    }

    fn end(&mut self, how: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let processes = with_children(&child);
        match how {
            Signal::KILL => signal(&processes, Signal::KILL),
            how => signal(&processes[..1], how),
        }
        child.wait().expect("the server has ended");
        wait_for_ends(&processes);
    }
}

impl<P: Program> Drop for Server<P> {
    fn drop(&mut self) {
        self.freeze(false);
        self.end(self.program.stop_signal());
    }
}

/// Returns ports that no process uses at present.
fn free_ports(number: usize) -> Vec<u16> {
    let listeners = (0..number).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let listeners: Vec<_> = listeners.collect();
    listeners.iter().map(|listener| listener.local_addr().expect("its port").port()).collect()
}
