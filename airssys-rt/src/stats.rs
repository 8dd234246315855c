//! The state and the stats of an actor.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The stage of an actor's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActorState {
    /// It is registered, and its first incarnation has not started yet.
    Starting,
    /// It handles messages.
    Running,
    /// An incarnation has ended, and the next has not started yet.
    Restarting,
    /// It was restarted too often, and waits until it is [resumed](crate::ActorRef::resume).
    Quarantined,
    /// An incarnation is ending: its last hooks run.
    Stopping,
    /// It has ended for good.
    Stopped,
}

impl ActorState {
    /// The state that has this number as `u8`.
    pub(crate) fn from_u8(number: u8) -> Self {
        [Self::Starting, Self::Running, Self::Restarting, Self::Quarantined, Self::Stopping]
            .into_iter()
            .find(|state| *state as u8 == number)
            .unwrap_or(Self::Stopped)
    }
}

/// The stats of an actor, over all of its incarnations.
///
/// `accepted` is the sum of `handled`, `failed`, `overflowed`, `dropped` and `depth`, and of the
/// message that is being handled, if there is one. The counters are read one after another: those of
/// a busy actor may miss messages that it handles meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActorStats {
    /// Messages taken from their senders.
    pub accepted: u64,
    /// Messages handed back to their senders because the mailbox was full.
    pub rejected: u64,
    /// Sends that had to wait for room.
    pub waited: u64,
    /// Messages dropped because the mailbox was full: [`Overflow::DropOldest`](crate::Overflow) or
    /// `DropNewest`.
    pub overflowed: u64,
    /// Messages whose handler returned without an error.
    pub handled: u64,
    /// Messages whose handler failed, panicked or was aborted.
    pub failed: u64,
    /// Incarnations after the first.
    pub restarts: u64,
    /// Messages left in the mailbox when the actor ended for good.
    pub dropped: u64,
    /// Messages in the mailbox now.
    pub depth: usize,
    /// The most messages that were in the mailbox at once. Messages that the actor has handled since
    /// it last fetched a batch may be included.
    pub high_water: usize,
    /// Messages of its own timers and streams that it has handled; `accepted` does not include them.
    pub ticks: u64,
    /// Time spent in the handler, waits in it included. Handlers that wait are timed each, others
    /// by the wake-up; one wake-up for a single message in eight is timed, and stands for all.
    pub busy: Duration,
    /// The stage of its life.
    pub state: ActorState,
}
