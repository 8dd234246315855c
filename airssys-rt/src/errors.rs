//! The errors of sending, of requests, and of starting actors.

use std::error::Error;
use std::fmt;

use airssys_core::ExitReason;

use crate::supervisor::spec::MAX_SUPERVISOR_DEPTH;

/// The error of sending, such as [`ActorRef::send`](crate::ActorRef::send) and
/// [`ActorRef::try_send`](crate::ActorRef::try_send); hands the message back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox is full, and the sender does not wait: by its choice, or by the mailbox's policy.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed(M),
    /// All workers of a [`Router`](crate::Router) are
    /// [quarantined](airssys_core::OnLimit::Quarantine). Only a router returns it, because the mailbox of
    /// a quarantined actor takes messages.
    #[error("all workers are quarantined; resume one first")]
    Quarantined(M),
}

/// The error of sending from a thread that may block, such as
/// [`ActorRef::blocking_send`](crate::ActorRef::blocking_send); hands the message back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BlockingSendError<M> {
    /// The message was not taken.
    #[error(transparent)]
    Send(#[from] SendError<M>),
    /// The thread runs tasks, so it must not block.
    #[error("this thread runs tasks, so it must not block: await `send` instead")]
    InTask(M),
}

/// The error of [`ActorRef::try_reserve`](crate::ActorRef::try_reserve).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed,
}

/// The error of [`ActorRef::try_send_with`](crate::ActorRef::try_send_with); no message was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendWithError<E> {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed,
    /// The closure did not make a message.
    #[error(transparent)]
    NotMade(E),
}

/// The error of [`ActorRef::request`](crate::ActorRef::request).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RequestError<M> {
    /// The mailbox is full, and its policy is not to wait. Hands the message back.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good. Hands the message back.
    #[error("the actor has ended")]
    Closed(M),
    /// All workers of the router are quarantined, as in [`SendError`]. Hands the message back.
    #[error("all workers are quarantined; resume one first")]
    Quarantined(M),
    /// The message was dropped without a reply, because the actor failed, ended, or did not answer.
    #[error("there will be no reply")]
    NoReply,
    /// The timeout passed. A message that is in the mailbox by then is handled all the same.
    #[error("there was no reply in time")]
    TimedOut,
}

/// The error of [`ActorRef::blocking_request`](crate::ActorRef::blocking_request).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BlockingRequestError<M> {
    /// The request failed.
    #[error(transparent)]
    Request(#[from] RequestError<M>),
    /// The thread runs tasks, so it must not block. No message was made.
    #[error("this thread runs tasks, so it must not block: await `request` instead")]
    InTask,
}

impl<M> From<SendError<M>> for RequestError<M> {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Full(message) => Self::Full(message),
            SendError::Closed(message) => Self::Closed(message),
            SendError::Quarantined(message) => Self::Quarantined(message),
        }
    }
}

impl<M> SendError<M> {
    /// The message that was not delivered.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Closed(message) | Self::Quarantined(message) => message,
        }
    }
}

impl<M> BlockingSendError<M> {
    /// The message that was not delivered.
    pub fn into_message(self) -> M {
        match self {
            Self::Send(error) => error.into_message(),
            Self::InTask(message) => message,
        }
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
            Self::Quarantined(_) => "Quarantined(..)",
        })
    }
}

impl<M> fmt::Debug for BlockingSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::InTask(_) => f.write_str("InTask(..)"),
        }
    }
}

impl<M> fmt::Debug for RequestError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
            Self::Quarantined(_) => "Quarantined(..)",
            Self::NoReply => "NoReply",
            Self::TimedOut => "TimedOut",
        })
    }
}

impl<M> fmt::Debug for BlockingRequestError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::InTask => f.write_str("InTask"),
        }
    }
}

/// The error of [`Groups::join`](crate::Groups::join).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The actor takes no more messages, because it has ended for good or is draining.
    #[error("the actor has ended")]
    Ended,
    /// The actor belongs to another system.
    #[error("the actor belongs to another actor system")]
    OtherSystem,
}

/// The error of [`ActorSystem::prepare`](crate::ActorSystem::prepare).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A permanent child cannot be significant, because it always returns.
    #[error("`{name}` is permanent, so it cannot be significant; give it another restart policy")]
    SignificantPermanent {
        /// The child's name.
        name: String,
    },
    /// A significant child needs a supervisor with an [`AutoShutdown`](crate::AutoShutdown).
    #[error("`{name}` cannot be significant: its supervisor has no auto-shutdown")]
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
    /// There are as many supervisors above it as allowed.
    #[error(
        "the supervisor `{name}` would be below {MAX_SUPERVISOR_DEPTH} others, which are the most allowed; \
         start it further up"
    )]
    TooDeep {
        /// The supervisor's name; empty if it has none, as that of an actor's children.
        name: String,
    },
    /// The system has stopped, or is about to.
    #[error("`{name}` cannot start: the actor system has stopped")]
    SystemStopped {
        /// The actor's name.
        name: String,
    },
}

/// The error of [`ActorSystem::start`](crate::ActorSystem::start) and
/// [`ActorSystem::spawn`](crate::ActorSystem::spawn).
///
/// [`source`](Error::source) is the error of the hook that failed, if a hook did.
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
    /// It was stopped before it was started, so it has ended.
    Stopped {
        /// The name of the child.
        name: String,
    },
    /// The supervisor has ended for good or is about to.
    SupervisorStopped {
        /// The name of the child.
        name: String,
    },
    /// The supervisor, or one above it, is [quarantined](airssys_core::OnLimit::Quarantine).
    SupervisorQuarantined {
        /// The name of the child.
        name: String,
    },
    /// The supervisor has been [prepared](crate::PreparedSupervisor), and not started.
    SupervisorNotStarted {
        /// The name of the child.
        name: String,
    },
    /// The supervisor is about to be restarted, and that waits for the actor that starts the child.
    SupervisorAwaitsCaller {
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
            Self::Stopped { name } => {
                write!(f, "`{name}` cannot start: it was stopped before it was started")
            }
            Self::SupervisorStopped { name } => {
                write!(f, "`{name}` cannot start: its supervisor is stopping")
            }
            Self::SupervisorQuarantined { name } => {
                write!(f, "`{name}` cannot start: its supervisor is quarantined; resume that first")
            }
            Self::SupervisorNotStarted { name } => {
                write!(f, "`{name}` cannot start: its supervisor is only prepared; start that first")
            }
            Self::SupervisorAwaitsCaller { name } => write!(
                f,
                "`{name}` cannot start: the restart of its supervisor waits for the actor that starts it; \
                 return from the handler first"
            ),
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
