//! The certificate of a listener.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use airssys_rt::BoxError;
use airssys_spec::file;
use airssys_spec::manifest::{HttpKey, HttpTls};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use x509_cert::Certificate as ParsedCertificate;
use x509_cert::der::Decode;

use crate::error::ServeError;

/// The most bytes of a file with certificates or a key.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The name of HTTP/2 in a handshake.
pub(crate) const HTTP2: &[u8] = b"h2";

/// The protocols that clients can choose, the better one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// A certificate with its key, which can be replaced while connections go on.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: HttpTls,
    provider: Arc<CryptoProvider>,
    current: RwLock<Loaded>,
}

struct Loaded {
    key: Arc<CertifiedKey>,
    texts: Texts,
}

/// Hides the key.
impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

/// The contents of the places of a certificate and its key.
#[derive(PartialEq, Eq)]
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads the files of a listener.
    ///
    /// # Errors
    /// [`ServeError::Certificate`].
    pub(crate) fn load(files: &HttpTls) -> Result<Certificate, ServeError> {
        let provider = Arc::new(ring::default_provider());
        let current = RwLock::new(Loaded::read(files, texts(files)?, &provider)?);
        Ok(Certificate { files: files.clone(), provider, current })
    }

    /// Returns an error if the certificate is not valid at this time.
    ///
    /// # Errors
    /// [`ServeError::Certificate`].
    pub(crate) fn check_validity(&self, now: SystemTime) -> Result<(), ServeError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let fault = |source: BoxError| fault(self.files.certificate.display().to_string(), source);
        let Some(first) = current.key.cert.first() else { return Ok(()) };
        let parsed = ParsedCertificate::from_der(first).map_err(|error| fault(error.into()))?;
        let validity = parsed.tbs_certificate.validity;
        if now < validity.not_before.to_system_time() {
            return Err(fault(format!("it is not valid before {}", validity.not_before).into()));
        }
        if now > validity.not_after.to_system_time() {
            return Err(fault(format!("it has expired at {}", validity.not_after).into()));
        }
        Ok(())
    }

    /// Takes the files as they are now, if they have changed. Returns true if they have.
    ///
    /// # Errors
    /// [`ServeError::Certificate`]. The certificate from before stays.
    pub(crate) fn reload(&self) -> Result<bool, ServeError> {
        let texts = texts(&self.files)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).texts == texts {
            return Ok(false);
        }
        let loaded = Loaded::read(&self.files, texts, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(true)
    }

    /// Makes the acceptor of connections.
    ///
    /// # Errors
    /// [`ServeError::Certificate`].
    pub(crate) fn acceptor(self: &Arc<Certificate>) -> Result<TlsAcceptor, ServeError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_safe_default_protocol_versions();
        let builder =
            builder.map_err(|error| fault(self.files.certificate.display().to_string(), error.into()))?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Certificate>::clone(self);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(Vec::from).into();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl Loaded {
    fn read(files: &HttpTls, texts: Texts, provider: &CryptoProvider) -> Result<Loaded, ServeError> {
        let certificate = files.certificate.display().to_string();
        let chain = CertificateDer::pem_slice_iter(&texts.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| fault(certificate.clone(), error.into()))?;
        if chain.is_empty() {
            return Err(fault(certificate, "it has no certificate in the PEM format".into()));
        }
        // The text of the error could have a part of the secret.
        let key = PrivateKeyDer::from_pem_slice(&texts.key);
        let key =
            key.map_err(|_| fault(place(&files.key), "it has no private key in the PEM format".into()))?;
        let key = CertifiedKey::from_der(chain, key, provider);
        let key = key.map_err(|error| fault(place(&files.key), error.into()))?;
        Ok(Loaded { key: Arc::new(key), texts })
    }
}

fn texts(files: &HttpTls) -> Result<Texts, ServeError> {
    let read = |path: &Path| {
        file::read(path, MAX_FILE_BYTES).map_err(|error| fault(path.display().to_string(), error.into()))
    };
    let key = match &files.key {
        HttpKey::File(path) => read(path)?,
        HttpKey::Variable(name) => match std::env::var(name) {
            Ok(text) => text.into_bytes(),
            Err(_) => return Err(fault(place(&files.key), "it is not set".into())),
        },
    };
    Ok(Texts { certificate: read(&files.certificate)?, key })
}

fn place(key: &HttpKey) -> String {
    match key {
        HttpKey::File(path) => path.display().to_string(),
        HttpKey::Variable(name) => format!("the environment variable `{name}`"),
    }
}

fn fault(place: String, source: BoxError) -> ServeError {
    ServeError::Certificate { place, source }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn pair(folder: &Path, name: &str, day: i32) -> HttpTls {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(day, 1, 1);
        let signed = params.self_signed(&key).unwrap();
        let files = HttpTls {
            certificate: folder.join(format!("{name}.pem")),
            key: HttpKey::File(folder.join(format!("{name}.key"))),
        };
        std::fs::write(&files.certificate, signed.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn wrong_pairs_are_refused_with_their_place_and_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (pair(folder.path(), "one", 2040), pair(folder.path(), "two", 2040));
        let HttpKey::File(key) = &one.key else { panic!("a file") };
        let swapped = HttpTls { certificate: key.clone(), key: HttpKey::File(one.certificate.clone()) };
        let absent = HttpTls { certificate: one.certificate.clone(), key: HttpKey::File("/absent".into()) };
        let unset = HttpKey::Variable("AIRSSYS_TEST_NOT_SET".to_owned());
        let unset = HttpTls { certificate: one.certificate.clone(), key: unset };
        let mixed = HttpTls { certificate: one.certificate.clone(), key: two.key.clone() };
        let secret = std::fs::read_to_string(key).unwrap();
        for (files, at) in
            [(swapped, "one.key"), (absent, "/absent"), (unset, "AIRSSYS_TEST_NOT_SET"), (mixed, "two.key")]
        {
            let error = Certificate::load(&files).expect_err("it does not fit");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(at), "{shown}");
            assert!(secret.lines().skip(1).all(|line| line.starts_with('-') || !shown.contains(line)));
        }
    }

    #[test]
    fn certificate_is_valid_only_within_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = Certificate::load(&pair(folder.path(), "one", 2030)).unwrap();
        let years = |years: u64| UNIX_EPOCH + Duration::from_secs(years * 365 * 86_400);
        let text = |at: SystemTime| {
            let error = loaded.check_validity(at).unwrap_err();
            std::error::Error::source(&error).unwrap().to_string()
        };
        assert!(text(years(40)).contains("not valid before 2020"), "{}", text(years(40)));
        loaded.check_validity(years(55)).unwrap();
        assert!(text(years(70)).contains("expired at 2030"), "{}", text(years(70)));
    }

    #[test]
    fn renewed_pair_is_taken_and_a_wrong_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = pair(folder.path(), "one", 2040);
        let loaded = Certificate::load(&files).unwrap();
        let current = || loaded.current.read().unwrap().key.cert[0].to_vec();
        let first = current();
        assert!(!loaded.reload().unwrap());
        std::fs::write(&files.certificate, "no certificate").unwrap();
        loaded.reload().unwrap_err();
        assert_eq!(current(), first);
        pair(folder.path(), "one", 2041);
        assert!(loaded.reload().unwrap());
        assert_ne!(current(), first);
    }
}
