//! What one incarnation of an instance leaves to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::in_flight::InFlight;
use crate::message::Envelope;

/// What one incarnation leaves to the next. Held by whatever makes the incarnations, so it ends
/// with that if there is no next one: then a message that is left goes to the dead letters.
#[derive(Clone, Default)]
pub(crate) struct Recovery(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    /// Counts as under way from a failure until the next incarnation has started.
    failure: Option<InFlight>,
    again: Option<Again>,
}

/// A message that is to be handled again.
struct Again {
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

    /// Keeps a message until it is handled again. There is no other: one at a time is handled, and
    /// that one goes before the rest.
    pub(crate) fn keep(&self, envelope: Envelope, due: Instant) {
        self.lock().again = Some(Again { envelope, due });
    }

    /// When the message that is kept is to be handled, if there is one.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.lock().again.as_ref().map(|again| again.due)
    }

    /// Takes the message that is kept.
    pub(crate) fn take(&self) -> Option<Envelope> {
        self.lock().again.take().map(|again| again.envelope)
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
