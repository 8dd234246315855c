//! The connection of a table, which all its labels share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_wasm::FailureLog;
use async_nats::client::Request;
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message};
use bytes::Bytes;
use tokio::sync::watch;

use crate::errors::Failure;
use crate::holds::Holds;
use crate::options::{Login, Options};
use crate::tls;

/// The delay before the first new attempt of a lost connection. It doubles with each that follows.
const MIN_DELAY: Duration = Duration::from_millis(50);

/// The longest delay between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The time that a call waits for a lost connection to come back.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// The most calls that wait for the socket. Each can hold a value.
const MAX_WAITING: usize = 64;

/// The time between two signs of life. After two without an answer, the connection counts as lost.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// A connection that is made again when it is lost.
pub struct Connection {
    pub(crate) client: Client,
    link: watch::Receiver<Link>,
    pub(crate) timeout: Duration,
    pub(crate) replicas: usize,
    pub(crate) holds: Holds,
    next_name: AtomicU64,
    pub(crate) failures: Arc<FailureLog>,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// The number of losses.
    losses: u64,
    is_lost: bool,
}

/// The effect of a call, which decides whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It reads, or does nothing when it is done again.
    Repeatable,
    Writes,
}

impl Connection {
    pub(crate) async fn open(options: &Options) -> Result<Connection, BoxError> {
        let (sender, link) = watch::channel(Link::default());
        let failures = Arc::new(FailureLog::new(options.name.clone()));
        let observed = Arc::clone(&failures);
        let wants_tls = options.ca.is_some();
        let connect = match &options.login {
            Login::Url => ConnectOptions::new(),
            Login::User(user, password) => {
                ConnectOptions::with_user_and_password(user.clone(), password.reveal().to_owned())
            }
            Login::Token(token) => ConnectOptions::with_token(token.reveal().to_owned()),
            Login::Seed(seed) => ConnectOptions::with_nkey(seed.reveal().trim().to_owned()),
            Login::Credentials(text) => ConnectOptions::with_credentials(text.reveal())?,
        };
        let client = connect
            .name("airssys")
            .require_tls(wants_tls)
            .tls_client_config(tls::client(options.ca.clone()).await?)
            .client_capacity(MAX_WAITING)
            .connection_timeout(options.timeout)
            .request_timeout(Some(options.timeout))
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(delay)
            .event_callback(move |event| {
                observe(&sender, &observed, &event);
                std::future::ready(())
            })
            .connect(&options.servers[..])
            .await?;
        Ok(Connection {
            client,
            link,
            timeout: options.timeout,
            replicas: options.replicas,
            holds: Holds::default(),
            next_name: AtomicU64::new(0),
            failures,
        })
    }

    /// Returns a name that no other has.
    pub(crate) fn unique_name(&self) -> String {
        // Beside the library's unique text, a number keeps the names of this connection apart.
        let number = self.next_name.fetch_add(1, Ordering::Relaxed);
        let inbox = self.client.new_inbox();
        format!("{}{number}", inbox.rsplit('.').next().unwrap_or_default())
    }

    /// Sends a request, and returns the answer. One whose connection is lost is sent once more if that
    /// has no other effect.
    pub(crate) async fn ask(
        &self,
        effect: Effect,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, Failure> {
        let send = || {
            let request = Request::new().payload(payload.clone());
            let request = if headers.is_empty() { request } else { request.headers(headers.clone()) };
            async { Ok(self.client.send_request(subject.to_owned(), request).await?) }
        };
        let answer = match self.unless_lost(send()).await {
            Err(Failure::Unavailable) if effect == Effect::Repeatable => self.unless_lost(send()).await,
            answer => answer,
        };
        match &answer {
            Ok(_) => self.failures.works(),
            Err(failure @ (Failure::Timeout | Failure::Unavailable)) => self.failures.failed(failure),
            // The caller finds out why.
            Err(_) => {}
        }
        answer
    }

    /// Does work on the connection. It ends as unavailable when the connection is lost, because no answer
    /// comes after that.
    pub(crate) async fn unless_lost<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut link = self.link.clone();
        let came_back = async { link.wait_for(|link| !link.is_lost).await.map(|link| link.losses) };
        let Ok(Ok(losses)) = tokio::time::timeout(RECONNECT_WAIT, came_back).await else {
            return Err(Failure::Unavailable);
        };
        tokio::select! {
            biased;
            done = work => done,
            _ = link.wait_for(|link| link.losses != losses) => Err(Failure::Unavailable),
        }
    }
}

/// Returns the delay before an attempt, with a random part so that many hosts do not try at once.
fn delay(attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = MIN_DELAY.saturating_mul(2_u32.saturating_pow(doubled)).min(MAX_DELAY);
    whole.mul_f64(0.5 + fastrand::f64() / 2.0)
}

fn observe(link: &watch::Sender<Link>, failures: &FailureLog, event: &Event) {
    match event {
        Event::Connected => {
            link.send_modify(|link| link.is_lost = false);
        }
        Event::Disconnected => {
            failures.failed(&Failure::Unavailable);
            link.send_modify(|link| *link = Link { losses: link.losses + 1, is_lost: true });
        }
        // A guest can cause these, and each failed attempt to connect does.
        event => tracing::debug!(target: "airssys::nats", "{event}"),
    }
}
