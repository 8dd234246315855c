//! Errors of starts, and of messages by code of the host.

use std::time::Duration;

use airssys_rt::{PrepareError, StartError};
use airssys_spec::Denied;
use airssys_spec::pattern::InvalidName;

use crate::contract::{self, RequestError, SendError};

/// Reasons for which a component or a native actor does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// Each call would get an instance of its own, and the component takes messages.
    #[error(
        "`{name}` cannot have an instance for each request, because it exports airssys:component/handler; \
         write a number of instances"
    )]
    PerRequest {
        /// The name.
        name: String,
    },
    /// Its name breaks a rule.
    #[error("a component cannot be named `{name}`")]
    InvalidName {
        /// The name.
        name: String,
        /// The rule.
        source: InvalidName,
    },
    /// Its name stands for another component, or for the program itself.
    #[error("`{name}` is taken; give the component another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// An instance cannot be added.
    #[error("`{name}` cannot be added")]
    Prepare {
        /// The instance.
        name: String,
        /// The reason.
        source: PrepareError,
    },
    /// Its first incarnation did not start.
    #[error(transparent)]
    Start(StartError),
    /// It has a subscription or an input that its capabilities do not allow.
    #[error("`{name}` is set up to do what its capabilities do not allow")]
    Denied {
        /// The component.
        name: String,
        /// The denial.
        source: Box<Denied>,
    },
    /// The subscriptions of its manifest take more of the host's memory than they may.
    #[error(
        "the entries of `subscribes` of `{name}` take {used} bytes of the host, and at most {most} are \
         allowed; write fewer or shorter ones, or raise `memory` under [limits]"
    )]
    SubscriptionBytes {
        /// The component.
        name: String,
        /// The bytes that they take.
        used: usize,
        /// The bytes that they may take.
        most: usize,
    },
    /// A component needs at least one instance.
    #[error("`{name}` has no instances; it needs at least 1")]
    NoInstances {
        /// The component.
        name: String,
    },
}

/// Reasons for which a message by code of the host was not delivered, or not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The message was refused: the sender has no right, or the target does not take it.
    #[error("`{target}` did not take the message: {reason}")]
    Refused {
        /// The component.
        target: String,
        /// The reason.
        reason: String,
    },
    /// The request ended without a reply.
    #[error("`{target}` did not answer: {reason}")]
    NoReply {
        /// The component.
        target: String,
        /// The reason.
        reason: String,
    },
    /// The timeout passed.
    #[error("`{target}` did not answer within {} ms", timeout.as_millis())]
    TimedOut {
        /// The component.
        target: String,
        /// The timeout.
        timeout: Duration,
    },
    /// The text breaks a rule of topics.
    #[error("`{topic}` is not a topic")]
    InvalidTopic {
        /// The text.
        topic: String,
        /// The rule.
        source: airssys_rt::InvalidTopic,
    },
}

impl CallError {
    pub(crate) fn refused(target: &str, error: &SendError) -> CallError {
        CallError::Refused { target: target.to_owned(), reason: contract::send_error_text(error) }
    }

    pub(crate) fn no_reply(target: &str, error: &RequestError) -> CallError {
        CallError::NoReply { target: target.to_owned(), reason: contract::request_error_text(error) }
    }
}
