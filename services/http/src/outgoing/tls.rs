//! TLS to servers.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use airssys_rt::BoxError;
use airssys_spec::file;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The most bytes of a file with certificates.
const MAX_CA_BYTES: u64 = 4 << 20;

/// The sessions of TLS that a component can resume.
const SESSIONS: usize = 64;

/// The certificates to trust: the operator's and the system's.
pub(crate) struct Tls {
    own: Vec<CertificateDer<'static>>,
    /// The configuration of all components, made with the first request that needs it.
    config: OnceLock<Result<ClientConfig, String>>,
}

impl Tls {
    /// Reads the operator's certificates.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Tls, BoxError> {
        let own = match ca {
            None => Vec::new(),
            Some(path) => {
                let unreadable =
                    |error: String| format!("the certificates in {} cannot be read: {error}", path.display());
                let pem = file::read(path, MAX_CA_BYTES).map_err(|error| unreadable(error.to_string()))?;
                let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
                let own = read.map_err(|error| unreadable(error.to_string()))?;
                match own.is_empty() {
                    true => return Err(unreadable("it has none".to_owned()).into()),
                    false => own,
                }
            }
        };
        Ok(Tls { own, config: OnceLock::new() })
    }

    /// Makes the configuration of a component. Reads the system's certificates the first time.
    pub(crate) fn config(&self) -> Result<ClientConfig, String> {
        let mut config = self.config.get_or_init(|| self.make()).clone()?;
        // A session is an identity towards the server, so components do not share them.
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(config)
    }

    fn make(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.own {
            roots.add(certificate.clone()).map_err(|error| format!("a certificate of `ca`: {error}"))?;
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(target: "airssys::http", %error, "certificates of the system were not read");
        }
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err("there is no certificate to trust; name a file with one by `ca`".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
