//! The traits of actors, and the contexts that their hooks and handlers get.

mod hooks;
mod incarnation;
mod pace;
pub(crate) mod runner;

use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use airssys_core::Down;
use futures_util::Stream;

pub use self::pace::requeue;
use crate::actor_ref::ActorRef;
use crate::cell::Cell;
use crate::cell::behind::Behind;
use crate::child::Supervised;
use crate::child_spec::ChildSpec;
use crate::errors::StartError;
use crate::mailbox::StopRequest;
use crate::monitor::Watcher;
use crate::supervisor::reference::SupervisorRef;
use crate::system::ActorSystem;
use crate::timers::{TimerId, Timers};

/// The error of a hook.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The hooks that are called around an incarnation.
///
/// They run in this order, on a restart too, and do nothing unless they are implemented. An error or
/// a panic in one is a failure of the incarnation, and the first failure is its
/// [`ExitReason`](crate::ExitReason).
///
/// | the incarnation | `pre_start` | `post_start` | [`on_start`](Actor::on_start) | messages | `pre_stop` | `post_stop` |
/// |---|---|---|---|---|---|---|
/// | stops, or is stopped | yes | yes | yes | yes | yes | yes |
/// | fails in a handler | yes | yes | yes | up to that one | yes | yes |
/// | fails in `on_start` | yes | yes | yes | no | yes | yes |
/// | fails in `post_start` | yes | yes | no | no | yes | yes |
/// | fails in `pre_start` | yes | no | no | no | no | no |
/// | fails in `pre_stop` | yes | yes | yes | yes | yes | yes |
/// | is aborted: killed, or out of time for its stop | yes | cut off where it next waits | | | | |
///
/// Once `pre_start` has succeeded, `pre_stop` and `post_stop` each run exactly once, unless the
/// incarnation is aborted.
///
/// Most actors need no hook, and say so in one line: `impl Child for Heart {}`.
pub trait Child: Send + 'static {
    /// Runs before anything else.
    fn pre_start(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Runs once `pre_start` has succeeded.
    fn post_start(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Runs after the last message.
    fn pre_stop(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Runs last.
    fn post_stop(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        async { Ok(()) }
    }
}

/// A unit of state that handles messages one at a time.
///
/// An error or a panic ends the incarnation. The message is not retried; the next incarnation handles
/// those behind it, if the supervisor starts one. When an actor ends for good, the messages left are
/// dropped: a message that must be accounted for does so in its `Drop`.
pub trait Actor: Child {
    /// The type of its messages.
    type Message: Send + 'static;
    /// The error of its handlers: any type of error, [`BoxError`] for several, or
    /// [`Infallible`](std::convert::Infallible) if none fails.
    type Error: Into<BoxError> + Send + 'static;

    /// Runs after `post_start` and before the first message, on a restart too. The actor counts as
    /// started when it is done. The place to start timers, monitors, links and children.
    fn on_start(
        &mut self,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Handles one message.
    fn handle_message(
        &mut self,
        message: Self::Message,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Handles a message, and as many of the messages [`Behind`] it as it takes.
    ///
    /// For actors whose messages cost less together than one by one. By default it handles the one
    /// message. The messages that it takes count as handled when this returns. If it fails, the actor
    /// itself has to keep those that it took and did not get to.
    fn handle_batch(
        &mut self,
        first: Self::Message,
        behind: &mut Behind<'_, Self::Message>,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = behind;
        self.handle_message(first, context)
    }

    /// Called when an incarnation of a [monitored](ActorContext::monitor) actor ended.
    ///
    /// The notification overtakes the messages in the mailbox. If one actor ends several times before
    /// this one handles it, the last end is notified.
    fn on_down(
        &mut self,
        down: Down,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = (down, context);
        async { Ok(()) }
    }

    /// Called after [`ActorRef::signal`], once for any number of signals.
    ///
    /// Signals overtake the messages in the mailbox. A signal that comes while this runs leads to
    /// another call.
    fn on_signal(
        &mut self,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = context;
        async { Ok(()) }
    }
}

/// The context of a hook.
pub struct ChildContext {
    cell: Arc<dyn Supervised>,
}

impl ChildContext {
    /// The actor's name.
    pub fn name(&self) -> &str {
        self.cell.name()
    }

    /// The number of incarnations before this one: 0 for the first.
    pub fn incarnation(&self) -> u64 {
        self.cell.incarnation()
    }

    /// The system that the actor runs in. Returns `None` if the last [`ActorSystem`] has been dropped,
    /// and all actors are being stopped.
    pub fn system(&self) -> Option<ActorSystem> {
        ActorSystem::of(self.cell.services())
    }

    /// Stops this incarnation normally, once the running hook or handler has returned. A permanent
    /// actor is then restarted.
    pub fn stop_self(&self) {
        self.cell.stop(StopRequest::Own);
    }

    /// Has the failure that ends this incarnation count towards no restart limit: neither one of the
    /// actor's own nor one that it shares with others ([`LimitScope`](crate::LimitScope)). For a failure that
    /// cannot repeat without end, such as one on a message with a limited number of attempts. The delay of
    /// the restart grows as after any other failure. Call it before the hook or handler returns the failure.
    pub fn excuse_failure(&self) {
        self.cell.excuse_failure();
    }
}

/// The context of a handler.
pub struct ActorContext<M> {
    child: ChildContext,
    self_ref: ActorRef<M>,
    pub(crate) timers: Timers<M>,
}

impl<M: Send + 'static> ActorContext<M> {
    /// A context before the first incarnation.
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        let child = ChildContext { cell: cell.clone() };
        Self { child, self_ref: ActorRef::new(cell), timers: Timers::default() }
    }

    /// Turns to the next incarnation.
    pub(crate) fn begin(&self) {
        self.cell().begin_next();
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<M>> {
        self.self_ref.cell()
    }

    /// The context that hooks get.
    pub fn child(&self) -> &ChildContext {
        &self.child
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        self.child.name()
    }

    /// The number of incarnations before this one: 0 for the first.
    pub fn incarnation(&self) -> u64 {
        self.cell().incarnation()
    }

    /// As [`ChildContext::stop_self`].
    pub fn stop_self(&self) {
        self.child.stop_self();
    }

    /// As [`ChildContext::system`].
    pub fn system(&self) -> Option<ActorSystem> {
        self.child.system()
    }

    /// Starts an actor that lives no longer than this incarnation; resolves as
    /// [`ActorSystem::spawn`] does.
    ///
    /// The children of an incarnation have a supervisor of their own, beside this actor, which
    /// restarts each by its policy. They are stopped, all at once, when this incarnation ends:
    /// between `pre_stop` and `post_stop`, or right after it is aborted. If the supervisor of this
    /// actor ends, they are stopped before this actor. When they fail too often for the default
    /// [`SupervisorConfig`](crate::SupervisorConfig), this incarnation fails too, with
    /// [`ExitReason::Linked`](crate::ExitReason::Linked).
    ///
    /// By default a child has as long to stop as its parent has in all. So a child that hangs costs
    /// the parent its `post_stop`, unless the parent's [`shutdown`](ChildSpec::shutdown) is longer.
    ///
    /// Cancel safety: if dropped before it resolves, the child may start all the same.
    pub async fn spawn_child<A, F>(
        &self,
        spec: ChildSpec,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let cell = self.self_ref.cell();
        let supervisor = SupervisorRef::of_children(cell, self.incarnation()).await?;
        supervisor.spawn(spec, make).await
    }

    /// As [`spawn_child`](Self::spawn_child), with one value that runs once, as
    /// [`ActorSystem::spawn_once`].
    ///
    /// Cancel safety: as [`spawn_child`](Self::spawn_child).
    pub async fn spawn_child_once<A: Actor>(
        &self,
        spec: ChildSpec,
        actor: A,
    ) -> Result<ActorRef<A::Message>, StartError> {
        let cell = self.self_ref.cell();
        let supervisor = SupervisorRef::of_children(cell, self.incarnation()).await?;
        supervisor.spawn_once(spec, actor).await
    }

    /// A reference to this actor.
    pub fn self_ref(&self) -> &ActorRef<M> {
        &self.self_ref
    }

    /// Delivers a message to this incarnation after the delay, ahead of its mailbox.
    ///
    /// Timers end with the incarnation. The message never comes early, and comes late by at most the
    /// running handler and 63 messages.
    pub fn send_after(&self, delay: Duration, message: M) -> TimerId {
        self.timers.once(delay, message)
    }

    /// Delivers a message each period, as [`send_after`](Self::send_after); the first after one
    /// period. A period shorter than 1 ms counts as 1 ms. If the actor is late, missed messages are
    /// not delivered later.
    pub fn send_interval(&self, period: Duration, make: impl FnMut() -> M + Send + 'static) -> TimerId {
        self.timers.every(period, Box::new(make))
    }

    /// Cancels a timer of this incarnation: its message is never delivered. Returns false if the
    /// timer was over, or is of another incarnation or actor.
    pub fn cancel_timer(&self, timer: TimerId) -> bool {
        self.timers.cancel(timer)
    }

    /// Handles the items of a stream as messages, until it ends or this incarnation does. A stream of
    /// another type is turned into messages by `map` of `StreamExt`; a message for its end is chained
    /// to it.
    ///
    /// The stream is polled in the actor's own task, between its messages: no task is started, and an
    /// item is taken from the stream when the actor handles it, so nothing queues up in between. Streams,
    /// timers and the mailbox take turns. A panic of the stream is a failure of the incarnation. To
    /// detach it earlier, wrap it in `abortable` of `futures`. Its items are counted as
    /// [`ticks`](crate::ActorStats::ticks).
    ///
    /// ```
    /// use airssys_rt::{Actor, ActorContext, BoxError, Child};
    /// use futures_util::{StreamExt, stream};
    ///
    /// enum Line {
    ///     Text(String),
    ///     Over,
    /// }
    ///
    /// struct Reader;
    ///
    /// impl Child for Reader {}
    ///
    /// impl Actor for Reader {
    ///     type Message = Line;
    ///     type Error = BoxError;
    ///
    ///     async fn on_start(&mut self, context: &ActorContext<Line>) -> Result<(), BoxError> {
    ///         let lines = stream::iter(["a", "b"]).map(|line| Line::Text(line.to_owned()));
    ///         context.attach(lines.chain(stream::iter([Line::Over])));
    ///         Ok(())
    ///     }
    ///
    ///     async fn handle_message(&mut self, line: Line, context: &ActorContext<Line>) -> Result<(), BoxError> {
    ///         match line {
    ///             Line::Text(text) => println!("{text}"),
    ///             Line::Over => context.stop_self(),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn attach(&self, stream: impl Stream<Item = M> + Send + 'static) {
        self.timers.attach(stream);
    }

    /// Waits until something overtakes the messages: a stop, a [signal](ActorRef::signal), a monitor
    /// notification, or the failure of a linked actor.
    ///
    /// For a handler that also waits for something else: it can store its work and return, so that
    /// the urgent work is done. Cancel safe.
    pub fn overtaken(&self) -> impl Future<Output = ()> + Send {
        poll_fn(|task| self.self_ref.cell().mailbox.poll_urgent(task))
    }

    /// Monitors an actor: [`on_down`](Actor::on_down) is called whenever an incarnation of it ends. If
    /// it has already ended for good, it is called once.
    ///
    /// Monitors belong to this actor, and outlive its incarnations.
    pub fn monitor<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        let watched = actor.cell();
        watched.watchers().monitor(&self.watcher(), true);
        if let Some(down) = watched.already_down() {
            watched.watchers().monitor(&self.watcher(), false);
            self.self_ref.cell().notify(watched.watcher_key(), down);
        }
    }

    /// Ends a monitor: [`on_down`](Actor::on_down) is not called for that actor any more.
    pub fn demonitor<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        actor.cell().watchers().monitor(&self.watcher(), false);
        self.self_ref.cell().withdraw(actor.cell().watcher_key());
    }

    /// Links this incarnation with the running incarnation of another actor. If either fails, the
    /// other fails too, with [`ExitReason::Linked`](crate::ExitReason::Linked), once its handler has
    /// returned. If the other actor has already failed for good, this one fails now.
    ///
    /// If the other actor waits for its start or restart, or is about to fail because of another link,
    /// the link is with its next incarnation. So actors that link each other whenever they start
    /// restart once for each failure.
    ///
    /// A stop is not a failure. To be notified of a failure and go on, [monitor](Self::monitor)
    /// instead.
    pub fn link<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        self.self_ref.cell().link(self.incarnation(), actor.cell());
    }

    /// Ends a link, for both sides.
    pub fn unlink<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        self.self_ref.cell().unlink(actor.cell());
    }

    fn watcher(&self) -> Arc<dyn Watcher> {
        self.self_ref.cell().clone()
    }
}
