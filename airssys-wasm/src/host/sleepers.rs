//! Receivers that are to be woken when a guest has sent enough, or has returned.

use airssys_rt::ActorRef;
use smallvec::SmallVec;

use crate::message::Envelope;
use crate::worker::make_way;

/// So many messages keep a receiver busy for longer than it takes to wake another thread for it.
const MANY: u32 = 64;

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
pub(crate) struct Sleepers {
    all: SmallVec<[Sleeping; 2]>,
}

struct Sleeping {
    actor: ActorRef<Envelope>,
    messages: u32,
    bytes: usize,
}

impl Sleepers {
    /// The guest has sent a message of so many bytes to one that sleeps.
    pub(crate) fn add(&mut self, actor: &ActorRef<Envelope>, bytes: usize) {
        let known = self.all.iter().rposition(|sleeping| sleeping.actor.id() == actor.id());
        let at = known.unwrap_or_else(|| {
            if self.all.len() == MOST {
                self.wake();
            }
            self.all.push(Sleeping { actor: actor.clone(), messages: 0, bytes: 0 });
            self.all.len() - 1
        });
        let sleeping = &mut self.all[at];
        sleeping.messages += 1;
        sleeping.bytes += bytes;
        if sleeping.messages >= MANY || sleeping.bytes >= MANY_BYTES {
            self.all.swap_remove(at).actor.wake();
            make_way();
        }
    }

    /// The guest goes on for long: those that sleep are woken for other workers.
    pub(crate) fn wake_elsewhere(&mut self) {
        if !self.all.is_empty() {
            self.wake();
            make_way();
        }
    }

    /// The guest has returned.
    pub(crate) fn wake(&mut self) {
        self.all.drain(..).for_each(|sleeping| sleeping.actor.wake());
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.wake();
    }
}
