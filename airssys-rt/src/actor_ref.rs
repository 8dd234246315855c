//! References to actors.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use airssys_core::{ExitReason, Overflow};

use crate::blocking::{blocking_request, blocking_send};
use crate::cell::Cell;
use crate::errors::{
    BlockingRequestError, BlockingSendError, RequestError, ReserveError, SendError, SendWithError,
};
use crate::request::{ReplyTo, slot_within};
use crate::stats::ActorStats;

/// A reference to an actor, which sends messages to it.
///
/// Cheap to clone. Valid across restarts: the mailbox belongs to the actor, not to an incarnation.
/// Messages of one sender are handled in the order in which they were sent. Two references are equal
/// if they are of one actor, so it can be the key of a map (Clippy's `mutable_key_type` suspects
/// otherwise, and does not suspect [`ActorHandle`](crate::ActorHandle)). It keeps neither the actor nor
/// its [system](crate::ActorSystem) alive.
pub struct ActorRef<M> {
    cell: Arc<Cell<M>>,
}

impl<M> ActorRef<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        Self { cell }
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        self.cell.name()
    }

    /// The actor's number: unique in its system for as long as that lives. It is not used again.
    pub fn id(&self) -> u64 {
        self.cell.id()
    }

    /// The policy of the mailbox when it is full.
    pub fn overflow(&self) -> Overflow {
        self.cell.mailbox.overflow()
    }

    /// The number of messages in the mailbox now.
    pub fn depth(&self) -> usize {
        self.cell.mailbox.stats().depth
    }

    /// The number of messages that the actor has accepted and not handled yet: those in the mailbox,
    /// and the one that it is handling, if there is one.
    pub fn load(&self) -> u64 {
        self.cell.load()
    }

    /// The most messages that the mailbox takes.
    pub fn capacity(&self) -> usize {
        self.cell.mailbox.capacity()
    }

    /// Puts a message into the mailbox; waits for room if the mailbox's policy is
    /// [`Overflow::Wait`]. Waiting senders are served in their order.
    ///
    /// An actor that sends to itself in this way may wait for ever: use [`try_send`](Self::try_send)
    /// there.
    ///
    /// Cancel safety: if dropped before it resolves, the message is dropped and not delivered.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.cell.send(message).await
    }

    /// As [`send`](Self::send), and blocks the thread while it waits. For threads that run no tasks:
    /// those of `std::thread` and of `spawn_blocking`.
    ///
    /// # Errors
    /// [`BlockingSendError`]: as `send`, and `InTask` on a thread that runs tasks, even if there is
    /// room. Inside `tokio::task::unconstrained`, such a thread is not noticed.
    pub fn blocking_send(&self, message: M) -> Result<(), BlockingSendError<M>> {
        blocking_send(message, |message| self.send(message))
    }

    /// Puts a message into the mailbox if there is room now.
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.cell.try_send(message)
    }

    /// Makes a message and puts it into the mailbox if there is room now. Calls `make` only if the
    /// message will be taken.
    ///
    /// Does not wake the actor: returns true if it sleeps, and has to be woken with
    /// [`wake`](Self::wake). So a sender of many messages wakes it once. Other senders, and everything
    /// that overtakes messages, wake it as always.
    ///
    /// `make` runs while the mailbox is locked, so it has to be short and must not use this actor.
    ///
    /// # Errors
    /// [`SendWithError`]: full (then `make` has not run), closed, or the error of `make`.
    pub fn try_send_with<E>(&self, make: impl FnOnce() -> Result<M, E>) -> Result<bool, SendWithError<E>> {
        self.cell.try_send_with(make)
    }

    /// As [`try_send_with`](Self::try_send_with), but takes a free place only. No message is dropped,
    /// whatever the mailbox's policy, and a full mailbox is not counted.
    ///
    /// # Errors
    /// [`SendWithError`]: full (then `make` has not run), closed, or the error of `make`.
    pub fn try_send_if_room<E>(&self, make: impl FnOnce() -> Result<M, E>) -> Result<bool, SendWithError<E>> {
        self.cell.mailbox.send_if_room(make)
    }

    /// Wakes the actor if it sleeps.
    pub fn wake(&self) {
        self.cell.mailbox.wake();
    }

    /// Reserves room for one message, if there is room now.
    pub fn try_reserve(&self) -> Result<Permit<M>, ReserveError> {
        self.cell.try_reserve()?;
        Ok(Permit::of_reserved(&self.cell))
    }

    /// Reserves room for one message; waits for it if the mailbox's policy is [`Overflow::Wait`], in
    /// one order with the waiters in [`send`](Self::send).
    ///
    /// Cancel safety: if dropped before it resolves, nothing is reserved.
    pub async fn reserve(&self) -> Result<Permit<M>, ReserveError> {
        if self.overflow() != Overflow::Wait {
            return self.try_reserve();
        }
        match self.cell.slot().await {
            true => Ok(Permit::of_reserved(&self.cell)),
            false => Err(ReserveError::Closed),
        }
    }

    /// Waits until there is room in the mailbox, or until it has closed.
    ///
    /// The room is not reserved: try to send, and wait again if another was faster. Waiters are served
    /// in one order with those in [`send`](Self::send).
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn room(&self) {
        self.cell.mailbox.room().await;
    }

    /// Sends a message that carries a [`ReplyTo`], and waits for the reply.
    ///
    /// `timeout` covers all of it, the wait for room included; `None` waits without a limit. If the
    /// message is dropped without a reply, because the actor failed on it or has ended, the error comes
    /// at once. It needs no runtime, so any executor can poll it.
    ///
    /// Cancel safety: if dropped before the message is in the mailbox, it is not delivered; after
    /// that it is handled and the reply is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use airssys_rt::{ActorRef, ReplyTo, RequestError};
    ///
    /// enum Counter {
    ///     Add(u64),
    ///     Read(ReplyTo<u64>),
    /// }
    ///
    /// async fn read(counter: &ActorRef<Counter>) -> Result<u64, RequestError<Counter>> {
    ///     counter.request(Counter::Read, Duration::from_secs(1)).await
    /// }
    /// ```
    pub async fn request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, RequestError<M>> {
        let cell = &self.cell;
        let (reply_to, mut reply) = slot_within(timeout.into(), &cell.services().deadlines).await;
        let message = message(reply_to);
        let full = match cell.send_now(message) {
            Ok(()) => None,
            Err(SendError::Full(message)) if cell.mailbox.overflow() == Overflow::Wait => Some(message),
            Err(refused) => return Err(refused.into()),
        };
        if let Some(message) = full {
            match reply.while_sending(cell.mailbox.send_waiting(message)).await {
                Ok(sent) => sent?,
                Err(ended) => return Ok(ended?),
            }
        }
        Ok(reply.await?)
    }

    /// As [`request`](Self::request), and blocks the thread while it waits. For threads that run no
    /// tasks: those of `std::thread` and of `spawn_blocking`.
    ///
    /// # Errors
    /// [`BlockingRequestError`]: as `request`, and `InTask` on a thread that runs tasks. Inside
    /// `tokio::task::unconstrained`, such a thread is not noticed.
    pub fn blocking_request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, BlockingRequestError<M>> {
        blocking_request(self.request(message, timeout))
    }

    /// Calls the actor's [`on_signal`](crate::Actor::on_signal), ahead of the mailbox.
    ///
    /// Signals are not counted: many of them before the call are one call.
    pub fn signal(&self) {
        self.cell.mailbox.signal();
    }

    /// Ends the actor for good, once the running handler has returned. It is not restarted, whatever
    /// its policy, and [`closed`](Self::closed) resolves when it has ended.
    ///
    /// The messages in the mailbox are not handled first, and become dead letters:
    /// [`drain`](Self::drain) handles them. To have the next incarnation handle them, call
    /// [`restart`](Self::restart).
    pub fn stop(&self) {
        self.cell.stop_for_good();
    }

    /// Restarts the actor: this incarnation ends once the running handler has returned, with
    /// [`ExitReason::Restart`], and the next starts at once and goes on with the mailbox.
    ///
    /// This is not a failure: it counts towards no limit, and other children are not restarted with
    /// it. A [temporary](crate::RestartPolicy::Temporary) actor ends for good, because it runs once. A
    /// quarantined actor is [resumed](Self::resume). Does nothing to an actor that waits for its
    /// restart, or has not been started.
    ///
    /// Called while the incarnation starts, as in [`on_start`](crate::Actor::on_start), it counts and
    /// delays the next start like a failure: an actor that restarts itself in every start reaches its
    /// limit.
    pub fn restart(&self) {
        self.cell.restart();
    }

    /// Ends the actor for good once it has handled the messages in its mailbox. The mailbox takes no
    /// more messages: [`is_closed`](Self::is_closed) returns true from now on.
    ///
    /// If the actor fails meanwhile, the supervisor decides as always, and the next incarnation goes
    /// on draining. A [quarantined](crate::OnLimit::Quarantine) actor ends at once, and its messages become
    /// dead letters.
    pub fn drain(&self) {
        self.cell.drain();
    }

    /// A reference that does not keep the actor's mailbox in memory.
    pub fn downgrade(&self) -> WeakActorRef<M> {
        WeakActorRef { cell: Arc::downgrade(&self.cell) }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<M>> {
        &self.cell
    }

    /// Aborts the incarnation: its handler or hook is cut off where it next waits, and its last
    /// hooks do not run. It has then ended with [`ExitReason::Killed`], and the supervisor decides
    /// about a restart. While the actor waits for a restart, this counts as one more failure. Before
    /// its start and after its end for good, it does nothing.
    pub fn kill(&self) {
        self.cell.kill();
    }

    /// Starts the actor again if it is [quarantined](crate::OnLimit::Quarantine), because it was
    /// restarted too often: the next incarnation goes on with the mailbox, and earlier restarts no
    /// longer count. Returns false if it is not quarantined, or if its supervisor is not running.
    pub fn resume(&self) -> bool {
        self.cell.resume()
    }

    /// Waits until the actor has ended for good: it will not be restarted, its mailbox is closed
    /// and its name is free. Resolves at once if it has ended already.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn closed(&self) -> ExitReason {
        self.cell.exit().await
    }

    /// Returns true if the mailbox takes no more messages, because the actor has ended for good or is
    /// [draining](Self::drain).
    pub fn is_closed(&self) -> bool {
        self.cell.mailbox.is_closed()
    }

    /// The actor's stats now.
    pub fn stats(&self) -> ActorStats {
        self.cell.stats()
    }
}

