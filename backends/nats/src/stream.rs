//! One stream of JetStream, which is a bucket or a container.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, Info, RawMessage};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{HeaderMap, Message, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::connection::{Connection, Effect};
use crate::errors::Failure;

const API: &str = "$JS.API";

/// The answer of the server if a stream has no such message.
const NO_MESSAGE: ErrorCode = ErrorCode(10037);

/// The time after which the server forgets a consumer whose host is gone.
const IDLE_CONSUMER: Duration = Duration::from_secs(30);

/// The settings of a stream that calls depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    /// A read may go to any server that has the stream, because there is only one.
    is_direct: bool,
    /// Messages may have a time to live.
    pub(crate) allows_ttl: bool,
    /// A subject has its last message only.
    pub(crate) has_no_history: bool,
}

/// The way in which a message is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publish {
    pub(crate) headers: HeaderMap,
    /// The sequence of the last message on the subject, or 0 if there must be none.
    pub(crate) expected: Option<u64>,
    /// The time after which the server may remove the message. Ignored where the stream allows none.
    pub(crate) ttl: Option<Duration>,
}

/// The messages that a listing asks for.
pub(crate) struct Listing {
    pub(crate) filter: String,
    /// `None` for the last message of each subject.
    pub(crate) from: Option<u64>,
    pub(crate) headers_only: bool,
    /// The most messages of one request.
    pub(crate) batch: usize,
}

/// A stream, which need not exist.
pub(crate) struct Stream {
    pub(crate) connection: Arc<Connection>,
    pub(crate) name: String,
    traits: Mutex<Option<Traits>>,
}

impl Stream {
    pub(crate) fn new(connection: Arc<Connection>, name: String) -> Stream {
        Stream { connection, name, traits: Mutex::default() }
    }

    fn remember(&self, traits: Option<Traits>) {
        *self.traits.lock().unwrap_or_else(PoisonError::into_inner) = traits;
    }

    /// Sends a request to JetStream.
    async fn api<T: DeserializeOwned>(
        &self,
        effect: Effect,
        function: &str,
        payload: &[u8],
    ) -> Result<T, Failure> {
        let subject = format!("{API}.{function}.{}", self.name);
        let payload = Bytes::copy_from_slice(payload);
        let answer = match self.connection.ask(effect, &subject, HeaderMap::new(), payload).await {
            Err(failure @ Failure::NoResponders) => {
                self.connection.failures.failed(&failure);
                return Err(Failure::Unavailable);
            }
            answer => answer?,
        };
        self.checked(parsed(&answer.payload))
    }

