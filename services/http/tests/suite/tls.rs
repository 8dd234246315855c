//! Listeners with a certificate: TLS, and HTTP/2 with its attacks.

use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{SOON, Served, response, served};

/// A certificate for `localhost`, in files.
struct Pair {
    folder: tempfile::TempDir,
    roots: RootCertStore,
}

impl Pair {
    fn new() -> Pair {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("certificate.pem"), signed.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(signed.cert.der().clone()).unwrap();
        Pair { folder, roots }
    }

    /// Returns the keys of a `[[http]]`.
    fn keys(&self) -> String {
        let path = |name: &str| Path::join(self.folder.path(), name).display().to_string();
        format!("certificate = {:?}\nkey = {:?}\n", path("certificate.pem"), path("key.pem"))
    }

    /// Connects, and offers one protocol.
    async fn connect(&self, served: &Served, protocol: &[u8]) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(self.roots.clone());
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let stream =
            TlsConnector::from(Arc::new(config)).connect(name, served.connect().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        stream
    }

    async fn get(&self, served: &Served, path: &str) -> String {
        let mut stream = self.connect(served, b"http/1.1").await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        response(&mut stream).await.text().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_over_tls_has_the_scheme_https_and_one_without_tls_is_refused() {
    let pair = Pair::new();
    let served = served("", "", &pair.keys()).await;
    assert_eq!(pair.get(&served, "/line").await, "GET https://localhost/line");
    let mut plain = served.connect().await;
    plain.write_all(b"GET /count HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    drop(tokio::time::timeout(SOON, plain.read_to_end(&mut bytes)).await.expect("it is closed"));
    assert!(!bytes.starts_with(b"HTTP"), "an answer without TLS: {bytes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_does_not_finish_its_handshake_is_closed() {
    let pair = Pair::new();
    let served = served("", "", &format!("client_timeout = \"2 s\"\n{}", pair.keys())).await;
    let mut silent = served.connect().await;
    let mut bytes = Vec::new();
    drop(tokio::time::timeout(SOON, silent.read_to_end(&mut bytes)).await.expect("it is closed"));
    assert_eq!(pair.get(&served, "/count").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_http2_connection_are_served_together() {
    let pair = Pair::new();
    let mut served = served("instances = \"per-request\"", "", &pair.keys()).await;
    let stream = pair.connect(&served, b"h2").await;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let asked = (0..8).map(|_| {
        let mut sender = sender.clone();
        async move {
            let request = Request::get("https://localhost/slow").body(Empty::<Bytes>::new()).unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
            response.into_body().collect().await.unwrap().to_bytes()
        }
    });
    for body in futures_util::future::join_all(asked).await {
        assert_eq!(body, "slow");
    }
    // The idle connection is told to end, and ends.
    assert!(served.server.drain(SOON).await);
    drop(sender);
    connection.await.unwrap().unwrap();
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the headers of a GET over TLS.
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    block
}

/// Sends bytes until the server closes, and reads all that it answers.
async fn attack(mut stream: TlsStream<TcpStream>, bytes: Vec<u8>) {
    drop(stream.write_all(&bytes).await);
    drop(stream.flush().await);
    let mut answer = Vec::new();
    drop(tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_resets_its_streams_at_once_is_closed_and_runs_nothing() {
    let pair = Pair::new();
    let served = served("mailbox = 1000", "", &pair.keys()).await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..20_000).step_by(2) {
        // The end of the stream, and of its headers.
        bytes.extend(frame(HEADERS, 0x5, stream, &get("/slow")));
        bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    attack(pair.connect(&served, b"h2").await, bytes).await;
    let entered: u32 = pair.get(&served, "/count").await.parse().unwrap();
    assert!(entered <= 100, "{entered} of 10,000 requests were run");
    assert_eq!(served.app.dead_letters().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_an_end_are_given_up() {
    let pair = Pair::new();
    let served = served("", "", &pair.keys()).await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    bytes.extend(frame(HEADERS, 0x1, 1, &get("/count")));
    // A header of 1 byte, a thousand times in each frame.
    let block = [0x00, 0x01, b'a', 0x01, b'b'].repeat(1_000);
    for _ in 0..2_000 {
        bytes.extend(frame(CONTINUATION, 0, 1, &block));
    }
    attack(pair.connect(&served, b"h2").await, bytes).await;
    assert_eq!(pair.get(&served, "/count").await, "1", "no request reached the guest");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_whose_client_takes_nothing_frees_the_instance() {
    let pair = Pair::new();
    let served = served("", "", &format!("client_timeout = \"2 s\"\n{}", pair.keys())).await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0: the server may send no body.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let request = frame(HEADERS, 0x5, 1, &get("/endless"));
    let mut stream = pair.connect(&served, b"h2").await;
    stream.write_all(&[PREFACE, &settings, &request].concat()).await.unwrap();
    stream.flush().await.unwrap();
    while served.app.host().component_snapshot("web").unwrap().received == 0 {
        tokio::task::yield_now().await;
    }
    // The stream is open. The next request is behind it in the mailbox.
    let count: u32 = pair.get(&served, "/count").await.parse().expect("the instance is free");
    assert!(count >= 1);
    drop(stream);
}
