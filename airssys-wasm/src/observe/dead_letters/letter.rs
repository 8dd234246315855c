//! A dead letter, and the reasons for one.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::contract::BoundedText;
use crate::observe::trace::TraceContext;

/// The reason for which a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// The handler rejected it.
    #[error("rejected: {0}")]
    Rejected(BoundedText),
    /// The handler asked for another attempt, and none was left.
    #[error("asked for another attempt: {0}")]
    RetryAsked(BoundedText),
    /// The handler failed: it trapped, or reached a limit.
    #[error("failed: {0}")]
    HandlerFailed(BoundedText),
    /// The handler deferred it, and then waited for no event that could still happen.
    #[error("abandoned: the handler deferred the message and waits for nothing")]
    Abandoned,
    /// The receiver was ended while it handled the message, because it did not stop in time.
    #[error("the receiver was ended while it handled the message")]
    Interrupted,
    /// The receiver ended for good before it reached the message.
    #[error("the receiver stopped before it came to the message")]
    TargetStopped,
    /// The receiver's mailbox was full and does not make senders wait (`reject` for publications,
    /// `drop-newest`).
    #[error("the receiver's mailbox was full")]
    MailboxFull,
    /// The receiver's mailbox was full and dropped it for a newer message (`drop-oldest`).
    #[error("made way for a newer message: the mailbox was full")]
    MadeWay,
    /// The subscriber does not accept the publication's codec.
    #[error("the subscriber does not accept the codec: {0}")]
    CodecRefused(BoundedText),
    /// The publication was larger than the subscriber's limit.
    #[error("{size} bytes are more than the subscriber's limit of {limit}")]
    TooLarge {
        /// The size of the publication, in bytes.
        size: u64,
        /// The limit of the subscriber, in bytes.
        limit: u64,
    },
}

/// A message that was accepted and could not be handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number. Later dead letters have greater numbers.
    pub id: u64,
    /// The component that it was sent to.
    pub receiver: Arc<str>,
    /// The instance that had it in its mailbox or its handler; `None` if it reached no instance.
    pub instance: Option<Arc<str>>,
    /// The instance that sent it.
    pub sender: Arc<str>,
    /// The topic; `None` if it was not a publication.
    pub topic: Option<Arc<str>>,
    /// The span that sent it; `None` if it belongs to no trace.
    pub trace: Option<TraceContext>,
    /// The message: codec prefix and body.
    pub message: Bytes,
    /// The reason for which it was not handled.
    pub reason: DeadLetterReason,
    /// The number of attempts to handle it; 0 if it never reached a handler.
    pub attempts: u32,
    /// The time at which it was given up.
    pub at: SystemTime,
}

impl DeadLetter {
    /// Returns the bytes that it takes: the message, and the text of the reason.
    pub(super) fn kept_bytes(&self) -> usize {
        let text = match &self.reason {
            DeadLetterReason::Rejected(text)
            | DeadLetterReason::RetryAsked(text)
            | DeadLetterReason::HandlerFailed(text)
            | DeadLetterReason::CodecRefused(text) => text.len(),
            _ => 0,
        };
        self.message.len().saturating_add(text)
    }
}

impl DeadLetterReason {
    /// Returns the kind of the reason, without its text.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            DeadLetterReason::Rejected(_) => "rejected",
            DeadLetterReason::RetryAsked(_) => "asked for another attempt",
            DeadLetterReason::HandlerFailed(_) => "failed",
            DeadLetterReason::Abandoned => "abandoned",
            DeadLetterReason::Interrupted => "the receiver was ended",
            DeadLetterReason::TargetStopped => "the receiver stopped",
            DeadLetterReason::MailboxFull => "the mailbox was full",
            DeadLetterReason::MadeWay => "made way",
            DeadLetterReason::CodecRefused(_) => "the codec is not accepted",
            DeadLetterReason::TooLarge { .. } => "too large",
        }
    }
}
