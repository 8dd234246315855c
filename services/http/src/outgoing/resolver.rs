//! From names to addresses.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Finds the addresses of a name. [`HttpOptions::resolver`](crate::HttpOptions::resolver) sets another than
/// the system's.
///
/// It is called once for each new connection, and the connection goes to an address that it has returned
/// and the host has checked.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// Returns the addresses of a name, in the order in which they are tried. The name is in lower case,
    /// and without a dot at its end.
    ///
    /// Dropped when its time is up.
    ///
    /// # Errors
    /// The name has no address, or could not be looked up.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The most lookups at once. Each takes a thread, also after its request was dropped.
const MAX_LOOKUPS: usize = 64;

/// The resolver of the system.
pub(crate) struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> SystemResolver {
        SystemResolver(Arc::new(Semaphore::new(MAX_LOOKUPS)))
    }
}

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        let lookup = move || {
            let found = (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|one| one.ip()).collect());
            drop(place);
            found
        };
        tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
    }
}
