//! How long an actor is at work.

use tokio::time::Instant;

use super::ActorContext;
use crate::cell::Counters;

/// Of the wake-ups for a single message, one in so many is timed and stands for all: reading the
/// clock twice would take as long as handling a small message.
const ONE_IN: u8 = 8;

/// How many messages and signals an actor handles before its neighbours get a turn.
const BUDGET: u8 = 64;

/// Times the handlers of an incarnation: from one look into the mailbox to the next.
#[derive(Default)]
pub(super) struct Stopwatch {
    since: Option<Instant>,
    /// How many wake-ups this one stands for.
    weight: u8,
    singles: u8,
    /// Messages since the neighbours had a turn.
    spent: u8,
}

impl Stopwatch {
    /// A wake-up begins; `single` if there is one message only.
    #[inline]
    pub(super) fn resume(&mut self, single: bool) {
        self.weight = 1;
        if single {
            self.singles = self.singles.wrapping_add(1);
            if !self.singles.is_multiple_of(ONE_IN) {
                return;
            }
            self.weight = ONE_IN;
        }
        self.since = Some(Instant::now());
    }

    /// A wake-up is over.
    #[inline]
    pub(super) fn pause<M: Send + 'static>(&mut self, context: &ActorContext<M>) {
        self.take(&context.self_ref().cell().counters);
    }

    #[inline]
    fn take(&mut self, counters: &Counters) {
        if let Some(since) = self.since.take() {
            counters.add_busy(since.elapsed() * u32::from(self.weight));
        }
    }

    /// How many messages there are, beside the one that is being handled, before it is time for the
    /// neighbours.
    #[inline]
    pub(super) fn left(&self) -> u8 {
        BUDGET - 1 - self.spent
    }

    /// Counts messages that were handled together with another.
    #[inline]
    pub(super) fn spend(&mut self, messages: u8) {
        self.spent += messages;
    }

    /// Counts a message; true when it is time for the neighbours.
    #[inline]
    pub(super) fn is_their_turn(&mut self) -> bool {
        self.spent += 1;
        let turn = self.spent >= BUDGET;
        if turn {
            self.spent = 0;
        }
        turn
    }

    /// A handler waits: from here on it stands for itself.
    pub(super) fn take_exactly(&mut self, counters: &Counters) {
        self.take(counters);
        self.weight = 1;
        self.since = Some(Instant::now());
    }
}
