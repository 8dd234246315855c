//! An actor as its supervisor runs it: incarnation after incarnation.

use std::marker::PhantomData;
use std::sync::Arc;

use airssys_core::ExitReason;

use super::incarnation::live;
use super::{Actor, ActorContext};
use crate::cell::Cell;
use crate::cell::inbox::Inbox;
use crate::child::Supervised;
use crate::request::ReplyTo;
use crate::supervisor::task::Runnable;

/// Makes the state of each incarnation.
pub(crate) trait Make<A>: Send + 'static {
    fn make(&mut self) -> A;
}

impl<A, F: FnMut() -> A + Send + 'static> Make<A> for F {
    #[inline]
    fn make(&mut self) -> A {
        self()
    }
}

/// The state of the only incarnation: the actor is temporary.
pub(crate) struct Once<A>(Option<A>);

impl<A> Once<A> {
    pub(crate) fn new(actor: A) -> Self {
        Self(Some(actor))
    }
}

impl<A: Send + 'static> Make<A> for Once<A> {
    fn make(&mut self) -> A {
        match self.0.take() {
            Some(actor) => actor,
            None => unreachable!("a temporary actor has one incarnation"),
        }
    }
}

pub(crate) struct ActorRunner<A: Actor, F> {
    /// That of the incarnation that runs, or ran last.
    pub(super) context: ActorContext<A::Message>,
    pub(super) inbox: Inbox<A::Message>,
    pub(super) make: F,
    /// The starter that waits, if there is one.
    pub(super) started: ReplyTo<()>,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor, F: Make<A>> ActorRunner<A, F> {
    /// `started` is notified of the first start, and dropped if it fails.
    pub(crate) fn new(cell: Arc<Cell<A::Message>>, make: F, started: ReplyTo<()>) -> Self {
        let inbox = Inbox::new(cell.clone());
        Self { context: ActorContext::new(cell), inbox, make, started, actor: PhantomData }
    }
}

impl<A: Actor, F: Make<A>> Runnable for ActorRunner<A, F> {
    fn cell(&self) -> &dyn Supervised {
        &**self.context.cell()
    }

    fn incarnation(&mut self) -> impl Future<Output = ExitReason> + Send {
        live(self)
    }

    fn rest(&mut self) {
        self.inbox.put_back();
    }

    fn cut_off(&mut self) {
        self.context.cell().mailbox.serve();
        self.inbox.put_back();
        if let Err(reason) = self.context.timers.end() {
            let actor = self.context.name();
            tracing::error!(actor, %reason, "a timer panicked when its actor was aborted");
        }
    }

    fn tell_start(&mut self, started: ReplyTo<()>) {
        self.started = started;
    }
}
