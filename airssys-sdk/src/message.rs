//! A message as its handler gets it.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use airssys_message::report::REPORT_REQUEST;
use airssys_message::{Codec, PrefixError};
use uuid::Uuid;

use crate::codec::{self, Decode, Encode};
use crate::error::{DecodeError, EncodeError};
use crate::host::{self, MessageId, MessageInfo};
use crate::reply::Reply;

/// The bytes of a message: its own, or a part of the bytes of a batch.
#[derive(Debug)]
pub(crate) enum Bytes {
    Own(Vec<u8>),
    Shared(Rc<Vec<u8>>, Range<usize>),
}

impl Bytes {
    pub(crate) fn shared(all: &Rc<Vec<u8>>, part: Range<usize>) -> Bytes {
        Bytes::Shared(Rc::clone(all), part)
    }

    fn get(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(all, part) => &all[part.clone()],
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes::Own(bytes)
    }
}

/// A message from the mailbox: a codec, a body, and metadata.
///
/// The metadata is fetched from the host on first use, once: [`sender`](Message::sender),
/// [`topic`](Message::topic), [`wants_reply`](Message::wants_reply), [`waited`](Message::waited),
/// [`attempt`](Message::attempt), [`was_retained`](Message::was_retained),
/// [`request_id`](Message::request_id), [`traceparent`](Message::traceparent).
/// The host has it while the message is being handled. If the first use comes later, the metadata
/// is empty.
#[derive(Debug)]
pub struct Message {
    id: MessageId,
    bytes: Bytes,
    codec: Codec,
    /// The codec of values without a wrapper.
    prefers: Codec,
    prefix_len: usize,
    /// Boxed, so that moving a message is cheap.
    info: OnceCell<Option<Box<MessageInfo>>>,
}

impl Message {
    #[inline]
    pub(crate) fn new(
        id: MessageId,
        bytes: impl Into<Bytes>,
        prefers: Codec,
    ) -> Result<Message, PrefixError> {
        let bytes = bytes.into();
        let (codec, body) = Codec::split(bytes.get())?;
        let prefix_len = bytes.get().len() - body.len();
        Ok(Message { id, bytes, codec, prefers, prefix_len, info: OnceCell::new() })
    }

    /// Decodes the value in the body. A serde type is read from CBOR, JSON or MessagePack, as the
    /// body's codec says. For another codec ask for its [wrapper](crate::codec), such as `Borsh<T>`.
    ///
    /// # Errors
    /// [`DecodeError`] if this build does not read a `T` from the body's codec, or if the body is
    /// not a `T`.
    pub fn decode<T: Decode>(&self) -> Result<T, DecodeError> {
        T::decode(self.codec, self.body())
    }

    /// Makes a reply with this value. `&value` is written in the codec of this message if that is
    /// CBOR, JSON or MessagePack and its feature is on. Otherwise it is written in the codec that this component
    /// [prefers](crate::Component::PREFERS).
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no form in its codec.
    pub fn reply(&self, value: impl Encode) -> Result<Reply, EncodeError> {
        let understood = codec::is_plain(self.codec) && codec::is_built(self.codec);
        let codec = if understood { self.codec } else { self.prefers };
        codec::encode(value, codec).map(Reply::message)
    }

    /// The codec of the body.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The encoded value, without the codec prefix.
    pub fn body(&self) -> &[u8] {
        &self.bytes.get()[self.prefix_len..]
    }

    /// The encoded value, without the codec prefix.
    pub fn into_body(self) -> Vec<u8> {
        match self.bytes {
            Bytes::Own(mut bytes) => {
                bytes.drain(..self.prefix_len);
                bytes
            }
            Bytes::Shared(..) => self.body().to_vec(),
        }
    }

    /// The name of the instance that sent the message; `host` for one from outside the app.
    pub fn sender(&self) -> &str {
        self.info().map_or("", |info| &info.sender)
    }

    /// The topic that the message was published on. Returns `None` if it was sent directly.
    pub fn topic(&self) -> Option<&str> {
        self.info()?.topic.as_deref()
    }

    /// Returns true if a requester waits for a reply.
    pub fn wants_reply(&self) -> bool {
        self.info().is_some_and(|info| info.wants_reply)
    }

    /// The time in the mailbox. Up to a millisecond too long for a message that a component sent.
    pub fn waited(&self) -> Duration {
        self.info().map_or(Duration::ZERO, |info| Duration::from_nanos(info.waited_ns))
    }

