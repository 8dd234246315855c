//! The messages that one incarnation of an instance leaves to the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::observe::in_flight::InFlight;
use crate::routing::envelope::Envelope;
use crate::sync::lock;

/// The messages that one incarnation leaves to the next.
///
/// The factory of incarnations holds it. After the last incarnation it is dropped with the factory,
/// and its messages go to the dead letters.
#[derive(Clone, Default)]
pub(crate) struct Recovery(Arc<Mutex<RecoveryState>>);

#[derive(Default)]
struct RecoveryState {
    /// A failure, in flight until the next incarnation has started.
    failure: Option<InFlight>,
    /// In the order in which the messages are redelivered.
    redeliveries: VecDeque<Redelivery>,
}

/// A message that is handled again, or that was taken from the mailbox and not begun.
struct Redelivery {
    envelope: Envelope,
    due: Instant,
}

impl Recovery {
    /// Records a failure, which is in flight until [`Recovery::started`].
    pub(crate) fn failed(&self, in_flight: InFlight) {
        lock(&self.0).failure = Some(in_flight);
    }

    /// Records that the next incarnation has started.
    pub(crate) fn started(&self) {
        lock(&self.0).failure = None;
    }

    /// Adds the message that was being handled, before all others.
    pub(crate) fn keep_first(&self, envelope: Envelope, due: Instant) {
        lock(&self.0).redeliveries.push_front(Redelivery { envelope, due });
    }

    /// Adds messages that were not begun, behind all others.
    pub(crate) fn keep_last(&self, messages: Vec<Envelope>) {
        if messages.is_empty() {
            return;
        }
        let due = Instant::now();
        let redeliveries = messages.into_iter().map(|envelope| Redelivery { envelope, due });
        lock(&self.0).redeliveries.extend(redeliveries);
    }

    /// Returns the time at which the next message is due, or `None` without a message.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        lock(&self.0).redeliveries.front().map(|next| next.due)
    }

    /// Returns true if a handler has had the next message before.
    pub(crate) fn next_was_attempted(&self) -> bool {
        lock(&self.0).redeliveries.front().is_some_and(|next| next.envelope.attempts() > 0)
    }

    /// Takes the next message.
    pub(crate) fn take_next(&self) -> Option<Envelope> {
        lock(&self.0).redeliveries.pop_front().map(|next| next.envelope)
    }
}
