//! New connections: from a name to a checked address, TLS, and the version of HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::{Access, Caller, Origin, OriginHost};
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use super::address::is_public;
use super::clients::Client;
use super::fault;
use super::pool::{Connection, Sender, Target};

/// The bytes of responses that a server of HTTP/2 sends before they are read: of one, and of all.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// The time after which a connection of HTTP/2 with requests is asked whether it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Connects to an origin within a time. The address is checked before, and not looked up again.
pub(super) async fn connect(
    client: &Client,
    caller: &Caller,
    origin: &Origin,
    longest: Duration,
) -> Result<Connection, Error> {
    let deadline = Instant::now() + longest;
    let late = |_| Error::ConnectionTimeout;
    let place = timeout_at(deadline, client.pool.place()).await.map_err(late)??;
    let addresses = match origin.host() {
        OriginHost::Address(address) => vec![*address],
        OriginHost::Name(name) => {
            let found = timeout_at(deadline, client.resolver().resolve(name)).await;
            found.map_err(|_| Error::DnsTimeout)?.map_err(|error| {
                tracing::debug!(target: "airssys::http", %error, name = &**name, "a name was not found");
                Error::DnsError { rcode: None, info_code: None }
            })?
        }
    };
    let addresses = allowed(caller, origin, addresses)?;
    let (stream, special) = reach(origin.port(), addresses, deadline).await?;
    // A delay of small packets would only add latency.
    drop(stream.set_nodelay(true));
    let target = Target { origin: origin.clone(), special };
    let header_bytes = client.options().header_bytes;
    let opened = async {
        if !origin.is_https() {
            return http1(TokioIo::new(stream), place, header_bytes).await;
        }
        let name = server_name(origin)?;
        let connector = TlsConnector::from(client.tls().await?);
        let stream = connector.connect(name, stream).await.map_err(|error| fault::of_tls(&error))?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        match is_http2 {
            true => http2(TokioIo::new(stream), place, header_bytes).await,
            false => http1(TokioIo::new(stream), place, header_bytes).await,
        }
    };
    let sender = timeout_at(deadline, opened).await.map_err(late)??;
    Ok(Connection::new(target, sender))
}

/// An address, with the right that the component has to it if it needs one.
type Allowed = (IpAddr, Option<Origin>);

/// Returns the addresses that the component may connect to. A denial of all of them is audited, as one of
/// the first.
fn allowed(caller: &Caller, origin: &Origin, addresses: Vec<IpAddr>) -> Result<Vec<Allowed>, Error> {
    let mut first_denied = None;
    let mut allowed = Vec::with_capacity(addresses.len());
    for address in addresses {
        let at = origin.at(address);
        // The right to an origin with an address has been decided.
        let needs_right = at != *origin && (!is_public(address) || is_own(address));
        match needs_right && !caller.has(&Access::HttpOutgoing { origin: &at }) {
            true => drop(first_denied.get_or_insert(at)),
            false => allowed.push((address.to_canonical(), needs_right.then_some(at))),
        }
    }
    match (allowed.is_empty(), first_denied) {
        (false, _) => Ok(allowed),
        (true, None) => Err(Error::DnsError { rcode: None, info_code: None }),
        (true, Some(at)) => {
            // Decided anew, so that it is counted and audited.
            drop(caller.allows(&Access::HttpOutgoing { origin: &at }));
            tracing::warn!(
                target: "airssys::http", component = caller.component(),
                "{origin} leads to {}, which is not a public address; grant `{at}` too if that is meant", at.host()
            );
            Err(Error::DestinationIpProhibited)
        }
    }
}

/// Returns true if an address is one of this machine. Connecting a datagram socket sends nothing, and tells
/// the address from which the system would send.
fn is_own(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address)
}

/// Connects to the first address that answers. Each has its share of the time.
async fn reach(
    port: u16,
    addresses: Vec<Allowed>,
    deadline: Instant,
) -> Result<(TcpStream, Option<Origin>), Error> {
    let mut last = Error::DestinationNotFound;
    let mut left = addresses.len() as u32;
    for (address, special) in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left -= 1;
        match timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => return Ok((stream, special)),
            Ok(Err(error)) => last = fault::of_connect(&error),
            Err(_) => last = Error::ConnectionTimeout,
        }
    }
    Err(last)
}

fn server_name(origin: &Origin) -> Result<ServerName<'static>, Error> {
    match origin.host() {
        OriginHost::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        OriginHost::Name(name) => {
            ServerName::try_from(name.to_string()).map_err(|_| Error::HttpRequestUriInvalid)
        }
    }
}

async fn http1<T>(io: T, place: OwnedSemaphorePermit, header_bytes: usize) -> Result<Sender, Error>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    // Headers are read into this buffer.
    builder.max_buf_size(header_bytes);
    let (sender, connection) =
        builder.handshake(io).await.map_err(|error| fault::of_request(&error, header_bytes))?;
    let mut task = JoinSet::new();
    task.spawn(async move {
        // The error goes to the request, if there is one.
        drop(connection.await);
        drop(place);
    });
    Ok(Sender::Http1 { sender, _task: task })
}

async fn http2<T>(io: T, place: OwnedSemaphorePermit, header_bytes: usize) -> Result<Sender, Error>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (open, closed) = watch::channel(());
    let tasks = Tasks { closed, place: Arc::new(place) };
    let handshake = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(STREAM_WINDOW as usize)
        .keep_alive_interval(KEEP_ALIVE)
        .handshake(io)
        .await;
    let (sender, connection) = handshake.map_err(|error| fault::of_request(&error, header_bytes))?;
    tasks.execute(async move { drop(connection.await) });
    Ok(Sender::Http2 { sender, open: Arc::new(open) })
}

/// Runs the tasks of a connection until it is closed. They hold its place.
#[derive(Clone)]
struct Tasks {
    closed: watch::Receiver<()>,
    place: Arc<OwnedSemaphorePermit>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let Tasks { mut closed, place } = self.clone();
        tokio::spawn(async move {
            let task = pin!(task);
            // Nothing is sent, so it resolves when the sender is dropped.
            tokio::select! {
                () = task => {}
                _ = closed.changed() => {}
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn addresses_of_this_machine_are_found_without_sending() {
        assert!(is_own(Ipv4Addr::LOCALHOST.into()));
        // An address of the documentation belongs to no machine.
        assert!(!is_own(Ipv4Addr::new(192, 0, 2, 7).into()));
    }

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let of = |kind: io::ErrorKind| fault::of_connect(&kind.into());
        assert!(matches!(of(io::ErrorKind::ConnectionRefused), Error::ConnectionRefused));
        assert!(matches!(of(io::ErrorKind::NetworkUnreachable), Error::DestinationIpUnroutable));
        assert!(matches!(of(io::ErrorKind::TimedOut), Error::ConnectionTimeout));
    }
}
