//! The errors of a component's operations.

use std::fmt;

use crate::host;

mod codec;

pub use codec::{DecodeError, EncodeError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a setting cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The app does not give the setting.
    #[error("the setting `{key}` is missing")]
    Missing {
        /// The setting's name.
        key: String,
    },
    /// The setting's text is not a value of the needed type.
    #[error("the setting `{key}` cannot be `{value}`")]
    Invalid {
        /// The setting's name.
        key: String,
        /// The setting's text.
        value: String,
        /// The error of the type's parser.
        source: Source,
    },
}

/// The reason why a message, a request or a publication was not taken. Nothing was delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The manifests do not allow it. The answer is the same whether or not a component with this
    /// name exists.
    #[error("`{target}` is not allowed as a target")]
    AccessDenied {
        /// The component or topic.
        target: String,
    },
    /// The name is allowed, but no component has it.
    #[error("no component has the name `{target}`")]
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
    /// The mailbox has no room, and the call does not wait. For a topic: the mailbox of a
    /// subscriber.
    #[error("the mailbox of `{target}` is full")]
    MailboxFull {
        /// The component or topic.
        target: String,
    },
    /// The mailbox had no room before the timeout.
    #[error("the mailbox of `{target}` was full for too long")]
    TimedOut {
        /// The component or topic.
        target: String,
    },
    /// The message is larger than the receiver accepts.
    #[error("the message of {size} bytes is larger than `{target}` accepts ({limit} bytes)")]
    MessageTooLarge {
        /// The component or topic.
        target: String,
        /// Bytes of the message, its codec prefix included.
        size: u64,
        /// The receiver's limit, in bytes.
        limit: u64,
    },
    /// The receiver does not accept the message's codec.
    #[error("`{target}` does not accept the message's codec: {reason}")]
    CodecRefused {
        /// The component or topic.
        target: String,
        /// The host's text.
        reason: String,
    },
    /// This component has reached one of its own limits, on requests in flight or on a rate.
    #[error("the limit `{limit}` is reached")]
    QuotaExceeded {
        /// The limit's name.
        limit: String,
    },
    /// The name is not a valid name of a component or a topic.
    #[error("`{target}` is not a name: {reason}")]
    InvalidName {
        /// The name.
        target: String,
        /// The host's text.
        reason: String,
    },
    /// The value could not be encoded.
    #[error("the message could not be made")]
    Encode {
        /// The cause.
        #[from]
        source: EncodeError,
    },
    /// A reason that this version of the SDK does not know.
    #[error("the host refused it: {reason}")]
    Other {
        /// The host's text.
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

/// The reason why some messages of a batch were not taken.
#[derive(Debug, thiserror::Error)]
#[error("only the first {sent} messages were taken")]
#[non_exhaustive]
pub struct SendBatchError {
    /// The number of messages that were taken, from the first on.
    pub sent: usize,
    /// The reason why the next message was not taken.
    pub source: SendError,
}

/// The reason why a subscription was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The manifests do not allow it.
    #[error("subscribing to `{pattern}` is not allowed")]
    AccessDenied {
        /// The pattern.
        pattern: String,
    },
    /// The pattern is not valid.
    #[error("`{pattern}` is not a pattern of topics: {reason}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// The host's text.
        reason: String,
    },
    /// This component has reached its limit on subscriptions, or a rate.
    #[error("the limit `{limit}` is reached")]
    QuotaExceeded {
        /// The limit's name.
        limit: String,
    },
    /// A reason that this version of the SDK does not know.
    #[error("the host refused it: {reason}")]
    Other {
        /// The host's text.
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

/// The reason why a request has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not taken.
    #[error("the request was not sent")]
    Send {
        /// The cause.
        #[from]
        source: SendError,
    },
    /// A component cannot answer its own request, because it is handling the message that asks.
    #[error("`{target}` cannot wait for an answer of its own")]
    ToItself {
        /// This component.
        target: String,
    },
    /// No reply came in time.
    #[error("`{target}` did not answer in time")]
    TimedOut {
        /// The component that was asked.
        target: String,
    },
    /// The target refused the request.
    #[error("`{target}` refused the request: {reason}")]
    Rejected {
        /// The component that was asked.
        target: String,
        /// The reason of its handler.
        reason: String,
    },
    /// The target failed while it handled the request.
    #[error("`{target}` failed while it handled the request")]
    TargetFailed {
        /// The component that was asked.
        target: String,
    },
    /// The target has ended and will not be restarted.
    #[error("`{target}` has stopped")]
    TargetStopped {
        /// The component that was asked.
        target: String,
    },
    /// The reply is larger than this component accepts.
    #[error("the reply of {size} bytes is larger than this component accepts ({limit} bytes)")]
    ReplyTooLarge {
        /// Bytes of the reply, its codec prefix included.
        size: u64,
        /// This component's limit, in bytes.
        limit: u64,
    },
    /// The reply has a codec that this component does not accept.
    #[error("the reply has a codec that this component does not accept: {reason}")]
    CodecRefused {
        /// The host's text.
        reason: String,
    },
    /// The reply is not a value of the expected type.
    #[error("the reply could not be read")]
    Decode {
        /// The cause.
        #[from]
        source: DecodeError,
    },
    /// A reason that this version of the SDK does not know.
    #[error("the request has no reply: {reason}")]
    Other {
        /// The host's text.
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

/// The reason why a component cannot start: text for the log. `?` writes an error into it with its
/// causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    text: String,
}

/// The reason why a component refuses a message: text for the dead letters and for a requester. `?`
/// writes an error into it with its causes.
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
    /// Asks for another attempt, because the message cannot be handled now, for this reason.
    ///
    /// The host hands over the message again if the component's manifest says `delivery = "retry"`
    /// and an attempt is left: after the backoff, and before any later message. Otherwise this is an
    /// ordinary rejection.
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
            /// Writes an error with its causes, as text.
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
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
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
    fn rejection_names_the_causes() {
        let refused = SendError::MailboxFull { target: "quake-region".into() };
        let rejection = Rejection::from(RequestError::from(refused));
        assert_eq!(rejection.to_string(), "the request was not sent: the mailbox of `quake-region` is full");
    }
}
