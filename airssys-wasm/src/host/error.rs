//! Why a component did not start, or a message from outside was not answered.

use std::time::Duration;

use airssys_rt::{PrepareError, StartError};
use airssys_spec::Denied;
use airssys_spec::pattern::InvalidName;

use crate::contract::{self, RequestError, SendError};

/// Why a component did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// Its name is not one.
    #[error("a component cannot be named `{name}`")]
    InvalidName {
        /// The name.
        name: String,
        /// Why not.
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
        /// Why not.
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
        /// What it may not do.
        source: Denied,
    },
    /// A component needs at least one instance.
    #[error("`{name}` has no instances; it needs at least 1")]
    NoInstances {
        /// The component.
        name: String,
    },
}

/// Why a message from outside was not delivered, or not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The message was not taken.
    #[error("`{target}` did not take the message: {reason}")]
    Refused {
        /// The component.
        target: String,
        /// Why not.
        reason: String,
    },
    /// There was no reply.
    #[error("`{target}` did not answer: {reason}")]
    NoReply {
        /// The component.
        target: String,
        /// Why not.
        reason: String,
    },
    /// The time given passed.
    #[error("`{target}` did not answer within {} ms", timeout.as_millis())]
    TimedOut {
        /// The component.
        target: String,
        /// The time given.
        timeout: Duration,
    },
    /// The topic is not one.
    #[error("`{topic}` is not a topic")]
    InvalidTopic {
        /// What was given.
        topic: String,
        /// Why it is not.
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
