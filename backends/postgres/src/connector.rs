//! Connections to the server: addresses, TLS, and the delay between attempts.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_sql::Error;
use airssys_wasm::{Backoff, FailureLog};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::errors::{connecting, error, of_connecting};

/// The most bytes of an answer. A request asks for the rows of a page, going by the size of those before.
const MAX_ANSWER_BYTES: usize = 36 << 20;

/// The delay after the first failure. It doubles with each failure that follows.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The time that a cancellation has.
const CANCEL_TIME: Duration = Duration::from_secs(2);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The reason for which a connection ends that gets too much.
#[derive(Debug, thiserror::Error)]
#[error("the answer of the server has more than {MAX_ANSWER_BYTES} bytes")]
struct TooLarge;

/// A stream that ends if the server answers with too many bytes, which the client would keep.
pub(crate) struct Metered {
    stream: Box<dyn Stream>,
    /// The bytes read since the last request.
    answered: usize,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.answered = self.answered.saturating_add(buf.filled().len() - before);
        if self.answered > MAX_ANSWER_BYTES {
            return Poll::Ready(Err(io::Error::other(TooLarge)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answered = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Makes connections.
pub(crate) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// True if a role with rights on the server is accepted.
    privileged: bool,
    /// The attempts since the last success.
    attempts: Mutex<Backoff<Error>>,
    log: FailureLog,
}

impl Connector {
    /// Makes the connector of a configuration.
    pub(crate) fn new(
        name: &str,
        config: Config,
        tls: Option<MakeRustlsConnect>,
        privileged: bool,
    ) -> Connector {
        let attempts = Mutex::new(Backoff::new(FIRST_DELAY, MAX_DELAY));
        Connector { config, tls, privileged, attempts, log: FailureLog::new(name) }
    }

    /// Opens a stream to the first host that answers, and returns its name too.
    async fn stream(&self) -> io::Result<(Metered, String)> {
        let mut last = io::Error::other("the address names no host");
        let ports = self.config.get_ports();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let (stream, name) = match host {
                Host::Tcp(name) => (tcp(name, port).await, name.clone()),
                #[cfg(unix)]
                Host::Unix(folder) => {
                    let path = folder.join(format!(".s.PGSQL.{port}"));
                    let stream = tokio::net::UnixStream::connect(&path).await;
                    (stream.map(|stream| Box::new(stream) as Box<dyn Stream>), String::new())
                }
            };
            match stream {
                Ok(stream) => return Ok((Metered { stream, answered: 0 }, name)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Makes a connection, unless the last attempt failed a short time ago. Returns the task that serves it.
    /// The reason of a failure goes to the log, and not to components.
    pub(crate) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        if let Some(last) = self.attempts().last() {
            return Err(of_connecting(last));
        }
        match self.checked().await {
            Ok(made) => {
                self.attempts().succeeded();
                self.log.works();
                Ok(made)
            }
            Err(error) => {
                self.attempts().failed(error.clone());
                self.log.failed(&error);
                Err(of_connecting(&error))
            }
        }
    }

    /// Returns the reason for which the last attempt failed, until the next one is due.
    pub(crate) fn reason(&self) -> Option<Error> {
        self.attempts().last().cloned()
    }

    fn attempts(&self) -> MutexGuard<'_, Backoff<Error>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection, and checks its role.
    async fn checked(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, task) = self.attempt().await?;
        let found = match self.privileged {
            true => Ok(()),
            false => check_role(&client).await,
        };
        match found {
            Ok(()) => Ok((client, task)),
            Err(error) => {
                task.abort();
                Err(error)
            }
        }
    }

    async fn attempt(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (stream, host) = self.stream().await.map_err(|error| connecting(&error))?;
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect_raw(stream, NoTls).await.map_err(error)?;
                Ok((client, tokio::spawn(async move { served(connection.await) })))
            }
            Some(tls) => {
                let Ok(tls) = MakeTlsConnect::<Metered>::make_tls_connect(&mut tls.clone(), &host);
                let (client, connection) = self.config.connect_raw(stream, tls).await.map_err(error)?;
                Ok((client, tokio::spawn(async move { served(connection.await) })))
            }
        }
    }

    /// Cancels the statement that a connection runs. The server does not say whether it has.
    pub(crate) async fn cancel(&self, token: CancelToken) {
        let cancel = async {
            let (stream, host) = self.stream().await.map_err(|error| connecting(&error))?;
            match &self.tls {
                None => token.cancel_query_raw(stream, NoTls).await.map_err(error),
                Some(tls) => {
                    let Ok(tls) = MakeTlsConnect::<Metered>::make_tls_connect(&mut tls.clone(), &host);
                    token.cancel_query_raw(stream, tls).await.map_err(error)
                }
            }
        };
        match tokio::time::timeout(CANCEL_TIME, cancel).await {
            Ok(Ok(())) => {}
            // The connection is closed soon, which ends the statement too.
            Ok(Err(error)) => tracing::debug!(%error, "a statement of PostgreSQL was not cancelled"),
            Err(_) => tracing::debug!("a statement of PostgreSQL was not cancelled in time"),
        }
    }
}

fn served(ended: Result<(), tokio_postgres::Error>) {
    if let Err(error) = ended {
        tracing::info!(%error, "a connection to PostgreSQL has ended");
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Returns the TLS of connections. Reads the certificates of the system, so it blocks.
pub(crate) fn tls(
    mode: SslMode,
    ca: Option<Vec<CertificateDer<'static>>>,
) -> Result<Option<MakeRustlsConnect>, BoxError> {
    if mode == SslMode::Disable {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match ca {
        Some(certificates) => {
            for certificate in certificates {
                roots.add(certificate)?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err("there is no certificate to trust; name a file with one by `ca`".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// The rights of the role on the server, which no transaction that only reads takes away. A role that may
/// make roles can give itself the others.
const RIGHTS: &str = "\
    SELECT pg_catalog.concat_ws(', ', \
        CASE WHEN r.rolsuper THEN 'SUPERUSER' END, \
        CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, \
        CASE WHEN r.rolreplication THEN 'REPLICATION' END, \
        (SELECT pg_catalog.string_agg(m.rolname, ', ') FROM pg_catalog.pg_roles m \
            WHERE NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER') \
            AND (m.rolsuper OR m.rolcreaterole OR m.rolname IN \
                ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) \
            AND m.oid <> r.oid)) \
    FROM pg_catalog.pg_roles r WHERE r.rolname = session_user";

/// Refuses a role that can act on the server or its files.
async fn check_role(client: &Client) -> Result<(), Error> {
    let row = client.query_one(RIGHTS, &[]).await.map_err(error)?;
    match row.try_get::<_, &str>(0).map_err(error)? {
        "" => Ok(()),
        rights => Err(Error::ConnectionFailed(format!(
            "the role has rights on the server: {rights}; use an ordinary role, or write \
             `allow_privileged_role = true`"
        ))),
    }
}
