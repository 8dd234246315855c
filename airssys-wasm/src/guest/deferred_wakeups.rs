//! Deferred wake-ups: idle receivers that are woken when the sending guest returns.

use airssys_rt::ActorRef;
use smallvec::SmallVec;

use crate::guest::worker::offer_run_queue;
use crate::routing::envelope::Envelope;

/// The messages that keep a receiver busy for longer than it takes to wake another thread for it.
const MANY_MESSAGES: u32 = 128;

/// The bytes that a receiver handles while the caches still hold them.
const MANY_BYTES: usize = 128 << 10;

/// The most receivers whose wake-ups are deferred at once.
const MAX_DEFERRED: usize = 8;

/// Idle receivers to which a guest has sent messages during the present call.
///
/// A receiver that is woken at once starts no earlier, because it waits in the run queue of the
/// guest's worker. So it is woken when the guest returns, once for many messages. A receiver with
/// many messages is woken earlier and offered to another worker. Messages of other senders wake it
/// as usual.
#[derive(Default)]
pub(crate) struct DeferredWakeups {
    deferred: SmallVec<[DeferredWakeup; 2]>,
    /// The amount that the guest has sent in this call.
    sent: SentAmount,
}

/// An amount of sent messages.
#[derive(Clone, Copy, Default)]
struct SentAmount {
    messages: u32,
    bytes: usize,
}

impl SentAmount {
    /// Adds a message. Returns true if that makes the amount large.
    fn add(&mut self, bytes: usize) -> bool {
        let was_large = self.is_large();
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.is_large() && !was_large
    }

    fn is_large(self) -> bool {
        self.messages >= MANY_MESSAGES || self.bytes >= MANY_BYTES
    }
}

struct DeferredWakeup {
    actor: ActorRef<Envelope>,
    sent: SentAmount,
}

impl DeferredWakeups {
    /// Counts a sent message. After many in one call, the run queue is offered to other workers,
    /// because receivers may wait in it.
    pub(crate) fn count_sent(&mut self, bytes: usize) {
        if self.sent.add(bytes) {
            offer_run_queue();
        }
    }

    /// Defers the wake-up of an idle receiver to which a message of `bytes` bytes was sent.
    pub(crate) fn defer(&mut self, actor: &ActorRef<Envelope>, bytes: usize) {
        let known = self.deferred.iter().rposition(|deferred| deferred.actor.id() == actor.id());
        let index = known.unwrap_or_else(|| {
            if self.deferred.len() == MAX_DEFERRED {
                self.wake_all();
            }
            self.deferred.push(DeferredWakeup { actor: actor.clone(), sent: SentAmount::default() });
            self.deferred.len() - 1
        });
        if self.deferred[index].sent.add(bytes) {
            self.deferred.swap_remove(index).actor.wake();
            offer_run_queue();
        }
    }

    /// Wakes all receivers, and offers the run queue to other workers. Called while the guest goes on
    /// running.
    pub(crate) fn wake_elsewhere(&mut self) {
        self.wake_all();
        offer_run_queue();
    }

    /// Wakes all receivers, because the guest has returned.
    pub(crate) fn guest_returned(&mut self) {
        self.sent = SentAmount::default();
        self.wake_all();
    }

    fn wake_all(&mut self) {
        self.deferred.drain(..).for_each(|deferred| deferred.actor.wake());
    }
}

impl Drop for DeferredWakeups {
    fn drop(&mut self) {
        self.wake_all();
    }
}
