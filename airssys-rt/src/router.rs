//! Routers: one reference to many workers that do the same.

mod pool;
mod spec;

use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::iter::repeat_n;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use self::pool::{By, Pool};
pub use self::spec::{RouterError, RouterSpec, Routing};
use crate::request::{Unanswered, slot};
use crate::sync::later;
use crate::{Actor, ActorRef, ActorSystem, ReplyTo, RequestError, SendError, SupervisorRef, TrySendError};

/// A reference to a pool of workers: each message goes to one of them, or to all.
///
/// Made by [`ActorSystem::router`] and [`SupervisorRef::router`]. Cheap to clone; the clones share
/// the pool, and the workers stay when the last is dropped. Messages go straight into the worker's
/// mailbox: there is no actor in between. What one sender sends to one worker is handled in the
/// order in which it was sent.
///
/// | method | the worker |
/// |---|---|
/// | `send`, `try_send`, `request` | as the spec's [`Routing`] says: the next, or the least loaded |
/// | `send_by`, `try_send_by`, `request_by` | the same for the same key, while the pool stays as it is |
/// | [`broadcast`](Self::broadcast) | all |
///
/// A worker that is being restarted keeps its place and its messages. One that ends for good, by
/// its policy or because it was told to, is not replaced: whoever is about to send to it takes it
/// out of the pool and chooses another, and [`resize`](Self::resize) makes up for it. When none is
/// left, sends answer `Closed`.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ReplyTo, RouterSpec, Routing};
///
/// struct Square(u64, ReplyTo<u64>);
///
/// struct Worker;
///
/// impl Child for Worker {}
///
/// impl Actor for Worker {
///     type Message = Square;
///     type Error = std::convert::Infallible;
///
///     async fn handle_message(
///         &mut self,
///         Square(number, reply): Square,
///         _context: &ActorContext<Square>,
///     ) -> Result<(), Self::Error> {
///         drop(reply.send(number * number));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new("maths");
/// let spec = RouterSpec::new("squares").size(4).routing(Routing::LeastLoaded);
/// let squares = system.router(spec, || Worker).await?;
///
/// let second = Duration::from_secs(1);
/// assert_eq!(squares.request(|reply| Square(7, reply), second).await?, 49);
/// // The same customer's messages go to the same worker.
/// assert_eq!(squares.request_by("customer 1", |reply| Square(8, reply), second).await?, 64);
///
/// squares.resize(2).await?;
/// assert_eq!(squares.size(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Router<M> {
    pool: Arc<Pool<M>>,
}

/// How many workers a [`broadcast`](Router::broadcast) reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// Those that took the message.
    pub delivered: usize,
    /// Those whose mailbox was full and refused it.
    pub refused: usize,
}

impl ActorSystem {
    /// Starts a pool of workers below the root, and makes a router to them; resolves once all have
    /// started.
    ///
    /// The workers are children of a supervisor that has the router's name. `make` makes the state
    /// of a worker, once for each incarnation.
    ///
    /// Cancel safety: if dropped before it resolves, what has started is stopped; a supervisor
    /// without workers may stay.
    ///
    /// # Errors
    /// If one worker does not start, none stays.
    pub async fn router<A, F>(&self, spec: RouterSpec, make: F) -> Result<Router<A::Message>, RouterError>
    where
        A: Actor,
        F: Fn() -> A + Send + Sync + 'static,
    {
        self.root().router(spec, make).await
    }
}

impl SupervisorRef {
    /// As [`ActorSystem::router`], below this supervisor.
    ///
    /// Cancel safety: as there.
    pub async fn router<A, F>(&self, spec: RouterSpec, make: F) -> Result<Router<A::Message>, RouterError>
    where
        A: Actor,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let pool = Pool::start(self, spec, make).await?;
        Ok(Router { pool: Arc::new(pool) })
    }
}

