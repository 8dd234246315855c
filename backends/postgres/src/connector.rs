//! Connections to the server: addresses, TLS, and the delay between attempts.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_sql::Error;
use airssys_wasm::{Backoff, FailureLog};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::errors::{connecting, error};

/// The most bytes of an answer. A page asks for 32 rows at most, of 4 MiB at most.
const MAX_ANSWER_BYTES: usize = 136 << 20;

/// The delay after the first failure. It doubles with each failure that follows.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The time that a cancellation has.
const CANCEL_TIME: Duration = Duration::from_secs(2);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

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
            tracing::warn!(
                bytes = MAX_ANSWER_BYTES,
                "a connection to PostgreSQL is closed, because its answer is too large"
            );
            return Poll::Ready(Err(io::Error::other("the answer is too large")));
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
    /// The attempts since the last success.
    attempts: Mutex<Backoff<Error>>,
    log: FailureLog,
}

impl Connector {
    /// Makes the connector of a configuration. Reads certificates, so it blocks.
    pub(crate) fn new(name: &str, config: Config, ca: Option<&Path>) -> Result<Connector, BoxError> {
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls(ca)?),
        };
        let attempts = Mutex::new(Backoff::new(FIRST_DELAY, MAX_DELAY));
        Ok(Connector { config, tls, attempts, log: FailureLog::new(name) })
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
    pub(crate) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        if let Some(last) = self.attempts().last() {
            return Err(last.clone());
        }
        let made = self.attempt().await;
        match &made {
            Ok(_) => {
                self.attempts().succeeded();
                self.log.works();
            }
            Err(error) => {
                self.attempts().failed(error.clone());
                self.log.failed(error);
            }
        }
        made
    }

    fn attempts(&self) -> MutexGuard<'_, Backoff<Error>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
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

fn tls(ca: Option<&Path>) -> Result<MakeRustlsConnect, BoxError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let unreadable =
                |error| format!("the certificates in {} cannot be read: {error}", file.display());
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?)?;
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
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
