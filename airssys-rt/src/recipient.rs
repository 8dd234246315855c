//! References to actors of any type that take a given message.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use airssys_core::Overflow;

use crate::ask::ask;
use crate::blocking::{blocking_request, blocking_send};
use crate::errors::{BlockingRequestError, BlockingSendError, RequestError, SendError};
use crate::services::Services;
use crate::{ActorRef, DeadLetterCause, Permit, ReplyTo, ReserveError};

/// A reference to any actor that can be sent an `M`, so that references to actors with different
/// message types fit into one list.
///
/// Made by [`ActorRef::recipient`]. Cheap to clone. Messages of one sender are handled in the order
/// in which they were sent. Two recipients are equal if they are of one actor.
///
/// ```
/// use airssys_rt::{ActorRef, Recipient};
///
/// struct Tick;
/// enum Clock { Tick, Set(u32) }
/// enum Blinker { Tick }
///
/// impl From<Tick> for Clock { fn from(_: Tick) -> Self { Self::Tick } }
/// impl From<Tick> for Blinker { fn from(_: Tick) -> Self { Self::Tick } }
///
/// fn tick_all(clock: &ActorRef<Clock>, blinker: &ActorRef<Blinker>) -> usize {
///     let all: Vec<Recipient<Tick>> = vec![clock.recipient(), blinker.recipient()];
///     all.iter().filter(|recipient| recipient.try_send(Tick).is_ok()).count()
/// }
/// ```
pub struct Recipient<M> {
    to: Arc<dyn Receive<M>>,
}

type Sending<'a, M> = Pin<Box<dyn Future<Output = Result<(), SendError<M>>> + Send + 'a>>;

trait Receive<M>: Send + Sync {
    fn name(&self) -> &str;
    fn id(&self) -> u64;
    /// The place of the actor in memory, which tells actors of all systems apart.
    fn address(&self) -> usize;
    fn is_closed(&self) -> bool;
    fn services(&self) -> &Services;
    fn send(&self, message: M) -> Sending<'_, M>;
    fn try_send(&self, message: M) -> Result<(), SendError<M>>;
}

impl<M, N> Receive<M> for ActorRef<N>
where
    M: Send + 'static,
    N: From<M> + Send + 'static,
{
    fn name(&self) -> &str {
        self.name()
    }

    fn id(&self) -> u64 {
        self.id()
    }

    fn address(&self) -> usize {
        Arc::as_ptr(self.cell()).addr()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn services(&self) -> &Services {
        self.cell().services()
    }

    fn send(&self, message: M) -> Sending<'_, M> {
        Box::pin(async move {
            if self.overflow() != Overflow::Wait {
                return Receive::try_send(self, message);
            }
            match self.reserve().await {
                Ok(permit) => self.give(permit, message),
                // A sender that waits is never refused for lack of room.
                Err(_) => return Err(SendError::Closed(message)),
            }
            Ok(())
        })
    }

    fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        // Room is reserved first, because a message that has become an `N` cannot be handed back.
        if self.overflow() == Overflow::DropNewest {
            match self.is_closed() {
                true => return Err(SendError::Closed(message)),
                false => self.drop_refused(self.try_send(message.into()).map_err(SendError::into_message)),
            }
            return Ok(());
        }
        match self.try_reserve() {
            Ok(permit) => self.give(permit, message),
            Err(ReserveError::Full) => return Err(SendError::Full(message)),
            Err(ReserveError::Closed) => return Err(SendError::Closed(message)),
        }
        Ok(())
    }
}

impl<N: Send + 'static> ActorRef<N> {
    /// A reference that sends an `M` to the actor, and does not know its message type.
    pub fn recipient<M: Send + 'static>(&self) -> Recipient<M>
    where
        N: From<M>,
    {
        Recipient { to: Arc::new(self.clone()) }
    }

    fn give<M>(&self, permit: Permit<N>, message: M)
    where
        N: From<M>,
    {
        self.drop_refused(permit.send(message.into()));
    }

    /// Drops a refused message as a dead letter, like those in the mailbox of an actor that ended.
    fn drop_refused(&self, sent: Result<(), N>) {
        if let Err(message) = sent {
            self.cell().lose(message, DeadLetterCause::ActorEnded);
        }
    }
}

impl<M> Recipient<M> {
    /// The actor's name; empty if it has none.
    pub fn name(&self) -> &str {
        self.to.name()
    }

    /// The actor's number, as [`ActorRef::id`].
    pub fn id(&self) -> u64 {
        self.to.id()
    }

    /// Returns true if the actor takes no more messages.
    pub fn is_closed(&self) -> bool {
        self.to.is_closed()
    }

    /// As [`ActorRef::send`].
    ///
    /// Cancel safety: if dropped before it resolves, the message is dropped and not delivered.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.to.send(message).await
    }

    /// As [`ActorRef::try_send`].
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.to.try_send(message)
    }

    /// As [`ActorRef::blocking_send`].
    ///
    /// # Errors
    /// As there.
    pub fn blocking_send(&self, message: M) -> Result<(), BlockingSendError<M>> {
        blocking_send(message, |message| self.send(message))
    }

    /// As [`ActorRef::request`].
    ///
    /// Cancel safety: as there.
    pub async fn request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, RequestError<M>> {
        ask(self.to.services(), message, |message| self.send(message), timeout.into()).await
    }

    /// As [`ActorRef::blocking_request`].
    ///
    /// # Errors
    /// As there.
    pub fn blocking_request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, BlockingRequestError<M>> {
        blocking_request(self.request(message, timeout))
    }
}

impl<M> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone() }
    }
}

impl<M> PartialEq for Recipient<M> {
    fn eq(&self, other: &Self) -> bool {
        self.to.address() == other.to.address()
    }
}

impl<M> Eq for Recipient<M> {}

impl<M> Hash for Recipient<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to.address().hash(state);
    }
}

impl<M> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({:?}, {})", self.name(), self.id())
    }
}
