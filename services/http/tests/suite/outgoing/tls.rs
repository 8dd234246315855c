//! Servers with TLS.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::servers::https;
use super::site::{Names, Site, ask, fetch};

/// An authority, with the file of its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Authority { issuer: Issuer::new(params, key), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The configuration of a server of this name.
    fn server(&self, name: &str, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config =
            builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

/// An app that may reach the server of a port under a name, and trusts this authority.
fn site(name: &str, port: u16, authority: &Authority) -> Site {
    Site::new([format!("https://{name}:{port}"), format!("https://127.0.0.1:{port}")])
        .names(&Names::local(name))
        .service(&format!("ca = {:?}", authority.file().display().to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn version_of_http_is_agreed_on_by_tls() {
    let authority = Authority::new();
    for (protocols, version) in
        [(BOTH, "HTTP/2.0"), (&[b"http/1.1".as_slice()], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let server = https(authority.server("secure.test", protocols)).await;
        let port = server.address.port();
        let served = site("secure.test", port, &authority).start().await;
        for _ in 0..3 {
            let answer = fetch(&served, &format!("https://secure.test:{port}/version")).await;
            assert_eq!(answer.text(), version);
        }
        let answer = fetch(&served, &format!("https://secure.test:{port}/head")).await;
        let host = format!("secure.test:{port}");
        assert!(answer.text().contains(&host), "{}", answer.text());
        assert_eq!(server.connections(), 1, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_share_a_connection_of_http2() {
    let authority = Authority::new();
    let server = https(authority.server("secure.test", BOTH)).await;
    let port = server.address.port();
    let served = site("secure.test", port, &authority).start().await;
    assert_eq!(fetch(&served, &format!("https://secure.test:{port}/hello")).await.text(), "hello");
    let answer = ask(&served, "GET", "/fetch-many?10", &format!("https://secure.test:{port}/slow"), "").await;
    assert_eq!(answer.text().lines().filter(|line| *line == "slow").count(), 10, "{}", answer.text());
    assert_eq!((server.connections(), server.requests()), (1, 11));
    // A response that is dropped ends its stream, and not the connection.
    let endless = format!("https://secure.test:{port}/endless");
    assert_eq!(ask(&served, "GET", "/fetch-dropped?3", &endless, "").await.text(), "dropped");
    assert_eq!(fetch(&served, &format!("https://secure.test:{port}/hello")).await.text(), "hello");
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_must_be_trusted_and_of_the_name() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    for (config, why) in [
        (foreign.server("secure.test", BOTH), "another authority"),
        (authority.server("other.test", BOTH), "another name"),
    ] {
        let server = https(config).await;
        let port = server.address.port();
        let served = site("secure.test", port, &authority).start().await;
        let answer = fetch(&served, &format!("https://secure.test:{port}/hello")).await;
        assert_eq!(answer.text(), "ErrorCode::TlsCertificateError", "{why}");
        assert_eq!(server.requests(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_without_tls_is_a_typed_error() {
    let server = super::servers::http().await;
    let port = server.address.port();
    let authority = Authority::new();
    let served = site("secure.test", port, &authority).start().await;
    let answer = fetch(&served, &format!("https://secure.test:{port}/hello")).await;
    assert!(answer.text().contains("Tls") || answer.text().contains("Terminated"), "{}", answer.text());
    assert_eq!(server.requests(), 0);
}
