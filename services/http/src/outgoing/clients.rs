//! The clients of a host: one for each component.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use airssys_rt::BoxError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, timeout};
use wasmtime_wasi_http::Error;

use super::config::OutgoingOptions;
use super::pool::Pool;
use super::resolver::Resolve;
use super::tls::Tls;

/// The clients of a host. No two components share one, so that neither a connection nor a session of TLS of
/// one component is ever used for another.
pub struct Clients {
    shared: Arc<Shared>,
    by_component: Mutex<HashMap<String, Arc<Client>>>,
}

/// The parts that all clients have in common.
struct Shared {
    options: OutgoingOptions,
    resolver: Arc<dyn Resolve>,
    tls: Arc<Tls>,
}

/// The client of one component, shared by all its instances.
pub(crate) struct Client {
    shared: Arc<Shared>,
    /// Its TLS, made with the first request that needs it.
    tls: tokio::sync::OnceCell<Arc<rustls::ClientConfig>>,
    pub(crate) pool: Arc<Pool>,
    /// The places of requests that wait or run.
    entered: Arc<Semaphore>,
    /// The places of requests that run.
    running: Arc<Semaphore>,
    /// The places of bodies whose requests have failed.
    draining: Arc<Semaphore>,
}

impl Clients {
    /// Makes the clients of a host. Reads the operator's certificates, so it blocks.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub(crate) fn new(options: OutgoingOptions, resolver: Arc<dyn Resolve>) -> Result<Clients, BoxError> {
        let tls = Arc::new(Tls::new(options.ca.as_deref())?);
        let shared = Arc::new(Shared { options, resolver, tls });
        Ok(Clients { shared, by_component: Mutex::default() })
    }

    /// Returns the client of a component.
    pub(crate) fn of(&self, component: &str) -> Arc<Client> {
        let mut clients = self.by_component.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(component) {
            return Arc::clone(client);
        }
        // Components that have ended keep no client, unless it has connections.
        clients.retain(|_, client| Arc::strong_count(client) > 1 || !client.pool.is_empty());
        let client = Arc::new(Client::new(Arc::clone(&self.shared)));
        clients.insert(component.to_owned(), Arc::clone(&client));
        client
    }
}

impl Client {
    fn new(shared: Arc<Shared>) -> Client {
        let OutgoingOptions { concurrent, waiting, idle_timeout, .. } = shared.options;
        Client {
            tls: tokio::sync::OnceCell::new(),
            pool: Pool::new(concurrent, idle_timeout),
            entered: Arc::new(Semaphore::new(concurrent + waiting)),
            running: Arc::new(Semaphore::new(concurrent)),
            draining: Arc::new(Semaphore::new(concurrent)),
            shared,
        }
    }

    pub(crate) fn options(&self) -> &OutgoingOptions {
        &self.shared.options
    }

    pub(crate) fn resolver(&self) -> &dyn Resolve {
        &*self.shared.resolver
    }

    /// Takes a place among the requests that wait or run. Returns `None` if there is none.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.entered).try_acquire_owned().ok()
    }

    /// Takes a place among the bodies whose requests have failed. Returns `None` if there is none.
    pub(crate) fn drain(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.draining).try_acquire_owned().ok()
    }

    /// Waits for a place among the requests that run.
    pub(crate) async fn place(&self, longest: Duration) -> Result<OwnedSemaphorePermit, Error> {
        let place = timeout(longest, Arc::clone(&self.running).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(Error::ConnectionLimitReached)
    }

    /// Returns the component's own configuration of TLS.
    pub(crate) async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Error> {
        let make = || async {
            let tls = Arc::clone(&self.shared.tls);
            // The certificates of the system are read once, from files.
            let made = tokio::task::spawn_blocking(move || tls.config()).await;
            made.map_err(|_| Error::ConfigurationError)?.map(Arc::new).map_err(|error| {
                tracing::error!(target: "airssys::http", %error, "outgoing requests have no TLS");
                Error::ConfigurationError
            })
        };
        self.tls.get_or_try_init(make).await.map(Arc::clone)
    }
}