    /// Forgets the settings of a stream that does not exist.
    fn checked<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(|failure| *failure == Failure::NoStream) {
            self.remember(None);
        }
        answer
    }

    pub(crate) async fn info(&self) -> Result<Info, Failure> {
        self.api(Effect::Repeatable, "STREAM.INFO", b"").await
    }

    /// Returns the settings of the stream, which are read once.
    pub(crate) async fn traits(&self) -> Result<Traits, Failure> {
        let known = *self.traits.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(traits) => Ok(traits),
            None => self.fits(&self.info().await?.config),
        }
    }

    fn fits(&self, config: &Config) -> Result<Traits, Failure> {
        if !config.max_age.is_zero() {
            let failure = Failure::Unfit("it deletes its values after some time");
            self.connection.failures.failed(&format_args!("{}: {failure}", self.name));
            return Err(failure);
        }
        let traits = Traits {
            is_direct: config.allow_direct && config.num_replicas <= 1,
            allows_ttl: config.allow_message_ttl,
            has_no_history: config.max_messages_per_subject == 1,
        };
        self.remember(Some(traits));
        Ok(traits)
    }

    /// Creates the stream. One that exists keeps its settings.
    pub(crate) async fn create(&self, config: Config) -> Result<Traits, Failure> {
        let replicas = self.connection.replicas;
        let config = Config {
            name: self.name.clone(),
            num_replicas: replicas,
            allow_direct: replicas <= 1,
            allow_message_ttl: true,
            ..config
        };
        let config = serde_json::to_vec(&config).map_err(|_| Failure::Refused(0))?;
        // To create a stream again with the same settings does nothing.
        let created: Result<Info, _> = self.api(Effect::Repeatable, "STREAM.CREATE", &config).await;
        match created {
            Ok(info) => self.fits(&info.config),
            Err(Failure::Refused(code)) if ErrorCode(code) == ErrorCode::STREAM_NAME_EXIST => {
                self.fits(&self.info().await?.config)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Removes the stream. Succeeds if it does not exist.
    pub(crate) async fn remove(&self) -> Result<(), Failure> {
        self.remember(None);
        match self.api(Effect::Repeatable, "STREAM.DELETE", b"").await {
            Ok(Done {}) | Err(Failure::NoStream) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes the messages of a subject, or all of them.
    pub(crate) async fn purge(&self, subject: Option<&str>) -> Result<(), Failure> {
        let request = subject.map_or(json!({}), |subject| json!({ "filter": subject })).to_string();
        self.api(Effect::Repeatable, "STREAM.PURGE", request.as_bytes()).await.map(|Done {}| ())
    }

    /// Returns the last message of a subject.
    pub(crate) async fn last(&self, subject: &str) -> Result<Option<StreamMessage>, Failure> {
        if self.traits().await?.is_direct {
            // The subject at the end of the request's lets the server decide about the right to read it.
            let function = format!("{API}.DIRECT.GET.{}.{subject}", self.name);
            return self.direct(&function, Bytes::new()).await;
        }
        self.by_leader(&json!({ "last_by_subj": subject })).await
    }

    /// Returns the first message of a subject from a sequence on.
    pub(crate) async fn next(&self, subject: &str, from: u64) -> Result<Option<StreamMessage>, Failure> {
        let request = json!({ "seq": from.max(1), "next_by_subj": subject });
        if self.traits().await?.is_direct {
            let function = format!("{API}.DIRECT.GET.{}", self.name);
            return self.direct(&function, request.to_string().into()).await;
        }
        self.by_leader(&request).await
    }

    async fn direct(&self, function: &str, request: Bytes) -> Result<Option<StreamMessage>, Failure> {
        let asked = self.connection.ask(Effect::Repeatable, function, HeaderMap::new(), request).await;
        let answer = self.responded(asked).await?;
        match answer.status {
            None => StreamMessage::try_from(answer).map(Some).map_err(|_| Failure::Refused(0)),
            Some(StatusCode::NOT_FOUND) => Ok(None),
            Some(status) => Err(Failure::Refused(u64::from(status.as_u16()))),
        }
    }

    /// Reads by way of the leader, which knows the last write of a stream with several replicas.
    async fn by_leader(&self, request: &serde_json::Value) -> Result<Option<StreamMessage>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            message: RawMessage,
        }
        let request = request.to_string();
        let answer = self.api(Effect::Repeatable, "STREAM.MSG.GET", request.as_bytes()).await;
        let answer: Answer = match answer {
            Err(Failure::Refused(code)) if ErrorCode(code) == NO_MESSAGE => return Ok(None),
            answer => answer?,
        };
        StreamMessage::try_from(answer.message).map(Some).map_err(|_| Failure::Refused(0))
    }

    /// Writes a message, and returns its sequence after the server has acknowledged it.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        publish: Publish,
        payload: Bytes,
    ) -> Result<u64, Failure> {
        let allows_ttl = self.traits().await?.allows_ttl;
        let Publish { mut headers, expected, ttl } = publish;
        if let Some(expected) = expected {
            headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        }
        if let Some(ttl) = ttl.filter(|_| allows_ttl) {
            // The server counts whole seconds.
            headers.insert(header::NATS_MESSAGE_TTL, format!("{}s", ttl.as_secs().saturating_add(1)));
        }
        let asked = self.connection.ask(Effect::Writes, subject, headers, payload).await;
        let answer = self.responded(asked).await?;
        let ack: PublishAck = self.checked(parsed(&answer.payload))?;
        Ok(ack.sequence)
    }

    /// Finds out why no server listens on a subject of the stream.
    async fn responded(&self, asked: Result<Message, Failure>) -> Result<Message, Failure> {
        match asked {
            Err(Failure::NoResponders) => {
                self.info().await?;
                Err(Failure::Unavailable)
            }
            asked => asked,
        }
    }

    /// Visits messages in the order of their sequences, with their number of those left, until `visit`
    /// returns false. A few batches are in memory at most.
    pub(crate) async fn each(
        &self,
        listing: Listing,
        visit: &mut (dyn FnMut(&jetstream::Message, u64, u64) -> bool + Send),
    ) -> Result<(), Failure> {
        let context = jetstream::new(self.connection.client.clone());
        let name = self.connection.unique_name();
        let config = pull::Config {
            name: Some(name.clone()),
            deliver_policy: match listing.from {
                Some(from) => DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
                None => DeliverPolicy::LastPerSubject,
            },
            ack_policy: AckPolicy::None,
            filter_subject: listing.filter,
            headers_only: listing.headers_only,
            inactive_threshold: IDLE_CONSUMER,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let list = async {
            let made = context.create_consumer_on_stream(config, &self.name).await;
            let consumer = made.map_err(|error| match error.kind() {
                ConsumerErrorKind::JetStream(error) => Failure::from(&error),
                ConsumerErrorKind::TimedOut => Failure::Timeout,
                _ => Failure::Unavailable,
            })?;
            let mut left = consumer.cached_info().num_pending;
            'all: while left > 0 {
                let batch = consumer.fetch().max_messages(listing.batch).messages().await;
                let mut batch = batch.map_err(|_| Failure::Unavailable)?;
                let before = left;
                while let Some(message) = batch.next().await {
                    let message = message.map_err(|_| Failure::Unavailable)?;
                    let info = message.info().map_err(|_| Failure::Refused(0))?;
                    left = info.pending;
                    if !visit(&message, info.stream_sequence, left) {
                        break 'all;
                    }
                }
                // Messages can be deleted before they are delivered.
                if left == before {
                    break;
                }
            }
            // The server forgets it soon in any case.
            context.delete_consumer_from_stream(&name, &self.name).await.ok();
            Ok(())
        };
        let listed = self.connection.unless_lost(list).await;
        self.checked(listed)
    }
}

/// The answer of a request that has no result.
#[derive(Deserialize)]
struct Done {}

fn parsed<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Failure> {
    match serde_json::from_slice(payload) {
        Ok(Response::Ok(answer)) => Ok(answer),
        Ok(Response::Err { error }) => {
            tracing::debug!(target: "airssys::nats", "{error}");
            Err(Failure::from(&error))
        }
        Err(error) => {
            tracing::debug!(target: "airssys::nats", "an answer cannot be read: {error}");
            Err(Failure::Refused(0))
        }
    }
}
