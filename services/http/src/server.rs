//! The listeners of an app.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airssys_spec::manifest::{HttpListener, HttpRoute, HttpTarget};
use airssys_wasm::{Component, ComponentHost};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::connection::{Site, serve};
use crate::error::ServeError;
use crate::files::Files;
use crate::routes::Routes;
use crate::service::{HANDLE, HANDLER, Http};
use crate::tls::Certificate;

/// The pause after an accept that failed, because the reason (no file descriptors) lasts.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time between two looks at the files of a certificate.
const RENEWAL_PERIOD: Duration = Duration::from_secs(60);

/// The listeners of an app: first bound, then served, then drained. Dropped, they are closed, and their
/// connections with them.
pub struct HttpServer {
    bound: Vec<Bound>,
    draining: watch::Sender<bool>,
    /// The tasks of the listeners. Each ends when its connections have.
    serving: JoinSet<()>,
}

/// An address that is listened on.
struct Bound {
    listener: HttpListener,
    socket: TcpListener,
    certificate: Option<Arc<Certificate>>,
}

impl HttpServer {
    /// Checks the files that the listeners of an app name: certificates with their keys, and folders. A
    /// certificate has to be valid now.
    ///
    /// # Errors
    /// [`ServeError::Certificate`], [`ServeError::Files`].
    pub fn check(listeners: &[HttpListener]) -> Result<(), ServeError> {
        for listener in listeners {
            if let Some(files) = &listener.tls {
                Certificate::load(files)?.check_validity(SystemTime::now())?;
            }
        }
        check_folders(listeners)
    }

    /// Checks that a component answers requests, if it has a route.
    ///
    /// # Errors
    /// [`ServeError::NoHandler`].
    pub fn check_component(
        listeners: &[HttpListener],
        name: &str,
        component: &Component,
    ) -> Result<(), ServeError> {
        let is_named = |route: &HttpRoute| matches!(&route.target, HttpTarget::Component(own) if own == name);
        let has_route = listeners.iter().flat_map(|listener| &listener.routes).any(is_named);
        match has_route && !component.serves::<Http>(HANDLER, HANDLE) {
            true => Err(ServeError::NoHandler { component: name.to_owned() }),
            false => Ok(()),
        }
    }

    /// Listens on the addresses of an app, before its components start. Clients wait until
    /// [`HttpServer::serve`]. A certificate that has expired is a warning in the log.
    ///
    /// # Errors
    /// [`ServeError::Listen`], [`ServeError::Certificate`], [`ServeError::Files`].
    pub async fn bind(listeners: &[HttpListener]) -> Result<HttpServer, ServeError> {
        check_folders(listeners)?;
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let address = listener.listen;
            let socket = TcpListener::bind(address).await;
            let socket = socket.map_err(|source| ServeError::Listen { address, source })?;
            let certificate = listener.tls.as_ref().map(Certificate::load).transpose()?.map(Arc::new);
            if let Some(Err(error)) = certificate.as_ref().map(|own| own.check_validity(SystemTime::now())) {
                tracing::warn!(target: "airssys::http", "clients will refuse the certificate: {}", cause(&error));
            }
            bound.push(Bound { listener: listener.clone(), socket, certificate });
        }
        Ok(HttpServer { bound, draining: watch::Sender::new(false), serving: JoinSet::new() })
    }

    /// Returns the addresses, with the ports that the system chose.
    ///
    /// # Errors
    /// That of the system.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.bound.iter().map(|bound| bound.socket.local_addr()).collect()
    }

    /// Serves requests from now on. The components of the routes have been started.
    ///
    /// # Errors
    /// [`ServeError::NoHandler`], [`ServeError::Files`]. Nothing is served then.
    pub fn serve(&mut self, host: &ComponentHost) -> Result<(), ServeError> {
        let with_routes = |Bound { listener, socket, certificate }: Bound| {
            let routes = Routes::new(host, &listener.routes)?;
            let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
            Ok((Site { listener, routes, tls }, socket, certificate))
        };
        let sites = std::mem::take(&mut self.bound).into_iter().map(with_routes);
        for (site, socket, certificate) in sites.collect::<Result<Vec<_>, ServeError>>()? {
            let accepted = accept(Arc::new(site), socket, self.draining.subscribe());
            self.serving.spawn(async move {
                tokio::select! {
                    () = accepted => {}
                    () = renew(certificate) => {}
                }
            });
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

fn check_folders(listeners: &[HttpListener]) -> Result<(), ServeError> {
    let mut routes = listeners.iter().flat_map(|listener| &listener.routes);
    routes.try_for_each(|route| match &route.target {
        HttpTarget::Files(folder) => Files::open(folder).map(drop),
        HttpTarget::Component(_) => Ok(()),
    })
}

/// Takes a certificate that was renewed. Never ends.
async fn renew(certificate: Option<Arc<Certificate>>) {
    let Some(certificate) = certificate else { return std::future::pending().await };
    loop {
        tokio::time::sleep(RENEWAL_PERIOD).await;
        let reads = Arc::clone(&certificate);
        match tokio::task::spawn_blocking(move || reads.reload()).await {
            Ok(Ok(true)) => tracing::info!(target: "airssys::http", "a renewed certificate is in use"),
            Ok(Err(error)) => {
                let cause = cause(&error);
                tracing::warn!(target: "airssys::http", "the former certificate is still used: {error}: {cause}");
            }
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}

/// Returns the reason of an error.
fn cause(error: &ServeError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
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