    /// The number of this attempt: 1, and more if the message is handled again.
    pub fn attempt(&self) -> u32 {
        self.info().map_or(1, |info| info.attempt)
    }

    /// The id of the request. Returns `None` if the message is not a request. The id is the same at
    /// both ends and in every attempt. A handler can use it to have an effect only once.
    pub fn request_id(&self) -> Option<Uuid> {
        self.info()?.request.as_deref()?.parse().ok()
    }

    /// Returns true if the message was [retained](crate::PublishFuture::retain), and published
    /// before this instance subscribed.
    pub fn was_retained(&self) -> bool {
        self.info().is_some_and(|info| info.retained)
    }

    /// The message's place in its trace, as a W3C `traceparent`. Returns `None` outside a trace.
    /// Messages that the handler sends through the [`Context`](crate::Context) join the trace by
    /// themselves; this value is for calls that leave the app.
    pub fn traceparent(&self) -> Option<&str> {
        self.info()?.traceparent.as_deref()
    }

    /// Returns true if this is the request for a [report](crate::report).
    pub fn is_report_request(&self) -> bool {
        const SHORT_TEXT: u8 = 0x60;
        let expected = REPORT_REQUEST.as_bytes();
        self.codec == Codec::Cbor
            && self.body().split_first() == Some((&(SHORT_TEXT | expected.len() as u8), expected))
    }

    fn info(&self) -> Option<&MessageInfo> {
        self.info.get_or_init(|| host::messaging::describe(self.id).map(Box::new)).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Raw;
    use crate::fake_host;
    use crate::host::Completion;

    #[test]
    fn message_has_its_codec_and_body() {
        let message = Message::new(1, Codec::Json.message(b"{}"), Codec::Cbor).unwrap();
        assert_eq!(message.codec(), Codec::Json);
        assert_eq!(message.body(), b"{}");
        assert_eq!(message.into_body(), b"{}");
        assert_eq!(Message::new(1, Vec::new(), Codec::Cbor).unwrap_err(), PrefixError::Empty);
    }

    #[test]
    fn metadata_is_fetched_once() {
        fake_host::describe_as(MessageInfo {
            sender: "quake-feed".into(),
            topic: Some("quakes.major.asia".into()),
            wants_reply: true,
            waited_ns: 5,
            attempt: 2,
            retained: true,
            request: Some("01234567-89ab-8def-8123-456789abcdef".into()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        });
        let message = Message::new(9, Codec::Raw.message(b""), Codec::Cbor).unwrap();
        assert_eq!(message.sender(), "quake-feed");
        assert_eq!(message.topic(), Some("quakes.major.asia"));
        assert!(message.wants_reply());
        assert_eq!(message.waited(), Duration::from_nanos(5));
        assert_eq!(message.attempt(), 2);
        assert!(message.was_retained());
        let id = message.request_id().unwrap().to_string();
        assert_eq!(id, "01234567-89ab-8def-8123-456789abcdef");
        assert!(message.traceparent().unwrap().starts_with("00-4bf92f35"));
        assert_eq!(fake_host::calls(), ["describe 9"]);
    }

    #[test]
    fn report_request_is_recognised() {
        let request =
            Message::new(1, codec::encode(REPORT_REQUEST, Codec::Cbor).unwrap(), Codec::Cbor).unwrap();
        assert!(request.is_report_request());
        let other = Message::new(1, codec::encode("reports", Codec::Cbor).unwrap(), Codec::Cbor).unwrap();
        assert!(!other.is_report_request());
    }

    #[test]
    fn reply_uses_the_codec_of_its_request_or_the_preferred_one() {
        let reply = |request: Codec, prefers: Codec| {
            let message = Message::new(1, request.message(b""), prefers).unwrap();
            let Completion::Reply(reply) = message.reply(&1).unwrap().into_completion() else {
                panic!("no reply");
            };
            Codec::split(&reply).unwrap().0
        };
        for codec in [Codec::Cbor, Codec::Json, Codec::MessagePack] {
            assert_eq!(reply(codec, Codec::Cbor), codec);
        }
        assert_eq!(reply(Codec::Borsh, Codec::Json), Codec::Json);
        let message = Message::new(1, Codec::Json.message(b""), Codec::Cbor).unwrap();
        let raw = message.reply(Raw("x")).unwrap().into_completion();
        assert!(matches!(raw, Completion::Reply(reply) if reply == b"\x55x"));
    }
}
