//! References to actors, and what messages carry to answer through.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use airssys_core::{ExitReason, Overflow};
use tokio::time::Instant;

use crate::cell::Cell;
use crate::errors::{RequestError, ReserveError, SendError, SendWithError, TrySendError};
use crate::mailbox::StopRequest;
use crate::request::{ReplyTo, Unanswered, slot};
use crate::stats::ActorStats;

/// A reference to an actor: the way to send to it.
///
/// Cheap to clone. Valid across restarts: the mailbox belongs to the actor, not to an incarnation.
/// Messages of one sender are handled in the order in which they were sent.
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

    /// The actor's number: unique in its system for as long as that lives, also among those that
    /// have ended.
    pub fn id(&self) -> u64 {
        self.cell.id()
    }

    /// What the mailbox does when it is full.
    pub fn overflow(&self) -> Overflow {
        self.cell.mailbox.overflow()
    }

    /// How many messages are in the mailbox now.
    pub fn depth(&self) -> usize {
        self.cell.mailbox.stats().depth
    }

    /// How many messages the actor has accepted and not handled yet: those in the mailbox, and the
    /// one that it is handling, if there is one.
    pub fn load(&self) -> u64 {
        self.cell.load()
    }

    /// The most messages that the mailbox takes.
    pub fn capacity(&self) -> usize {
        self.cell.mailbox.capacity()
    }

    /// Puts a message into the mailbox; waits for room if the mailbox's policy is
    /// [`Overflow::Wait`]. Those who wait are served in their order.
    ///
    /// An actor that sends to itself in this way may wait for ever: it should use
    /// [`try_send`](Self::try_send).
    ///
    /// Cancel safety: if dropped before it resolves, the message is dropped and not delivered.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.cell.send(message).await
    }

    /// Puts a message into the mailbox if there is room now.
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.cell.try_send(message)
    }

    /// Makes a message and puts it into the mailbox if there is room now. Made only then, so what
    /// a message costs is paid for one that is taken.
    ///
    /// Does not wake the actor: true says that it sleeps, and is to be woken with
    /// [`wake`](Self::wake). Whoever sends many messages in a row wakes it once. Others who send, and
    /// what overtakes messages, wake it as always.
    ///
    /// `make` runs while the mailbox is locked: it is to be short, and must not use this actor.
    ///
    /// # Errors
    /// [`SendWithError`]: full (then `make` has not run), closed, or what `make` says.
    pub fn try_send_with<E>(&self, make: impl FnOnce() -> Result<M, E>) -> Result<bool, SendWithError<E>> {
        self.cell.try_send_with(make)
    }

    /// Has the actor look into its mailbox if it sleeps.
    pub fn wake(&self) {
        self.cell.mailbox.wake();
    }

    /// Reserves room for one message if there is some now.
    pub fn try_reserve(&self) -> Result<Permit<M>, ReserveError> {
        self.cell.try_reserve()?;
        Ok(Permit { cell: Some(self.cell.clone()) })
    }

    /// Reserves room for one message; waits for it if the mailbox's policy is [`Overflow::Wait`], in
    /// turn with those in [`send`](Self::send).
    ///
    /// Cancel safety: if dropped before it resolves, nothing is reserved.
    pub async fn reserve(&self) -> Result<Permit<M>, ReserveError> {
        if self.overflow() != Overflow::Wait {
            return self.try_reserve();
        }
        match self.cell.slot().await {
            true => Ok(Permit { cell: Some(self.cell.clone()) }),
            false => Err(ReserveError::Closed),
        }
    }

    /// Waits until there is room in the mailbox, or until it has closed.
    ///
    /// The room is not reserved: try to send, and wait again if another was faster. Those who
    /// wait take turns with those in [`send`](Self::send), in one order.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn room(&self) {
        self.cell.mailbox.room().await;
    }

    /// Sends a message that carries a [`ReplyTo`], and waits for the reply.
    ///
    /// `timeout` covers all of it, the wait for room included. A message that is dropped without
    /// a reply, because the actor failed on it, has ended or does not answer, is known at once.
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
        timeout: Duration,
    ) -> Result<R, RequestError<M>> {
        let (reply_to, mut reply) = poll_fn(|task| Poll::Ready(slot(task.waker()))).await;
        let (message, cell) = (message(reply_to), &self.cell);
        let mut left = timeout;
        match cell.send_now(message) {
            Ok(()) => {}
            Err(TrySendError::Closed(message)) => return Err(RequestError::Closed(message)),
            Err(TrySendError::Full(message)) if cell.mailbox.overflow() != Overflow::Wait => {
                return Err(RequestError::Full(message));
            }
            Err(TrySendError::Full(message)) => {
                let deadline = Instant::now().checked_add(timeout);
                let sent = tokio::time::timeout(timeout, cell.mailbox.send_waiting(message)).await;
                sent.map_err(|_| RequestError::TimedOut)??;
                reply.moved();
                left = deadline.map_or(timeout, |deadline| deadline - Instant::now());
            }
        }
        cell.services().deadlines.add(left, reply.expires());
        reply.await.map_err(|unanswered| match unanswered {
            Unanswered::Dropped => RequestError::NoReply,
            Unanswered::TimedOut => RequestError::TimedOut,
        })
    }

    /// Has the actor's [`on_signal`](crate::Actor::on_signal) called, ahead of the mailbox.
    ///
    /// Signals are not counted: many of them before the actor gets to it are one call.
    pub fn signal(&self) {
        self.cell.mailbox.signal();
    }

    /// Asks the actor to stop normally, once the handler that is running now has returned.
    ///
    /// What is in the mailbox is not handled before that. A permanent actor is restarted; of any
    /// other, the mailbox is dropped. If the actor is being restarted, the next incarnation obeys
    /// before it handles a message.
    pub fn stop(&self) {
        self.cell.mailbox.request_stop(StopRequest::Asked);
    }

    /// Ends the actor for good: as [`stop`](Self::stop), and whatever its restart policy, it is not
    /// restarted. [`closed`](Self::closed) tells when it has ended.
    pub fn terminate(&self) {
        self.cell.mailbox.request_stop(StopRequest::Shutdown);
    }

    /// Has the actor handle what is in its mailbox, and then end for good. From now on the mailbox
    /// takes no more: [`is_closed`](Self::is_closed) is true.
    ///
    /// What follows a failure meanwhile is up to the supervisor, as always: the next incarnation
    /// goes on draining.
    pub fn drain(&self) {
        self.cell.mailbox.drain();
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
    /// what follows. While the actor waits for a restart, this counts as one more failure; before
    /// its start and after its end for good, it does nothing.
    pub fn kill(&self) {
        self.cell.kill();
    }

    /// Waits until the actor has ended for good: it will not be restarted, its mailbox is closed
    /// and its name is free. Resolves at once if that is so already.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn closed(&self) -> ExitReason {
        self.cell.exit().await
    }

    /// Whether the mailbox takes no more messages: the actor has ended for good, or is
    /// [draining](Self::drain).
    pub fn is_closed(&self) -> bool {
        self.cell.mailbox.is_closed()
    }

    /// The actor's figures now.
    pub fn stats(&self) -> ActorStats {
        self.cell.stats()
    }
}

impl<M> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<M> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({:?}, {})", self.name(), self.id())
    }
}

/// A reference to an actor that does not keep its mailbox in memory once it has ended.
///
/// No reference keeps an actor alive: its supervisor does. So this is for caches and registries
/// that outlive actors.
pub struct WeakActorRef<M> {
    cell: Weak<Cell<M>>,
}

impl<M> WeakActorRef<M> {
    /// The reference, unless the actor has ended for good.
    pub fn upgrade(&self) -> Option<ActorRef<M>> {
        self.cell.upgrade().map(ActorRef::new).filter(|actor| !actor.is_closed())
    }
}

impl<M> Clone for WeakActorRef<M> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<M> fmt::Debug for WeakActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakActorRef")
    }
}

/// Room for one message in a mailbox: held until it is used or dropped.
#[must_use = "dropped, the room is given back"]
pub struct Permit<M> {
    cell: Option<Arc<Cell<M>>>,
}

impl<M> Permit<M> {
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
