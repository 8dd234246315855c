//! What a handler answers.

use airssys_message::Codec;
use serde::Serialize;

use crate::codec;
use crate::error::EncodeError;
use crate::host::Completion;

/// What a handler answers. A reply to a message that was not a request is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply(Option<Vec<u8>>);

impl Reply {
    /// Nothing: a requester gets an empty reply.
    pub fn none() -> Reply {
        Reply(None)
    }

    /// This value as CBOR.
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no form in CBOR.
    pub fn cbor<T: Serialize + ?Sized>(value: &T) -> Result<Reply, EncodeError> {
        codec::encode(value).map(|message| Reply(Some(message)))
    }

    /// A value that is encoded already.
    pub fn encoded(codec: Codec, body: impl AsRef<[u8]>) -> Reply {
        Reply(Some(codec.message(body.as_ref())))
    }

    pub(crate) fn into_completion(self) -> Completion {
        self.0.map_or(Completion::Done, Completion::Reply)
    }
}
