//! Why an actor ended.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{Down, SupervisorFailure};

/// Why an incarnation of an actor, or the actor for good, ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ExitReason {
    /// It stopped itself, or was asked to by [`ActorRef::stop`](crate::ActorRef::stop).
    Normal,
    /// Its supervisor stopped it; or it is a supervisor that ended with its significant children.
    Shutdown,
    /// A handler or a hook returned this error.
    Error(Arc<dyn Error + Send + Sync>),
    /// A handler or a hook panicked with this message.
    Panic(String),
    /// An actor that it is linked with failed.
    Linked(Arc<Down>),
    /// It was aborted: by [`ActorRef::kill`](crate::ActorRef::kill), or because it did not stop in
    /// the time it was given. No hook was called.
    Killed,
    /// It is a supervisor and gave up: a child would have been restarted more often than allowed.
    Escalated(Arc<SupervisorFailure>),
}

impl ExitReason {
    /// Whether something went wrong: neither [`Normal`](Self::Normal) nor
    /// [`Shutdown`](Self::Shutdown).
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown)
    }

    /// The error that ended it, if one did.
    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Error(error) => Some(&**error),
            Self::Linked(down) => down.reason.source(),
            Self::Escalated(failure) => Some(&**failure),
            _ => None,
        }
    }

    /// Displays all but the error, for errors that give it as their source.
    pub(crate) fn without_source(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| match self {
            Self::Error(_) => f.write_str("failed"),
            Self::Linked(down) => {
                write!(f, "failed with `{}`, which {}", down.actor, down.reason.without_source())
            }
            Self::Escalated(_) => f.write_str("gave up"),
            other => write!(f, "{other}"),
        })
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("stopped normally"),
            Self::Shutdown => f.write_str("shut down"),
            Self::Error(error) => write!(f, "failed: {error}"),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Linked(down) => write!(f, "failed with `{}`, which {}", down.actor, down.reason),
            Self::Killed => f.write_str("killed"),
            Self::Escalated(failure) => write!(f, "gave up: {failure}"),
        }
    }
}
