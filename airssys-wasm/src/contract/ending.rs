//! The end of a message, as its handler decided.

use super::{BoundedText, Callback, Completion, RequestError, SizeLimit};

/// The end of a message, as its handler decided and as the host keeps it: bounded in every part.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It was handled.
    Done,
    /// It was handled, with a reply that its requester takes.
    Reply(Vec<u8>),
    /// It was handled, with a reply that is too large for its requester.
    ReplyTooLarge(SizeLimit),
    /// It was rejected, for this reason.
    Rejected(BoundedText),
    /// Another attempt was asked for, for this reason.
    Retry(BoundedText),
}

impl Ending {
    /// Takes the end that a guest reported. A reply of more than `max_reply_bytes` is dropped.
    pub(crate) fn of(completion: Completion, max_reply_bytes: u64) -> Ending {
        match completion {
            Completion::Done => Ending::Done,
            Completion::Reply(body) => {
                let (size, limit) = (body.len() as u64, max_reply_bytes);
                match size > limit {
                    true => Ending::ReplyTooLarge(SizeLimit { size, limit }),
                    false => Ending::Reply(body),
                }
            }
            Completion::Rejected(reason) => Ending::Rejected(reason.into()),
            Completion::Retry(reason) => Ending::Retry(reason.into()),
        }
    }

    /// Returns the answer to the requester of a message that was handled.
    pub(crate) fn answer(self) -> Callback {
        match self {
            Ending::Reply(body) => Callback::Reply(body),
            Ending::ReplyTooLarge(size) => Callback::Failed(RequestError::ReplyTooLarge(size)),
            Ending::Done | Ending::Rejected(_) | Ending::Retry(_) => Callback::Reply(Vec::new()),
        }
    }
}
