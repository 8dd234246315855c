//! Refusals of messages, and their three renderings.

use crate::contract::{SendError, SizeLimit};
use crate::observe::dead_letters::DeadLetterReason;

/// The reason for which a receiver does not get a message.
///
/// It is shown in three ways: as an error to the sender, as the reason of a dead letter, and as the
/// name of a counter.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The message is larger than the receiver accepts. Both numbers are bytes.
    TooLarge { size: u64, limit: u64 },
    /// The receiver does not accept the codec.
    CodecRefused(String),
    /// The receiver exports no handler of messages.
    NoHandler(String),
    /// The receiver has ended.
    TargetStopped,
    /// The mailbox has no room. Counted separately, because the sender can retry.
    MailboxFull,
}

impl Refusal {
    /// Returns the error that the sender gets.
    pub(crate) fn into_error(self) -> SendError {
        match self {
            Refusal::TooLarge { size, limit } => SendError::MessageTooLarge(SizeLimit { size, limit }),
            Refusal::CodecRefused(text) => SendError::CodecRefused(text),
            Refusal::NoHandler(text) => SendError::Other(text),
            Refusal::TargetStopped => SendError::TargetStopped,
            Refusal::MailboxFull => SendError::MailboxFull,
        }
    }

    /// Returns the reason of the dead letter that takes the message's place.
    pub(crate) fn into_reason(self) -> DeadLetterReason {
        match self {
            Refusal::TooLarge { size, limit } => DeadLetterReason::TooLarge { size, limit },
            Refusal::CodecRefused(text) => DeadLetterReason::CodecRefused(text.into()),
            Refusal::NoHandler(text) => DeadLetterReason::Rejected(text.into()),
            Refusal::TargetStopped => DeadLetterReason::TargetStopped,
            Refusal::MailboxFull => DeadLetterReason::MailboxFull,
        }
    }

    /// Returns the name under which the receiver counts it.
    pub(crate) fn counter(&self) -> &'static str {
        match self {
            Refusal::TooLarge { .. } => "message-too-large",
            Refusal::CodecRefused(_) => "codec-refused",
            Refusal::NoHandler(_) => "no-handler",
            Refusal::TargetStopped => "target-stopped",
            Refusal::MailboxFull => "mailbox-full",
        }
    }
}