impl<M> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<M> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        // Numbers are unique in one system only, and cells everywhere.
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

impl<M> Eq for ActorRef<M> {}

impl<M> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.cell).hash(state);
    }
}

impl<M> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({:?}, {})", self.name(), self.id())
    }
}

/// A reference to an actor that does not keep its mailbox in memory once it has ended.
///
/// For caches and registries that outlive actors. The actor itself is kept alive by its supervisor,
/// and by no reference.
pub struct WeakActorRef<M> {
    cell: Weak<Cell<M>>,
}

impl<M> WeakActorRef<M> {
    /// The reference; `None` if the actor has ended for good.
    pub fn upgrade(&self) -> Option<ActorRef<M>> {
        self.cell.upgrade().map(ActorRef::new).filter(|actor| !actor.is_closed())
    }
}

impl<M> Clone for WeakActorRef<M> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<M> PartialEq for WeakActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.cell.ptr_eq(&other.cell)
    }
}

impl<M> Eq for WeakActorRef<M> {}

impl<M> Hash for WeakActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cell.as_ptr().hash(state);
    }
}

impl<M> fmt::Debug for WeakActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakActorRef")
    }
}

/// Room for one message in a mailbox, reserved until it is used or dropped.
#[must_use = "dropped, the room is given back"]
pub struct Permit<M> {
    cell: Option<Arc<Cell<M>>>,
}

impl<M> Permit<M> {
    /// The permit of room that has been reserved.
    pub(crate) fn of_reserved(cell: &Arc<Cell<M>>) -> Self {
        Self { cell: Some(cell.clone()) }
    }

    /// Puts a message into the room; hands it back if the actor has ended for good since.
    pub fn send(mut self, message: M) -> Result<(), M> {
        match self.cell.take() {
            Some(cell) => cell.mailbox.fill(message),
            None => Err(message),
        }
    }
}

impl<M> Drop for Permit<M> {
    fn drop(&mut self) {
        if let Some(cell) = &self.cell {
            cell.mailbox.release();
        }
    }
}

impl<M> fmt::Debug for Permit<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
