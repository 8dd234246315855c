//! Why an operation of a component failed.

use std::fmt;

use crate::host;

mod codec;

pub use codec::{DecodeError, EncodeError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a setting cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The app does not give it.
    #[error("the setting `{key}` is missing")]
    Missing {
        /// Its name.
        key: String,
    },
    /// Its text is not a value of the type that is needed.
    #[error("the setting `{key}` cannot be `{value}`")]
    Invalid {
        /// Its name.
        key: String,
        /// Its text.
        value: String,
        /// What is wrong with the text.
        source: Source,
    },
}

/// Why a message, a request or a publication was not taken. Nothing was delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The manifests do not allow it. Also the answer for a name that does not exist and that
    /// this component may not use.
    #[error("`{target}` is not allowed as a target")]
    AccessDenied {
        /// The component or topic.
        target: String,
    },
    /// The name is allowed, and no component has it.
    #[error("there is no component `{target}`")]
    UnknownTarget {
        /// The component.
        target: String,
    },
    /// The target has ended and will not be restarted.
    #[error("`{target}` has stopped")]
    TargetStopped {
        /// The component or topic.
        target: String,
    },
    /// The mailbox (of a topic: a subscriber's mailbox) has no room, and this was not to wait.
    #[error("the mailbox of `{target}` is full")]
    MailboxFull {
        /// The component or topic.
        target: String,
    },
    /// The mailbox had no room for as long as this was to wait.
    #[error("the mailbox of `{target}` was full for too long")]
    TimedOut {
        /// The component or topic.
        target: String,
    },
    /// The message is larger than the receiver takes.
    #[error("the message of {size} bytes is larger than `{target}` takes ({limit} bytes)")]
    MessageTooLarge {
        /// The component or topic.
        target: String,
        /// Bytes of the message, its codec prefix included.
        size: u64,
        /// The most that the receiver takes, in bytes.
        limit: u64,
    },
    /// The receiver does not take this codec.
    #[error("`{target}` does not take the message's codec: {reason}")]
    CodecRefused {
        /// The component or topic.
        target: String,
        /// What the host says.
        reason: String,
    },
    /// This component has as much under way as it may.
    #[error("the limit `{limit}` is reached")]
    QuotaExceeded {
        /// The limit's name.
        limit: String,
    },
    /// The name cannot be that of a component or a topic.
    #[error("`{target}` is not a name: {reason}")]
    InvalidName {
        /// The name.
        target: String,
        /// What the host says.
        reason: String,
    },
    /// The value could not be encoded.
    #[error("the message could not be made")]
    Encode {
        /// Why.
        #[from]
        source: EncodeError,
    },
    /// A reason that this version of the SDK has no name for.
    #[error("the host refused it: {reason}")]
    Other {
        /// What the host says.
        reason: String,
    },
}

impl SendError {
    pub(crate) fn new(target: &str, error: host::SendError) -> SendError {
        let target = target.to_owned();
        match error {
            host::SendError::AccessDenied => SendError::AccessDenied { target },
            host::SendError::UnknownTarget => SendError::UnknownTarget { target },
            host::SendError::UnknownHandle => {
                SendError::Other { reason: format!("the route to `{target}` is not valid") }
            }
            host::SendError::TargetStopped => SendError::TargetStopped { target },
            host::SendError::MailboxFull => SendError::MailboxFull { target },
            host::SendError::MessageTooLarge(found) => {
                SendError::MessageTooLarge { target, size: found.size, limit: found.limit }
            }
            host::SendError::CodecRefused(reason) => SendError::CodecRefused { target, reason },
            host::SendError::QuotaExceeded(limit) => SendError::QuotaExceeded { limit },
            host::SendError::InvalidName(reason) => SendError::InvalidName { target, reason },
            host::SendError::Other(reason) => SendError::Other { reason },
        }
    }
}

/// Why not all messages of a list were taken.
#[derive(Debug, thiserror::Error)]
#[error("only the first {sent} messages were taken")]
#[non_exhaustive]
pub struct SendBatchError {
    /// How many were taken: the first so many. None behind them was.
    pub sent: usize,
    /// Why the next was not.
    pub source: SendError,
}

/// Why a subscription was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The manifests do not allow it.
    #[error("subscribing to `{pattern}` is not allowed")]
    AccessDenied {
        /// The pattern.
        pattern: String,
    },
    /// The pattern is not one.
    #[error("`{pattern}` is not a pattern of topics: {reason}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What the host says.
        reason: String,
    },
    /// This component has as many subscriptions as it may.
    #[error("the limit `{limit}` is reached")]
    QuotaExceeded {
        /// The limit's name.
        limit: String,
    },
    /// A reason that this version of the SDK has no name for.
    #[error("the host refused it: {reason}")]
    Other {
        /// What the host says.
        reason: String,
    },
}

