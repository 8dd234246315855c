//! An app with a listener, and clients of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airssys_http::{Http, HttpServer};
use airssys_wasm::app::{self, RunningApp, StartOptions};
use airssys_wasm::manifest::AppManifest;
use airssys_wasm::{Compiler, MessageTracer, Services};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time after which a test counts as stuck.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// An app that serves HTTP.
pub(crate) struct Served {
    pub(crate) app: RunningApp,
    pub(crate) server: HttpServer,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// Serves the guest under the name `web`, with keys of its `[[component]]`, of its `[limits]` and of the
/// `[[http]]`.
pub(crate) async fn served(component: &str, limits: &str, http: &str) -> Served {
    served_with(component, limits, http, None).await
}

pub(crate) async fn served_with(
    component: &str,
    limits: &str,
    http: &str,
    tracer: Option<Arc<dyn MessageTracer>>,
) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-http");
    let component_toml = format!("[component]\nname = \"web\"\nversion = \"0.1.0\"\n[limits]\n{limits}");
    std::fs::write(folder.path().join("Component.toml"), component_toml).expect("a manifest");
    let app_toml = format!(
        "[app]\nname = \"site\"\n[[component]]\nsource = {:?}\nmanifest = \"Component.toml\"\n{component}\n\
         [[http]]\nlisten = \"127.0.0.1:0\"\n{http}\n\
         [[http.route]]\nmethod = \"POST\"\npath = \"/orders/{{id}}\"\ncomponent = \"web\"\n\
         [[http.route]]\nhost = \"api.test\"\npath = \"/api/*\"\ncomponent = \"web\"\n\
         [[http.route]]\npath = \"/{{name}}\"\ncomponent = \"web\"\n",
        guest.display().to_string()
    );
    serve(folder, &app_toml, tracer).await
}

/// Starts an app of these manifests, with its first listener.
pub(crate) async fn start(component_toml: &str, app_toml: &str, http: Http) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Component.toml"), component_toml).expect("a manifest");
    serve_with(folder, app_toml, http, None).await
}

/// Starts an app whose manifest listens on one address.
pub(crate) async fn serve(
    folder: tempfile::TempDir,
    app_toml: &str,
    tracer: Option<Arc<dyn MessageTracer>>,
) -> Served {
    serve_with(folder, app_toml, Http::default(), tracer).await
}

async fn serve_with(
    folder: tempfile::TempDir,
    app_toml: &str,
    http: Http,
    tracer: Option<Arc<dyn MessageTracer>>,
) -> Served {
    let file = folder.path().join("app.toml");
    std::fs::write(&file, app_toml).expect("a manifest");
    let manifest = AppManifest::load(&file).expect("the app is right");
    let cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    let services = Services::default().with(http);
    let compiler = Compiler::in_process();
    let options = StartOptions { cache_dir, services, compiler, tracer, ..StartOptions::default() };
    let mut server = HttpServer::bind(&manifest.http).await.expect("a free port");
    let address = server.addresses().expect("an address")[0];
    let app = app::start(&manifest, options, |_| {}).await.expect("the app starts");
    server.serve(app.host()).expect("the guest answers requests");
    Served { app, server, address, _folder: folder }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }
}

impl Served {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Sends a request, and reads until the connection is closed.
    pub(crate) async fn raw(&self, request: &[u8]) -> Response {
        let mut stream = self.connect().await;
        stream.write_all(request).await.expect("the request is sent");
        response(&mut stream).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
            .await
    }

    /// Posts a body in chunks, whose length is not known before.
    pub(crate) async fn post_chunked(&self, path: &str, body: &[u8]) -> Response {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        .into_bytes();
        for chunk in body.chunks(10_000) {
            request.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        let (mut reader, mut writer) = self.connect().await.into_split();
        // The server may answer before it has read the whole body.
        let sent = tokio::spawn(async move { writer.write_all(&request).await.map(|()| writer) });
        let response = response(&mut reader).await;
        drop(sent.await);
        response
    }
}

/// Reads a response until the connection is closed. The body is without its framing.
pub(crate) async fn response(stream: &mut (impl AsyncReadExt + Unpin)) -> Response {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("in time");
    // A client that has not sent all is told by a reset, behind the response.
    if bytes.is_empty() {
        read.expect("a response");
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a text").to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = &bytes[end + 4..];
    let body = if head.contains("transfer-encoding: chunked") { dechunked(body) } else { body.to_vec() };
    Response { status, head, body }
}

fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend(&bytes[end + 2..(end + 2 + size).min(bytes.len())]);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    body
}
