//! Routers: one reference to a pool of workers.

mod pool;
mod spec;

use std::fmt;
use std::hash::Hash;
use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use self::pool::{By, Pool};
pub use self::spec::{RouterError, RouterSpec, Routing};
use crate::ask::ask;
use crate::blocking::{blocking_request, blocking_send};
use crate::errors::{BlockingRequestError, BlockingSendError};
use crate::{Actor, ActorRef, ActorSystem, ReplyTo, RequestError, SendError, SupervisorRef};

/// A reference to a pool of workers: each message goes to one of them, or to all.
///
/// Made by [`ActorSystem::router`] and [`SupervisorRef::router`]. Cheap to clone; the clones share
/// the pool, and the workers stay when the last is dropped. Messages go straight into the worker's
/// mailbox: no actor stands in between. Messages of one sender to one worker are handled in the
/// order in which they were sent.
///
/// | method | the worker |
/// |---|---|
/// | `send`, `try_send`, `request` | by the spec's [`Routing`]: the next, or the least loaded |
/// | `send_by`, `try_send_by`, `request_by` | the same for the same key, while the pool stays as it is |
/// | [`broadcast`](Self::broadcast) | all |
///
/// `blocking_send` and `blocking_request`, with and without a key, are for threads that run no tasks.
///
/// A worker that is being restarted keeps its place and its messages. A worker that ends for good is
/// not replaced: the next sender that chooses it removes it from the pool and chooses another, and
/// [`resize`](Self::resize) adds a new one. When all workers have ended, sends answer `Closed`.
///
/// A worker that is [quarantined](crate::OnLimit::Quarantine) keeps its place and the messages in its
/// mailbox, and gets no more until it is [resumed](ActorRef::resume): its turns and its keys go to the
/// others meanwhile, and so do senders that wait for room in its mailbox. While all workers are
/// quarantined, sends answer `Quarantined`.
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
/// // The messages of one customer go to the same worker.
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

/// The number of workers that a [`broadcast`](Router::broadcast) reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// Workers that took the message.
    pub delivered: usize,
    /// Workers whose mailbox was full and refused it.
    pub refused: usize,
    /// Workers that are quarantined, and did not get it.
    pub quarantined: usize,
}

impl ActorSystem {
    /// Starts a pool of workers below the root, and makes a router to them; resolves once all have
    /// started.
    ///
    /// The workers are children of a supervisor that has the router's name. `make` makes the state
    /// of a worker, once for each incarnation.
    ///
    /// Cancel safety: if dropped before it resolves, workers that have started are stopped; a
    /// supervisor without workers may stay.
    ///
    /// # Errors
    /// If one worker does not start, all are stopped.
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
    /// The router's name, which is its supervisor's.
    pub fn name(&self) -> &str {
        self.pool.supervisor().name()
    }

    /// The supervisor of the workers. When it ends for good, the router has ended.
    pub fn supervisor(&self) -> &SupervisorRef {
        self.pool.supervisor()
    }

    /// The number of workers, those that are quarantined included.
    pub fn size(&self) -> usize {
        self.pool.size()
    }

    /// The workers, the oldest first.
    pub fn workers(&self) -> Vec<ActorRef<M>> {
        self.pool.workers()
    }

    /// The worker for this key now; `None` if all workers have ended or are quarantined.
    pub fn worker_by(&self, key: impl Hash) -> Option<ActorRef<M>> {
        self.pool.choose_live(By::key(&key))
    }

