//! Why an actor did not start.

use std::error::Error;
use std::fmt;

use airssys_core::ExitReason;
use thiserror::Error;

/// Why [`ActorSystem::prepare`](crate::ActorSystem::prepare) made no actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Another actor has the name.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The name is empty.
    #[error("an actor's name cannot be empty")]
    EmptyName,
    /// The mailbox would hold no message.
    #[error("the mailbox of `{name}` must have room for at least one message")]
    NoCapacity {
        /// The actor's name.
        name: String,
    },
    /// A permanent child cannot be significant: it never ends by itself.
    #[error("`{name}` cannot be significant: it is permanent")]
    SignificantPermanent {
        /// The child's name.
        name: String,
    },
    /// A significant child needs a supervisor with an [`AutoShutdown`](crate::AutoShutdown).
    #[error("`{name}` cannot be significant: its supervisor never shuts down by itself")]
    SignificantForNothing {
        /// The child's name.
        name: String,
    },
    /// A dynamic supervisor restarts one for one.
    #[error("the dynamic supervisor `{name}` can only restart one for one")]
    DynamicStrategy {
        /// The supervisor's name.
        name: String,
    },
    /// The system has stopped, or is about to.
    #[error("`{name}` cannot start: the actor system has stopped")]
    SystemStopped {
        /// The actor's name.
        name: String,
    },
}

/// Why [`ActorSystem::start`](crate::ActorSystem::start) or
/// [`ActorSystem::spawn`](crate::ActorSystem::spawn) started no actor.
///
/// [`source`](Error::source) is the error of the hook that failed, if it was one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StartError {
    /// The actor could not be prepared.
    Prepare(PrepareError),
    /// Its first incarnation failed before it could handle messages.
    Failed {
        /// The actor's name.
        name: String,
        /// How the incarnation ended.
        reason: ExitReason,
    },
    /// The system has stopped, or is about to.
    SystemStopped {
        /// The actor's name.
        name: String,
    },
    /// The supervisor has ended, is being restarted, or is about to be.
    SupervisorStopped {
        /// The name of the child.
        name: String,
    },
    /// The actor was prepared by another system.
    OtherSystem {
        /// The actor's name.
        name: String,
    },
}

impl From<PrepareError> for StartError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::SystemStopped { name } => Self::SystemStopped { name },
            error => Self::Prepare(error),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare(error) => error.fmt(f),
            Self::Failed { name, reason } => {
                write!(f, "`{name}` {} while it started", reason.without_source())
            }
            Self::SystemStopped { name } => write!(f, "`{name}` cannot start: the actor system has stopped"),
            Self::SupervisorStopped { name } => {
                write!(f, "`{name}` cannot start: its supervisor is stopping")
            }
            Self::OtherSystem { name } => write!(f, "`{name}` was prepared by another actor system"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { reason, .. } => reason.source(),
            _ => None,
        }
    }
}