impl<M: Send + 'static> Router<M> {
    /// The router's name: its supervisor's.
    pub fn name(&self) -> &str {
        self.pool.supervisor().name()
    }

    /// The supervisor of the workers. When it ends for good, the router has ended.
    pub fn supervisor(&self) -> &SupervisorRef {
        self.pool.supervisor()
    }

    /// How many workers there are.
    pub fn size(&self) -> usize {
        self.pool.size()
    }

    /// The workers, the oldest first.
    pub fn workers(&self) -> Vec<ActorRef<M>> {
        self.pool.workers()
    }

    /// The worker that a message with this key goes to now; none if none is left.
    pub fn worker_by(&self, key: impl Hash) -> Option<ActorRef<M>> {
        self.pool.choose_live(By::key(&key))
    }

    /// Sends to one worker, as [`ActorRef::send`].
    ///
    /// Cancel safety: if dropped before it resolves, the message is dropped and not delivered.
    ///
    /// # Errors
    /// `Closed` if no worker is left.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.pool.send(By::Routing, message).await
    }

    /// Sends to one worker if its mailbox has room now, as [`ActorRef::try_send`]. Does not try
    /// another that may have some.
    ///
    /// # Errors
    /// `Closed` if no worker is left.
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.pool.try_send(By::Routing, message)
    }

    /// Sends to one worker and waits for the reply, as [`ActorRef::request`].
    ///
    /// Cancel safety: as there.
    ///
    /// # Errors
    /// `Closed` if no worker is left.
    pub async fn request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: Duration,
    ) -> Result<R, RequestError<M>> {
        self.ask(By::Routing, message, timeout).await
    }

    /// Sends to the worker for this key, as [`send`](Self::send).
    ///
    /// The hash of a key is the same in every run of one build of the program.
    ///
    /// Cancel safety: as [`send`](Self::send).
    pub async fn send_by(&self, key: impl Hash, message: M) -> Result<(), SendError<M>> {
        self.pool.send(By::key(&key), message).await
    }

    /// Sends to the worker for this key, as [`try_send`](Self::try_send).
    pub fn try_send_by(&self, key: impl Hash, message: M) -> Result<(), TrySendError<M>> {
        self.pool.try_send(By::key(&key), message)
    }

    /// Sends to the worker for this key and waits for the reply, as [`request`](Self::request).
    ///
    /// Cancel safety: as [`ActorRef::request`].
    pub async fn request_by<R: Send + 'static>(
        &self,
        key: impl Hash,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: Duration,
    ) -> Result<R, RequestError<M>> {
        self.ask(By::key(&key), message, timeout).await
    }

    /// Sends to all who are workers now. Those that have room get the message at once; if there are
    /// others that make senders wait, this waits for all of them.
    ///
    /// Cancel safety: if dropped before it resolves, those that had no room yet do not get it.
    pub async fn broadcast(&self, message: M) -> Broadcast
    where
        M: Clone,
    {
        let workers = self.pool.workers();
        let copies = repeat_n(message, workers.len());
        let sends = workers.iter().zip(copies).map(|(worker, copy)| worker.send(copy));
        let (mut delivered, mut refused) = (0, 0);
        for sent in join_all(sends).await {
            match sent {
                Ok(()) => delivered += 1,
                Err(SendError::Full(_)) => refused += 1,
                // It is not a worker any more.
                Err(SendError::Closed(_)) => {}
            }
        }
        Broadcast { delivered, refused }
    }

    /// Makes the pool this large; resolves once all new workers have started, and all that leave
    /// have ended.
    ///
    /// It is the newest that leave: they are sent nothing more, handle what is in their mailboxes,
    /// and end. So of the keys, only those that had one of these workers move; when one is added,
    /// only those that it gets. A key that moves takes along no order: its new worker does not wait
    /// for the old one.
    ///
    /// One resize waits for another, and for workers that leave: one that asks for it in its own
    /// handler may wait for itself. Cancel safety: if dropped before it resolves, those that were
    /// to leave still do, and those that were to be added are stopped.
    ///
    /// # Errors
    /// If a new worker does not start, none is added.
    pub async fn resize(&self, size: usize) -> Result<(), RouterError> {
        self.pool.resize(size).await
    }

    async fn ask<R: Send + 'static>(
        &self,
        by: By,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: Duration,
    ) -> Result<R, RequestError<M>> {
        let (reply_to, mut reply) = poll_fn(|task| Poll::Ready(slot(task.waker()))).await;
        let deadline = later(Instant::now(), timeout);
        let sending = self.pool.send(by, message(reply_to));
        tokio::time::timeout(timeout, sending).await.map_err(|_| RequestError::TimedOut)??;
        reply.moved();
        let left = deadline.saturating_duration_since(Instant::now());
        self.pool.services().deadlines.add(left, reply.expires());
        reply.await.map_err(|unanswered| match unanswered {
            Unanswered::Dropped => RequestError::NoReply,
            Unanswered::TimedOut => RequestError::TimedOut,
        })
    }
}

impl<M> Clone for Router<M> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<M> fmt::Debug for Router<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Router({:?})", self.pool.supervisor().name())
    }
}