    /// Sends to one worker, as [`ActorRef::send`].
    ///
    /// Cancel safety: if dropped before it resolves, the message is dropped and not delivered.
    ///
    /// # Errors
    /// `Closed` if all workers have ended, `Quarantined` if those that are left are quarantined.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.pool.send(By::Routing, message).await
    }

    /// Sends to one worker if its mailbox has room now, as [`ActorRef::try_send`]. Does not try
    /// another worker.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.pool.try_send(By::Routing, message)
    }

    /// Sends to one worker and waits for the reply, as [`ActorRef::request`].
    ///
    /// Cancel safety: as there.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, RequestError<M>> {
        self.ask(By::Routing, message, timeout.into()).await
    }

    /// As [`send`](Self::send), and blocks the thread while it waits, as
    /// [`ActorRef::blocking_send`].
    pub fn blocking_send(&self, message: M) -> Result<(), BlockingSendError<M>> {
        blocking_send(message, |message| self.send(message))
    }

    /// As [`request`](Self::request), and blocks the thread while it waits, as
    /// [`ActorRef::blocking_request`].
    pub fn blocking_request<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, BlockingRequestError<M>> {
        blocking_request(self.request(message, timeout))
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
    pub fn try_send_by(&self, key: impl Hash, message: M) -> Result<(), SendError<M>> {
        self.pool.try_send(By::key(&key), message)
    }

    /// Sends to the worker for this key and waits for the reply, as [`request`](Self::request).
    ///
    /// Cancel safety: as [`ActorRef::request`].
    pub async fn request_by<R: Send + 'static>(
        &self,
        key: impl Hash,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, RequestError<M>> {
        self.ask(By::key(&key), message, timeout.into()).await
    }

    /// As [`send_by`](Self::send_by), and blocks the thread while it waits, as
    /// [`ActorRef::blocking_send`].
    pub fn blocking_send_by(&self, key: impl Hash, message: M) -> Result<(), BlockingSendError<M>> {
        blocking_send(message, |message| self.send_by(key, message))
    }

    /// As [`request_by`](Self::request_by), and blocks the thread while it waits, as
    /// [`ActorRef::blocking_request`].
    pub fn blocking_request_by<R: Send + 'static>(
        &self,
        key: impl Hash,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<R, BlockingRequestError<M>> {
        blocking_request(self.request_by(key, message, timeout))
    }

    /// Sends to all workers of now. Workers with room get the message at once. Then this waits for the
    /// workers that are full and let senders wait. Workers that are quarantined by then do not get it.
    ///
    /// Cancel safety: if dropped before it resolves, workers that had no room yet do not get it.
    pub async fn broadcast(&self, message: M) -> Broadcast
    where
        M: Clone,
    {
        let workers = self.pool.workers();
        let copies = repeat_n(message, workers.len());
        let sends = workers.iter().zip(copies).map(|(worker, copy)| self.pool.send_to(worker, copy));
        let (mut delivered, mut refused, mut quarantined) = (0, 0, 0);
        for sent in join_all(sends).await {
            match sent {
                Ok(()) => delivered += 1,
                Err(SendError::Full(_)) => refused += 1,
                Err(SendError::Quarantined(_)) => quarantined += 1,
                // It has left the pool meanwhile.
                Err(SendError::Closed(_)) => {}
            }
        }
        Broadcast { delivered, refused, quarantined }
    }

    /// Makes the pool this large; resolves once all new workers have started, and all that leave
    /// have ended.
    ///
    /// The newest workers leave first: they get no more messages, handle those in their mailboxes, and
    /// end. Only the keys of these workers move, and when a worker is added, only the keys that it
    /// gets. The order of messages is lost when a key moves: its new worker does not wait for the old.
    ///
    /// A worker that is quarantined counts as one, and stays quarantined unless it is among those that
    /// leave: it ends at once, and its messages become dead letters.
    ///
    /// A resize waits for another resize, and for workers that leave. So a worker that calls it in its
    /// own handler may wait for itself. Cancel safety: if dropped before it resolves, workers still
    /// leave, and those that were to be added are stopped.
    ///
    /// # Errors
    /// If a new worker does not start, no worker is added.
    pub async fn resize(&self, size: usize) -> Result<(), RouterError> {
        self.pool.resize(size).await
    }

    async fn ask<R: Send + 'static>(
        &self,
        by: By,
        message: impl FnOnce(ReplyTo<R>) -> M,
        timeout: Option<Duration>,
    ) -> Result<R, RequestError<M>> {
        ask(self.pool.services(), message, |message| self.pool.send(by, message), timeout).await
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
