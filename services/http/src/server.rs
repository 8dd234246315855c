//! The listeners of an app.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airssys_spec::manifest::HttpListener;
use airssys_wasm::ComponentHost;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::connection::{Site, serve};
use crate::error::ServeError;
use crate::routes::Routes;

/// The pause after an accept that failed, because the reason (no file descriptors) lasts.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listeners of an app: first bound, then served, then drained. Dropped, they are closed, and their
/// connections with them.
pub struct HttpServer {
    bound: Vec<(HttpListener, TcpListener)>,
    draining: watch::Sender<bool>,
    /// The tasks of the listeners. Each ends when its connections have.
    serving: JoinSet<()>,
}

impl HttpServer {
    /// Listens on the addresses of an app, before its components start. Clients wait until
    /// [`HttpServer::serve`].
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn bind(listeners: &[HttpListener]) -> Result<HttpServer, ServeError> {
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let address = listener.listen;
            let made = TcpListener::bind(address).await;
            bound.push((listener.clone(), made.map_err(|source| ServeError::Listen { address, source })?));
        }
        Ok(HttpServer { bound, draining: watch::Sender::new(false), serving: JoinSet::new() })
    }

    /// Returns the addresses, with the ports that the system chose.
    ///
    /// # Errors
    /// That of the system.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.bound.iter().map(|(_, bound)| bound.local_addr()).collect()
    }

    /// Serves requests from now on. The components of the routes have been started.
    ///
    /// # Errors
    /// [`ServeError::NoHandler`]. Nothing is served then.
    pub fn serve(&mut self, host: &ComponentHost) -> Result<(), ServeError> {
        let with_routes = |(listener, bound): (HttpListener, TcpListener)| {
            let routes = Routes::new(host, &listener.routes)?;
            Ok((Site { listener, routes }, bound))
        };
        let sites = std::mem::take(&mut self.bound).into_iter().map(with_routes);
        for (site, bound) in sites.collect::<Result<Vec<_>, ServeError>>()? {
            self.serving.spawn(accept(Arc::new(site), bound, self.draining.subscribe()));
        }
        Ok(())
    }

    /// Takes no more connections and requests, and waits until those that are being served have ended.
    /// Ends them after `deadline`. Returns false if it had to.
    pub async fn drain(&mut self, deadline: Duration) -> bool {
        self.draining.send_replace(true);
        let ended = async { while self.serving.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(deadline, ended).await.is_ok();
        self.serving.shutdown().await;
        in_time
    }
}

async fn accept(site: Arc<Site>, bound: TcpListener, mut draining: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(site.listener.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // Without a place, clients wait in the backlog of the system.
            let place = Arc::clone(&places).acquire_owned().await;
            (bound.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = async { drop(draining.wait_for(|draining| *draining).await) } => break,
            accepted = accepted => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let served = serve(Arc::clone(&site), stream, draining.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(target: "airssys::http", "a connection was not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(bound);
    while connections.join_next().await.is_some() {}
}
