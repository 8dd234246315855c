//! Handles of actors, without their message type.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use airssys_core::{ExitReason, Identity, Overflow};
use tokio::sync::Notify;

use crate::actor_ref::ActorRef;
use crate::cell::Cell;
use crate::stats::ActorStats;

/// A handle of an actor that does not know its message type: it looks at the actor, signals it and
/// ends it, and cannot send to it.
///
/// Made by [`ActorRef::handle`]. Cheap to clone, and valid across restarts. Handles of actors with
/// different message types fit into one list. Two handles are equal if they are of one actor.
///
/// ```
/// use airssys_rt::{ActorHandle, ActorRef};
///
/// enum Order { Place(u32) }
/// enum Invoice { Send }
///
/// fn busiest(orders: &ActorRef<Order>, invoices: &ActorRef<Invoice>) -> Option<ActorHandle> {
///     [orders.handle(), invoices.handle()].into_iter().max_by_key(ActorHandle::load)
/// }
/// ```
#[derive(Clone)]
pub struct ActorHandle {
    actor: Arc<dyn AnyActor>,
}

/// The parts of a [`Cell`] that do not depend on the type of its messages.
trait AnyActor: Send + Sync {
    fn identity(&self) -> Identity;
    fn name(&self) -> &str;
    fn id(&self) -> u64;
    fn overflow(&self) -> Overflow;
    fn depth(&self) -> usize;
    fn load(&self) -> u64;
    fn capacity(&self) -> usize;
    fn stats(&self) -> ActorStats;
    fn is_closed(&self) -> bool;
    fn signal(&self);
    fn wake(&self);
    fn stop(&self);
    fn restart(&self);
    fn drain(&self);
    fn kill(&self);
    fn resume(&self) -> bool;
    fn reason(&self) -> Option<ExitReason>;
    fn ended(&self) -> &Notify;
}

impl<M: Send + 'static> AnyActor for Cell<M> {
    fn identity(&self) -> Identity {
        self.identity()
    }

    fn name(&self) -> &str {
        self.name()
    }

    fn id(&self) -> u64 {
        self.id()
    }

    fn overflow(&self) -> Overflow {
        self.mailbox.overflow()
    }

    fn depth(&self) -> usize {
        self.mailbox.stats().depth
    }

    fn load(&self) -> u64 {
        self.load()
    }

    fn capacity(&self) -> usize {
        self.mailbox.capacity()
    }

    fn stats(&self) -> ActorStats {
        self.stats()
    }

    fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    fn signal(&self) {
        self.mailbox.signal();
    }

    fn wake(&self) {
        self.mailbox.wake();
    }

    fn stop(&self) {
        self.stop_for_good();
    }

    fn restart(&self) {
        self.restart();
    }

    fn drain(&self) {
        self.drain();
    }

    fn kill(&self) {
        self.kill();
    }

    fn resume(&self) -> bool {
        self.resume()
    }

    fn reason(&self) -> Option<ExitReason> {
        self.reason()
    }

    fn ended(&self) -> &Notify {
        self.ended()
    }
}

impl ActorHandle {
    /// The actor's name and number.
    pub fn identity(&self) -> Identity {
        self.actor.identity()
    }

    /// The actor's name; empty if it has none.
    pub fn name(&self) -> &str {
        self.actor.name()
    }

    /// The actor's number, as [`ActorRef::id`].
    pub fn id(&self) -> u64 {
        self.actor.id()
    }

    /// The policy of the mailbox when it is full.
    pub fn overflow(&self) -> Overflow {
        self.actor.overflow()
    }

    /// The number of messages in the mailbox now.
    pub fn depth(&self) -> usize {
        self.actor.depth()
    }

    /// The number of messages that the actor has accepted and not handled yet, as
    /// [`ActorRef::load`].
    pub fn load(&self) -> u64 {
        self.actor.load()
    }

    /// The most messages that the mailbox takes.
    pub fn capacity(&self) -> usize {
        self.actor.capacity()
    }

    /// The actor's stats now.
    pub fn stats(&self) -> ActorStats {
        self.actor.stats()
    }

    /// Returns true if the mailbox takes no more messages, as [`ActorRef::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.actor.is_closed()
    }

    /// Signals the actor, as [`ActorRef::signal`].
    pub fn signal(&self) {
        self.actor.signal();
    }

    /// Wakes the actor if it sleeps, as [`ActorRef::wake`].
    pub fn wake(&self) {
        self.actor.wake();
    }

    /// Ends the actor for good, as [`ActorRef::stop`].
    pub fn stop(&self) {
        self.actor.stop();
    }

    /// Restarts the actor, as [`ActorRef::restart`].
    pub fn restart(&self) {
        self.actor.restart();
    }

    /// Ends the actor for good after the messages in its mailbox, as [`ActorRef::drain`].
    pub fn drain(&self) {
        self.actor.drain();
    }

    /// Aborts the incarnation, as [`ActorRef::kill`].
    pub fn kill(&self) {
        self.actor.kill();
    }

    /// Starts a quarantined actor again, as [`ActorRef::resume`].
    pub fn resume(&self) -> bool {
        self.actor.resume()
    }

    /// Waits until the actor has ended for good, as [`ActorRef::closed`].
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn closed(&self) -> ExitReason {
        loop {
            let ended = self.actor.ended().notified();
            if let Some(reason) = self.actor.reason() {
                return reason;
            }
            ended.await;
        }
    }
}

impl PartialEq for ActorHandle {
    fn eq(&self, other: &Self) -> bool {
        // Numbers are unique in one system only, and cells everywhere.
        Arc::as_ptr(&self.actor).addr() == Arc::as_ptr(&other.actor).addr()
    }
}

impl Eq for ActorHandle {}

impl Hash for ActorHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.actor).addr().hash(state);
    }
}

impl fmt::Debug for ActorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorHandle({:?}, {})", self.name(), self.id())
    }
}

impl<M: Send + 'static> ActorRef<M> {
    /// A handle of the actor that does not know its message type.
    pub fn handle(&self) -> ActorHandle {
        ActorHandle { actor: self.cell().clone() }
    }
}

impl<M: Send + 'static> From<&ActorRef<M>> for ActorHandle {
    fn from(actor: &ActorRef<M>) -> Self {
        actor.handle()
    }
}
