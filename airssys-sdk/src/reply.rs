//! A handler's reply.

#[cfg(feature = "cbor")]
use crate::codec::{self, Cbor};
#[cfg(feature = "cbor")]
use crate::error::EncodeError;
use crate::host::Completion;

/// A handler's reply. The host drops a reply to a message that was not a request.
///
/// [`Message::reply`](crate::Message::reply) makes one from a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply(Option<Vec<u8>>);

impl Reply {
    /// An empty reply.
    pub fn none() -> Reply {
        Reply(None)
    }

    /// A reply with this value as CBOR, whatever the codec of the request.
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no form in CBOR.
    #[cfg(feature = "cbor")]
    pub fn cbor<T: serde::Serialize + ?Sized>(value: &T) -> Result<Reply, EncodeError> {
        codec::encode(Cbor(value), airssys_message::Codec::Cbor).map(Reply::message)
    }

    /// A reply from a whole message: prefix and body.
    pub(crate) fn message(message: Vec<u8>) -> Reply {
        Reply(Some(message))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn into_completion(self) -> Completion {
        self.0.map_or(Completion::Done, Completion::Reply)
    }
}
