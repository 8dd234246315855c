//! The errors of serving HTTP.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use airssys_rt::BoxError;

/// Reasons for which an app's HTTP is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error(
        "{address} cannot be listened on; end the program that uses the port, or change `listen` in [[http]]"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The component of a route does not answer requests.
    #[error(
        "`{component}` has a route in [[http]] and does not export wasi:http/incoming-handler 0.2; export \
         it, or remove the route"
    )]
    NoHandler {
        /// The component.
        component: String,
    },
    /// The certificate or the key of a listener cannot be used.
    #[error("{place} cannot be used for TLS; name a certificate and its own key, both as PEM, in [[http]]")]
    Certificate {
        /// The file or the variable.
        place: String,
        /// The reason.
        source: BoxError,
    },
    /// The folder of a route cannot be used.
    #[error("{} cannot be served; create the folder, or change `files` in [[http.route]]", folder.display())]
    Files {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        source: io::Error,
    },
}
