//! The errors of serving HTTP.

use std::io;
use std::net::SocketAddr;

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
}
