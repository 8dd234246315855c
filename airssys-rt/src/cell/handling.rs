//! The account of the message that an actor is handling.

use std::sync::atomic::Ordering;

use super::Cell;
use crate::events::DeadLetterCause;

/// Counts a message as failed, unless it is declared handled before this is dropped. So a handler
/// that is aborted counts as failed too.
pub(crate) struct Handling<'a, M> {
    cell: &'a Cell<M>,
}

impl<'a, M> Handling<'a, M> {
    pub(crate) fn new(cell: &'a Cell<M>) -> Self {
        Self { cell }
    }

    /// The message has been handled, and so have as many `more` that were taken with it.
    pub(crate) fn done(self, more: u8) {
        self.cell.counters.add_handled(1 + u64::from(more));
        std::mem::forget(self);
    }

    /// Handling failed on one message. The actor keeps those of the others that it did not get to.
    pub(crate) fn failed(self, more: u8) {
        self.cell.counters.add_handled(more.into());
    }

    /// Handling panicked: all messages that were taken are lost.
    pub(crate) fn panicked(self, more: u8) {
        if more > 0 {
            self.cell.counters.failed.fetch_add(more.into(), Ordering::Relaxed);
            self.cell.tell_lost(more.into(), DeadLetterCause::HandlerFailed);
        }
    }
}

impl<M> Drop for Handling<'_, M> {
    fn drop(&mut self) {
        self.cell.counters.failed.fetch_add(1, Ordering::Relaxed);
        self.cell.tell_lost(1, DeadLetterCause::HandlerFailed);
    }
}