impl SubscribeError {
    pub(crate) fn new(pattern: &str, error: host::SendError) -> SubscribeError {
        let pattern = pattern.to_owned();
        match error {
            host::SendError::AccessDenied => SubscribeError::AccessDenied { pattern },
            host::SendError::InvalidName(reason) => SubscribeError::InvalidPattern { pattern, reason },
            host::SendError::QuotaExceeded(limit) => SubscribeError::QuotaExceeded { limit },
            host::SendError::Other(reason) => SubscribeError::Other { reason },
            other => SubscribeError::Other { reason: chain(&SendError::new(&pattern, other)) },
        }
    }
}

/// Why there is no reply to a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not taken.
    #[error("the request was not sent")]
    Send {
        /// Why.
        #[from]
        source: SendError,
    },
    /// A component cannot answer its own request: it is handling the message that asks.
    #[error("`{target}` cannot wait for an answer of its own")]
    ToItself {
        /// This component.
        target: String,
    },
    /// No reply came in time.
    #[error("`{target}` did not answer in time")]
    TimedOut {
        /// Who was asked.
        target: String,
    },
    /// The target refused the request.
    #[error("`{target}` refused the request: {reason}")]
    Rejected {
        /// Who was asked.
        target: String,
        /// What it said.
        reason: String,
    },
    /// The target failed while it handled the request.
    #[error("`{target}` failed while it handled the request")]
    TargetFailed {
        /// Who was asked.
        target: String,
    },
    /// The target has ended and will not be restarted.
    #[error("`{target}` has stopped")]
    TargetStopped {
        /// Who was asked.
        target: String,
    },
    /// The reply is larger than this component takes.
    #[error("the reply of {size} bytes is larger than this component takes ({limit} bytes)")]
    ReplyTooLarge {
        /// Bytes of the reply, its codec prefix included.
        size: u64,
        /// The most that this component takes, in bytes.
        limit: u64,
    },
    /// The reply has a codec that this component does not take.
    #[error("the reply has a codec that this component does not take: {reason}")]
    CodecRefused {
        /// What the host says.
        reason: String,
    },
    /// The reply is not what was expected.
    #[error("the reply could not be read")]
    Decode {
        /// Why.
        #[from]
        source: DecodeError,
    },
    /// A reason that this version of the SDK has no name for.
    #[error("there is no reply: {reason}")]
    Other {
        /// What the host says.
        reason: String,
    },
}

impl RequestError {
    pub(crate) fn new(target: &str, error: host::RequestError) -> RequestError {
        let target = target.to_owned();
        match error {
            host::RequestError::TimedOut => RequestError::TimedOut { target },
            host::RequestError::Cancelled => RequestError::Other { reason: "it was cancelled".to_owned() },
            host::RequestError::Rejected(reason) => RequestError::Rejected { target, reason },
            host::RequestError::TargetFailed => RequestError::TargetFailed { target },
            host::RequestError::TargetStopped => RequestError::TargetStopped { target },
            host::RequestError::ReplyTooLarge(found) => {
                RequestError::ReplyTooLarge { size: found.size, limit: found.limit }
            }
            host::RequestError::CodecRefused(reason) => RequestError::CodecRefused { reason },
            host::RequestError::Other(reason) => RequestError::Other { reason },
        }
    }
}

/// Why a component cannot start: text for the log. Anything that `?` turns into one is written
/// with its causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    text: String,
}

/// Why a component does not take a message: text for the dead letters, and for a requester.
/// Anything that `?` turns into one is written with its causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    text: String,
    again: bool,
}

impl StartError {
    fn new(text: String) -> StartError {
        StartError { text }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl Rejection {
    /// Not now, for this reason: the message is to be handled again.
    ///
    /// If the component's manifest says `delivery = "retry"` and there is an attempt left, it is,
    /// after a while, and before any message behind it. Otherwise it is a rejection like others.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// async fn store(context: &Context, order: &str) -> Result<(), Rejection> {
    ///     context.request::<()>("store", order).await.map_err(Rejection::retry)
    /// }
    /// ```
    pub fn retry(reason: impl Into<Rejection>) -> Rejection {
        Rejection { again: true, ..reason.into() }
    }

    fn new(text: String) -> Rejection {
        Rejection { text, again: false }
    }

    pub(crate) fn into_completion(self) -> host::Completion {
        match self.again {
            true => host::Completion::Retry(self.text),
            false => host::Completion::Rejected(self.text),
        }
    }
}

macro_rules! text {
    ($name:ident from $($error:ty),*) => {
        impl $name {
            /// This error with its causes, as text.
            pub fn because(error: &dyn std::error::Error) -> $name {
                $name::new(chain(error))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name::new(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name::new(text)
            }
        }

        $(impl From<$error> for $name {
            fn from(error: $error) -> $name {
                $name::because(&error)
            }
        })*
    };
}

text!(StartError from ConfigError, SendError, SendBatchError, SubscribeError);
text!(Rejection from DecodeError, EncodeError, SendError, SendBatchError, SubscribeError, RequestError);

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_names_the_causes() {
        let refused = SendError::MailboxFull { target: "quake-region".into() };
        let rejection = Rejection::from(RequestError::from(refused));
        assert_eq!(rejection.to_string(), "the request was not sent: the mailbox of `quake-region` is full");
    }
}
