//! The reasons for which actors and supervisors end.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The name and the number of an actor or a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its name; empty if it has none.
    pub name: Arc<str>,
    /// Its number: unique in its system for as long as that lives.
    pub id: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.name {
            "" => write!(f, "#{}", self.id),
            name => f.write_str(name),
        }
    }
}

/// The end of an incarnation of an actor, as a monitor is told of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Down {
    /// The actor.
    pub actor: Identity,
    /// How the incarnation ended.
    pub reason: ExitReason,
    /// True if the actor is restarted, or quarantined until it is resumed; its monitors stay then.
    /// False if it has ended for good.
    pub restarting: bool,
}

impl Down {
    /// The end of an incarnation of `actor`.
    pub fn new(actor: Identity, reason: ExitReason, restarting: bool) -> Self {
        // A linked failure holds the first of its chain, so no reason nests another linked one.
        let reason = match reason {
            ExitReason::Linked(down) => ExitReason::Linked(down.first()),
            reason => reason,
        };
        Self { actor, reason, restarting }
    }

    /// The end that linked actors fail with: this one, or the first of the chain that led to it.
    pub fn first(self: &Arc<Self>) -> Arc<Self> {
        match &self.reason {
            ExitReason::Linked(first) => first.clone(),
            _ => self.clone(),
        }
    }
}

/// Why an incarnation of an actor, or the actor for good, ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ExitReason {
    /// The actor stopped itself.
    Normal,
    /// It was stopped: by the holder of a reference, or by its supervisor. A supervisor also ends like
    /// this with its significant children.
    Shutdown,
    /// `ActorRef::restart` ended it, and another incarnation follows.
    Restart,
    /// A handler or a hook returned this error.
    Error(Arc<dyn Error + Send + Sync>),
    /// A handler or a hook panicked with this message.
    Panic(String),
    /// A linked actor failed. In a chain of links, this is the actor that failed first, and its reason.
    Linked(Arc<Down>),
    /// It was aborted: by `ActorRef::kill`, or because it did not stop within its time. No hook
    /// was called.
    Killed,
    /// It is a supervisor and gave up: a child would have been restarted more often than allowed.
    Escalated(Arc<SupervisorFailure>),
}

impl ExitReason {
    /// Returns true unless the end is [`Normal`](Self::Normal), [`Shutdown`](Self::Shutdown) or
    /// [`Restart`](Self::Restart).
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown | Self::Restart)
    }

    /// The number of failures of supervisors in the chain of reasons.
    fn escalations(&self) -> usize {
        match self {
            Self::Linked(down) => down.reason.escalations(),
            Self::Escalated(failure) => failure.escalations,
            _ => 0,
        }
    }

    /// The first failure of a supervisor in the chain of reasons, or this reason.
    fn first_escalation(&self) -> &Self {
        let (mut first, mut reason) = (self, self);
        loop {
            reason = match reason {
                Self::Linked(down) => &down.reason,
                Self::Escalated(failure) => {
                    first = reason;
                    &failure.reason
                }
                _ => return first,
            }
        }
    }

    /// The error that ended the incarnation, if one did.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Error(error) => Some(&**error),
            Self::Linked(down) => down.reason.source(),
            Self::Escalated(failure) => Some(&**failure),
            _ => None,
        }
    }

    /// Displays everything but the error, for errors that return it from `Error::source`.
    pub fn without_source(&self) -> impl fmt::Display + '_ {
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
            Self::Restart => f.write_str("told to restart"),
            Self::Error(error) => write!(f, "failed: {error}"),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Linked(down) => write!(f, "failed with `{}`, which {}", down.actor, down.reason),
            Self::Killed => f.write_str("killed"),
            Self::Escalated(failure) => write!(f, "gave up: {failure}"),
        }
    }
}

/// A supervisor, or a child alone, gave up: the child would have been restarted more often than
/// allowed.
///
/// [`source`](Error::source) is the error that ended the child, if one did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SupervisorFailure {
    /// The name of the child that ended once too often.
    pub child: String,
    /// How it ended the last time. In a chain of more than 16 supervisors that gave up, the first takes
    /// the place of those between, so that reasons do not nest without a bound.
    pub reason: ExitReason,
    /// The number of restarts before that: of all children, or of this one if each has its own limit.
    pub restarts: u32,
    /// The time over which restarts are counted.
    pub within: Duration,
    /// The number of failures in the chain of reasons, this one included.
    escalations: usize,
}

/// The most failures of supervisors in a chain of reasons.
const MAX_ESCALATIONS: usize = 16;

impl SupervisorFailure {
    /// The failure of a `child` that ended once too often, after `restarts` restarts.
    pub fn new(child: String, reason: ExitReason, restarts: u32, within: Duration) -> Self {
        let reason = match reason.escalations() {
            MAX_ESCALATIONS.. => reason.first_escalation().clone(),
            _ => reason,
        };
        let escalations = reason.escalations() + 1;
        Self { child, reason, restarts, within, escalations }
    }
}

impl fmt::Display for SupervisorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { child, reason, restarts, within, .. } = self;
        write!(f, "`{child}` {} after {restarts} restarts within {within:?}", reason.without_source())
    }
}

impl Error for SupervisorFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}
