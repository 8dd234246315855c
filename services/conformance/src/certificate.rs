//! Certificates of servers under test.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};

/// A certificate that has signed itself, with its key, as files in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The file with the certificate.
    pub certificate: PathBuf,
    /// The file with the key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes a certificate for a name such as `localhost`, as `FILE.pem` and `FILE.key` in a folder.
    pub fn make(folder: &Path, file: &str, name: &str) -> Certificate {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let made = params.self_signed(&pair).expect("a certificate");
        let at = |end: &str| folder.join(format!("{file}.{end}"));
        let paths = Certificate { certificate: at("pem"), key: at("key") };
        std::fs::write(&paths.certificate, made.pem()).expect("the certificate is written");
        std::fs::write(&paths.key, pair.serialize_pem()).expect("the key is written");
        paths
    }
}
