//! What one incarnation of an instance leaves to the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::observe::in_flight::InFlight;
use crate::routing::envelope::Envelope;

/// What one incarnation leaves to the next. Held by whatever makes the incarnations, so it ends
/// with that if there is no next one: then the messages that are left go to the dead letters.
#[derive(Clone, Default)]
pub(crate) struct Recovery(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    /// Counts as under way from a failure until the next incarnation has started.
    failure: Option<InFlight>,
    /// In the order in which they are to be handled.
    kept: VecDeque<Kept>,
}

/// A message that is to be handled again, or that was taken from the mailbox and not begun.
struct Kept {
    envelope: Envelope,
    due: Instant,
}

impl Recovery {
    /// Counts a failure as under way.
    pub(crate) fn failed(&self, under_way: InFlight) {
        self.lock().failure = Some(under_way);
    }

    /// The next incarnation has started.
    pub(crate) fn started(&self) {
        self.lock().failure = None;
    }

    /// Keeps the message that was being handled until it is handled again, before all that are kept.
    pub(crate) fn keep(&self, envelope: Envelope, due: Instant) {
        self.lock().kept.push_front(Kept { envelope, due });
    }

    /// Keeps messages that were taken and not begun, behind all that are kept.
    pub(crate) fn keep_behind(&self, messages: Vec<Envelope>) {
        if messages.is_empty() {
            return;
        }
        let due = Instant::now();
        self.lock().kept.extend(messages.into_iter().map(|envelope| Kept { envelope, due }));
    }

    /// When the first message that is kept is to be handled, if there is one.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.lock().kept.front().map(|kept| kept.due)
    }

    /// Whether a handler has had the first message that is kept.
    pub(crate) fn was_tried(&self) -> bool {
        self.lock().kept.front().is_some_and(|kept| kept.envelope.attempts() > 0)
    }

    /// Takes the first message that is kept.
    pub(crate) fn take(&self) -> Option<Envelope> {
        self.lock().kept.pop_front().map(|kept| kept.envelope)
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
