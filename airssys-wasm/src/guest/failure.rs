//! The failures of instances.

use std::time::Duration;

use crate::contract::BoundedText;
use crate::observe::dead_letters::DeadLetterReason;

/// The failure of an instance. A failed instance is never called again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestFailure {
    /// The guest panicked.
    #[error("panicked: {message}")]
    Panicked {
        /// The message that its panic handler reported.
        message: BoundedText,
    },
    /// The guest trapped.
    #[error("trapped: {trap}")]
    Trapped {
        /// The kind of trap.
        trap: BoundedText,
    },
    /// The guest exceeded its execution time on one message.
    #[error("ran longer than its limit of {} ms (execution_time)", limit.as_millis())]
    OutOfTime {
        /// The limit on its execution time, which does not include waiting.
        limit: Duration,
    },
    /// A start, or a look at the guest's health, took too long.
    #[error(
        "did not answer in time: {call} took longer than {} ms (start_timeout), and waited for {awaited}",
        limit.as_millis()
    )]
    TimedOut {
        /// The call that did not return.
        call: &'static str,
        /// The limit on the time of the call, waits included.
        limit: Duration,
        /// The things that the guest can wait for.
        awaited: String,
    },
    /// A start, or a look at the guest's health, still ran when its time was over.
    #[error("did not answer in time: {call} took longer than {} ms (start_timeout), and still ran", limit.as_millis())]
    StillRan {
        /// The call that did not return.
        call: &'static str,
        /// The limit on the time of the start, waits included.
        limit: Duration,
    },
    /// The guest failed after it was refused more memory.
    #[error("failed after it was refused {} ({what})", RefusedGrowth(what, *limit_bytes))]
    OutOfMemory {
        /// The key of the limit in the manifest.
        what: &'static str,
        /// The limit, in bytes or in table elements.
        limit_bytes: usize,
    },
    /// The engine's pool has no room for another instance.
    #[error(
        "has no room in the engine's pool: {limit}; raise max_instances, max_memories or max_tables of \
         EngineConfig"
    )]
    NoRoom {
        /// The limit of the pool that is reached.
        limit: BoundedText,
    },
    /// The guest still ran at the end of its app's shutdown.
    #[error("was ended: its app is shutting down")]
    Ended,
    /// The guest reported an impossible number of begun messages of a batch.
    #[error("said that it had begun {begun} of {messages} messages")]
    FalseBatch {
        /// The reported number.
        begun: u32,
        /// The number of messages of the batch.
        messages: u32,
    },
    /// A call from a service took longer than the service allows.
    #[error("took longer than {} ms for a call, waits included", limit.as_millis())]
    EntryTimedOut {
        /// The limit, waits included.
        limit: Duration,
    },
    /// The guest ended itself through WASI.
    #[error("called exit")]
    Exited,
    /// The guest deferred a message without an open request that could resume it.
    #[error("deferred a message and waits for nothing")]
    Abandoned,
    /// The guest refused to start.
    #[error("refused to start: {message}")]
    StartRefused {
        /// The reason that it gave.
        message: BoundedText,
    },
}

impl GuestFailure {
    /// Returns the reason of the dead letter of the message that the instance failed on.
    pub(crate) fn dead_letter_reason(&self) -> DeadLetterReason {
        match self {
            GuestFailure::Abandoned => DeadLetterReason::Abandoned,
            GuestFailure::Ended => DeadLetterReason::Interrupted,
            other => DeadLetterReason::HandlerFailed(BoundedText::of(other)),
        }
    }
}

/// The growth that a limit refused: the key of the limit, and its value.
struct RefusedGrowth<'a>(&'a str, usize);

impl std::fmt::Display for RefusedGrowth<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RefusedGrowth("memory", bytes) => write!(f, "memory beyond its limit of {bytes} bytes"),
            RefusedGrowth(_, elements) => write!(f, "table elements beyond its limit of {elements}"),
        }
    }
}
