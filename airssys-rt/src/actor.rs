//! What an actor is: its hooks, its handler, and what it knows while they run.

mod incarnation;
mod runner;

use std::error::Error;
use std::sync::Arc;

pub(crate) use self::runner::ActorRunner;
use crate::ActorRef;
use crate::cell::{AnyCell, Cell};
use crate::mailbox::StopRequest;

/// Any error, as a hook returns it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The hooks that are called around an incarnation.
///
/// In this order, on a restart too; each does nothing unless it is implemented. An error or a
/// panic in one is a failure of the incarnation, and the first failure is its
/// [`ExitReason`](crate::ExitReason).
///
/// | the incarnation | `pre_start` | `post_start` | messages | `pre_stop` | `post_stop` |
/// |---|---|---|---|---|---|
/// | stops, or is stopped | yes | yes | yes | yes | yes |
/// | fails in a handler | yes | yes | up to that one | yes | yes |
/// | fails in `post_start` | yes | yes | no | yes | yes |
/// | fails in `pre_start` | yes | no | no | no | no |
/// | fails in `pre_stop` | yes | yes | yes | yes | yes |
/// | is aborted: killed, or out of time for its stop | yes | cut off where it next waits | | | |
///
/// So `pre_stop` and `post_stop` each run exactly once, whatever ended the incarnation, once
/// `pre_start` has succeeded, unless the incarnation is aborted.
pub trait Child: Send + 'static {
    /// Runs before anything else.
    fn pre_start(&mut self, context: &ChildContext) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Runs before the first message. When it is done, the actor counts as started.
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
/// An error or a panic ends the incarnation: the message is not retried, those behind it are
/// handled by the next incarnation, if the supervisor starts one. When an actor ends for good, the
/// messages left are dropped: a message that must be accounted for does so in its `Drop`.
pub trait Actor: Child {
    /// What it handles.
    type Message: Send + 'static;
    /// How its handler fails.
    type Error: Error + Send + Sync + 'static;

    /// Handles one message.
    fn handle_message(
        &mut self,
        message: Self::Message,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// [`ActorRef::signal`] was called since the last time, once or more often.
    ///
    /// It overtakes the messages in the mailbox. The signal is taken when this is called: one
    /// that comes while it runs leads to another call.
    fn on_signal(
        &mut self,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = context;
        async { Ok(()) }
    }
}

/// What a hook knows of its actor.
pub struct ChildContext {
    cell: Arc<dyn AnyCell>,
    incarnation: u64,
}

impl ChildContext {
    /// The actor's name.
    pub fn name(&self) -> &str {
        self.cell.name()
    }

    /// How many incarnations there were before this one: 0 for the first.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Stops this incarnation normally, once what is running now has returned; a permanent actor
    /// is then restarted.
    pub fn stop_self(&self) {
        self.cell.stop(StopRequest::Own);
    }
}

/// What a handler knows of its actor.
pub struct ActorContext<M> {
    child: ChildContext,
    self_ref: ActorRef<M>,
}

impl<M: Send + 'static> ActorContext<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>, incarnation: u64) -> Self {
        let child = ChildContext { cell: cell.clone(), incarnation };
        Self { child, self_ref: ActorRef::new(cell) }
    }

    /// The same, as hooks get it.
    pub fn child(&self) -> &ChildContext {
        &self.child
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        self.child.name()
    }

    /// How many incarnations there were before this one: 0 for the first.
    pub fn incarnation(&self) -> u64 {
        self.child.incarnation()
    }

    /// As [`ChildContext::stop_self`].
    pub fn stop_self(&self) {
        self.child.stop_self();
    }

    /// A reference to this actor.
    pub fn self_ref(&self) -> &ActorRef<M> {
        &self.self_ref
    }
}
