//! Tasks of children that move to another runtime, and come back.
//!
//! A task moves between two polls, as a whole: the future that runs the child goes into a new task, and the
//! old task ends. The supervisor takes the new task for the old one, as after a restart, so that a stop, a
//! kill and a shutdown reach it wherever it is.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::dispatcher::{Dispatch, get_default, set_default};

use super::node::SupervisorNode;
use crate::child::Key;

thread_local! {
    /// Tells whether the task that this thread polls can move, and has asked for it. Apart from the request,
    /// because each poll reads it.
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Fixed) };
    static REQUEST: Cell<Option<(Handle, Instant)>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The task cannot move.
    Fixed,
    Movable,
    /// The task has made a request.
    Asked,
}

/// Lets the task of this actor go on in another runtime, from the next time that it waits or yields until
/// `until`. If it is there already, only the time changes. It comes back when it has something to do after
/// that time.
///
/// The actor notices nothing. [`Handle::current`], and so its timers, sockets and tasks, are those of the
/// runtime of its system, and its log goes to the subscriber of the thread from which it moved. If that runtime ends, the actor is dropped there, too.
///
/// Two things differ there. tokio's `block_in_place` starts the thread that takes over in the present runtime,
/// so an actor enters `runtime` around it. Threads that the actor starts begin with the priority of its thread.
///
/// Called by an actor that is not [movable](crate::ChildSpec::movable), or outside an actor, it has no effect.
pub fn relocate(runtime: &Handle, until: Instant) {
    if PHASE.get() != Phase::Fixed {
        PHASE.set(Phase::Asked);
        REQUEST.set(Some((runtime.clone(), until)));
    }
}

/// Takes the requests of one poll. Restores the phase of the poll around it, if there is one.
struct Requests {
    outer: Phase,
}

impl Requests {
    fn take() -> Self {
        Self { outer: PHASE.replace(Phase::Movable) }
    }

    fn made(self) -> Option<(Handle, Instant)> {
        if PHASE.get() == Phase::Asked { REQUEST.take() } else { None }
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        PHASE.set(self.outer);
    }
}

/// The task of a child that can move.
pub(super) struct Movable<F> {
    /// `None` once it has moved on.
    task: Option<Pin<Box<F>>>,
    node: Arc<SupervisorNode>,
    key: Key,
    /// `None` in the runtime of its system.
    stay: Option<Stay>,
}

/// The time in another runtime.
struct Stay {
    until: Instant,
    /// That of the thread which the task left.
    subscriber: Dispatch,
    /// Dropped with the task, it ends the [`tether`].
    _tether: oneshot::Sender<()>,
}

impl<F: Future<Output = ()> + Send + 'static> Movable<F> {
    pub(super) fn new(task: F, node: Arc<SupervisorNode>, key: Key) -> Self {
        Self { task: Some(Box::pin(task)), node, key, stay: None }
    }

    /// Moves the task, or back to the runtime of its system. Returns false if the supervisor is about to
    /// abort it.
    fn go(&mut self, to: Option<(Handle, Instant)>) -> bool {
        let Some(tenure) = self.node.vacate(self.key) else { return false };
        let Some(task) = self.task.take() else { return false };
        let (node, key, home) = (self.node.clone(), self.key, self.node.runtime());
        let moved = match to {
            Some((runtime, until)) => {
                let (sender, moved_on) = oneshot::channel();
                let subscriber = get_default(Dispatch::clone);
                let stay = Some(Stay { until, subscriber, _tether: sender });
                let moved = runtime.spawn(Self { task: Some(task), node, key, stay });
                let tether = home.spawn(tether(AbortOnDrop(moved.abort_handle()), moved_on));
                self.node.join_at_end(tether);
                moved
            }
            None => home.spawn(Self { task: Some(task), node, key, stay: None }),
        };
        self.node.attach(key, tenure, moved);
        true
    }
}

impl<F: Future<Output = ()> + Send + 'static> Future for Movable<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.stay.as_ref().is_some_and(|stay| stay.until <= Instant::now()) && self.go(None) {
            return Poll::Ready(());
        }
        let this = &mut *self;
        let Some(task) = &mut this.task else { return Poll::Ready(()) };
        let requests = Requests::take();
        let polled = match &this.stay {
            Some(stay) => {
                let _entered = this.node.runtime().enter();
                let _subscriber = set_default(&stay.subscriber);
                task.as_mut().poll(context)
            }
            None => task.as_mut().poll(context),
        };
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if let Some((runtime, until)) = requests.made() {
            if let Some(stay) = &mut this.stay {
                stay.until = until;
            } else if this.go(Some((runtime, until))) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl<F> Drop for Movable<F> {
    /// Drops the child in the runtime of its system.
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let _entered = self.node.runtime().enter();
            drop(task);
        }
    }
}

/// Runs in the runtime of the system, and aborts the task in the other one if that runtime ends.
async fn tether(_task: AbortOnDrop, moved_on: oneshot::Receiver<()>) {
    // Fails when the sender is dropped, which is all that happens to it.
    drop(moved_on.await);
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
