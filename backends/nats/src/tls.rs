//! TLS with ring, and the certificates that it trusts.

use std::sync::Arc;

use airssys_rt::BoxError;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Returns the settings of TLS: the given certificates are trusted, or else those of the system.
pub(crate) async fn client(trusted: Option<Vec<CertificateDer<'static>>>) -> Result<ClientConfig, BoxError> {
    let mut roots = RootCertStore::empty();
    match trusted {
        Some(certificates) => {
            for certificate in certificates {
                roots.add(certificate)?;
            }
        }
        None => {
            let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await?;
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
