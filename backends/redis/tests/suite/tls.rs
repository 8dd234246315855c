//! Encrypted connections, to a server with a certificate of its own.

use std::path::Path;
use std::process::Command;

use airssys_conformance::{Certificate, Place, Program, Server};
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject};

use crate::server::{Product, backends};

/// Redis that serves by TLS on its port, and without on another one.
struct Encrypted;

impl Program for Encrypted {
    const PORTS: usize = 2;

    fn prepare(&self, place: &Place) {
        Certificate::make(place.folder(), "server", "localhost");
        Certificate::make(place.folder(), "other", "localhost");
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(Product::Redis.program());
        let port = |number: usize| place.ports[number].to_string();
        command.args(["--bind", "127.0.0.1", "--save", "", "--tls-auth-clients", "no"]);
        command.args(["--tls-port", &port(0), "--port", &port(1)]).arg("--dir").arg(place.folder());
        command.arg("--tls-cert-file").arg(place.folder().join("server.pem"));
        command.arg("--tls-key-file").arg(place.folder().join("server.key"));
        command
    }

    async fn answers(&self, place: &Place) -> bool {
        let pong = crate::server::send(place.ports[1], "PING\r\n").await;
        pong.is_some_and(|answer| answer.starts_with("+PONG"))
    }
}

async fn opens(url: &str, ca: &Path) -> Answer {
    let text = format!(
        "[backend.main]\ntype = \"redis\"\nurl = \"{url}\"\nca = {ca:?}\nmax_retries = 0\n\n[keyvalue]\n\"*\" = \"main\"\n"
    );
    let subject = Subject::new(backends(), &text, None).await;
    subject.call(Api::Own, "any", Call::Exists("key".to_owned())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_is_encrypted_and_the_certificate_is_checked() {
    let server = Server::start(Encrypted).await;
    let (port, folder) = (server.port(), server.place().folder());
    let (own, other) = (folder.join("server.pem"), folder.join("other.pem"));
    let unavailable = Answer::Error { name: "unavailable".to_owned(), text: String::new() };
    assert_eq!(opens(&format!("rediss://localhost:{port}"), &own).await, Answer::Flag(false));
    // A certificate that is not trusted, one of another host, and a server without TLS.
    assert_eq!(opens(&format!("rediss://localhost:{port}"), &other).await, unavailable);
    assert_eq!(opens(&format!("rediss://127.0.0.1:{port}"), &own).await, unavailable);
    let plain = server.place().ports[1];
    assert_eq!(opens(&format!("rediss://localhost:{plain}"), &own).await, unavailable);
}
