//! The connections of one component that wait for another request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use airssys_wasm::Origin;
use hyper::client::conn::{http1, http2};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use wasmtime_wasi_http::Error;

use super::request_body::OutgoingBody;

/// The time that a connection has to finish its last exchange, when the next request is to use it.
const FINISH_TIME: Duration = Duration::from_millis(50);

/// The connections of a component: those that are unused, and those of HTTP/2.
pub(crate) struct Pool {
    connections: Mutex<Vec<Connection>>,
    /// A place for each connection, used or not.
    places: Arc<Semaphore>,
    idle_timeout: Duration,
    myself: Weak<Pool>,
}

/// Where a connection leads.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    /// The origin at the address, if the component needs a right to the address too.
    pub(super) special: Option<Origin>,
}

/// A connection. It ends when it is dropped.
pub(super) struct Connection {
    pub(super) target: Target,
    pub(super) sender: Sender,
    used_at: Instant,
}

/// The way to send requests on a connection.
pub(super) enum Sender {
    /// For one request at a time. The task is aborted with it.
    Http1 { sender: http1::SendRequest<OutgoingBody>, _task: JoinSet<()> },
    /// For many requests. The tasks end with the last copy.
    Http2 { sender: http2::SendRequest<OutgoingBody>, open: Arc<watch::Sender<()>> },
}

impl Connection {
    pub(super) fn new(target: Target, sender: Sender) -> Connection {
        Connection { target, sender, used_at: Instant::now() }
    }

    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1 { sender, .. } => sender.is_closed(),
            Sender::Http2 { sender, .. } => sender.is_closed(),
        }
    }

    /// Returns true if no request uses it.
    fn is_idle(&self) -> bool {
        match &self.sender {
            Sender::Http1 { .. } => true,
            Sender::Http2 { open, .. } => Arc::strong_count(open) == 1,
        }
    }

    /// Returns a copy for one more request, if the connection takes several.
    pub(super) fn shared(&self) -> Option<Connection> {
        match &self.sender {
            Sender::Http1 { .. } => None,
            Sender::Http2 { sender, open } => {
                let sender = Sender::Http2 { sender: sender.clone(), open: Arc::clone(open) };
                Some(Connection::new(self.target.clone(), sender))
            }
        }
    }

    fn is_same(&self, other: &Connection) -> bool {
        match (&self.sender, &other.sender) {
            (Sender::Http2 { open, .. }, Sender::Http2 { open: other, .. }) => Arc::ptr_eq(open, other),
            _ => false,
        }
    }
}

impl Pool {
    pub(crate) fn new(most: usize, idle_timeout: Duration) -> Arc<Pool> {
        Arc::new_cyclic(|myself| Pool {
            connections: Mutex::default(),
            places: Arc::new(Semaphore::new(most)),
            idle_timeout,
            myself: Weak::clone(myself),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes a connection to an origin that can be used again. Connections to addresses to which the
    /// component has lost the right are closed.
    pub(super) async fn take(&self, origin: &Origin, may: impl Fn(&Origin) -> bool) -> Option<Connection> {
        loop {
            let mut connection = {
                let mut connections = self.lock();
                let is_right = |target: &Target| target.special.as_ref().is_none_or(&may);
                connections.retain(|own| !own.is_closed() && is_right(&own.target));
                let at = connections.iter().rposition(|own| own.target.origin == *origin)?;
                match connections[at].shared() {
                    Some(shared) => {
                        connections[at].used_at = Instant::now();
                        shared
                    }
                    None => connections.swap_remove(at),
                }
            };
            let is_ready = match &mut connection.sender {
                Sender::Http1 { sender, .. } => timeout(FINISH_TIME, sender.ready()).await,
                Sender::Http2 { sender, .. } => timeout(FINISH_TIME, sender.ready()).await,
            };
            match is_ready {
                Ok(Ok(())) => return Some(connection),
                Ok(Err(_)) | Err(_) => self.remove(&connection),
            }
        }
    }

    /// Returns a place for a new connection. Closes the connection that was unused for longest, if there is
    /// no other place.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        drop(self.take_oldest());
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(|_| Error::ConnectionLimitReached)
    }

    fn take_oldest(&self) -> Option<Connection> {
        let mut connections = self.lock();
        let idle = connections.iter().enumerate().filter(|(_, own)| own.is_idle());
        let (at, _) = idle.min_by_key(|(_, own)| own.used_at)?;
        Some(connections.swap_remove(at))
    }

    /// Keeps a connection for the next request, for a while.
    pub(super) fn keep(&self, mut connection: Connection) {
        connection.used_at = Instant::now();
        if connection.is_closed() {
            return;
        }
        let mut connections = self.lock();
        connections.push(connection);
        // With the first connection, a task begins that closes unused ones. It ends with the last.
        if connections.len() == 1 {
            tokio::spawn(close_unused(Weak::clone(&self.myself), self.idle_timeout));
        }
    }

    /// Removes a connection of HTTP/2 that takes no more requests.
    pub(super) fn remove(&self, connection: &Connection) {
        self.lock().retain(|own| !own.is_same(connection));
    }

    /// Closes the connections that were unused for the time. Returns the time at which the next may be due.
    fn close_unused(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut connections = self.lock();
        let due_at = |own: &Connection| match own.is_idle() {
            true => own.used_at + self.idle_timeout,
            false => now + self.idle_timeout,
        };
        connections.retain(|own| !own.is_closed() && due_at(own) > now);
        connections.iter().map(due_at).min()
    }
}

async fn close_unused(pool: Weak<Pool>, idle_timeout: Duration) {
    let mut due_at = Instant::now() + idle_timeout;
    loop {
        sleep_until(due_at).await;
        let Some(next) = pool.upgrade().and_then(|pool| pool.close_unused()) else { return };
        due_at = next;
    }
}
