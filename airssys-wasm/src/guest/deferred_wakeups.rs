//! Receivers that are to be woken when a guest has sent enough, or has returned.

use airssys_rt::ActorRef;
use smallvec::SmallVec;

use crate::guest::worker::offer_run_queue;
use crate::routing::envelope::Envelope;

/// So many messages keep a receiver busy for longer than it takes to wake another thread for it.
const MANY: u32 = 128;

/// So many bytes are handled while the caches still have them.
const MANY_BYTES: usize = 128 << 10;

/// So many receivers are kept apart.
const MOST: usize = 8;

/// Receivers that slept when a guest sent to them.
///
/// One that is woken at once waits all the same, for the worker on which the guest runs. So it is woken
/// when the guest returns, or for another worker when it has much to do by then: once, for many
/// messages. Whoever else sends to it wakes it as always.
#[derive(Default)]
pub(crate) struct DeferredWakeups {
    all: SmallVec<[Sleeping; 2]>,
    /// What the guest has sent in this call.
    sent: Sent,
}

/// How much was sent.
#[derive(Clone, Copy, Default)]
struct Sent {
    messages: u32,
    bytes: usize,
}

impl Sent {
    /// Counts a message; whether they are much now, and were not before.
    fn add(&mut self, bytes: usize) -> bool {
        let was_much = self.is_much();
        self.messages += 1;
        self.bytes += bytes;
        self.is_much() && !was_much
    }

    fn is_much(self) -> bool {
        self.messages >= MANY || self.bytes >= MANY_BYTES
    }
}

struct Sleeping {
    actor: ActorRef<Envelope>,
    sent: Sent,
}

impl DeferredWakeups {
    /// The guest has sent a message of so many bytes. When it has sent much in one call, others are to
    /// have a worker: the receiver may be in line for this one.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if self.sent.add(bytes) {
            offer_run_queue();
        }
    }

    /// The receiver of a message of so many bytes sleeps.
    pub(crate) fn add(&mut self, actor: &ActorRef<Envelope>, bytes: usize) {
        let known = self.all.iter().rposition(|sleeping| sleeping.actor.id() == actor.id());
        let at = known.unwrap_or_else(|| {
            if self.all.len() == MOST {
                self.wake();
            }
            self.all.push(Sleeping { actor: actor.clone(), sent: Sent::default() });
            self.all.len() - 1
        });
        if self.all[at].sent.add(bytes) {
            self.all.swap_remove(at).actor.wake();
            offer_run_queue();
        }
    }

    /// The guest goes on for long: what is in line is for other workers.
    pub(crate) fn wake_elsewhere(&mut self) {
        self.wake();
        offer_run_queue();
    }

    /// The guest has returned.
    pub(crate) fn returned(&mut self) {
        self.sent = Sent::default();
        self.wake();
    }

    fn wake(&mut self) {
        self.all.drain(..).for_each(|sleeping| sleeping.actor.wake());
    }
}

impl Drop for DeferredWakeups {
    fn drop(&mut self) {
        self.wake();
    }
}
