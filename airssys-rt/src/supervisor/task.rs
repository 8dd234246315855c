//! The task of a child: it lives over the incarnations, and reports their ends to the supervisor.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::children::Key;
use super::node::{SupervisorNode, Verdict};
use crate::cell::AnyCell;
use crate::mailbox::StopRequest;

/// What a child's task runs: an actor or a supervisor.
pub(crate) trait Runnable: Send + 'static {
    fn cell(&self) -> &dyn AnyCell;

    /// Runs from one start to its end. It never panics.
    fn incarnation(&mut self, number: u64) -> impl Future<Output = ExitReason> + Send;

    /// The next start is told here; the sender is dropped if it fails.
    fn tell_start(&mut self, started: oneshot::Sender<()>);
}

/// The runner of a child without a task.
pub(super) trait Parked: Send {
    /// Gives the child a task again.
    fn spawn(
        self: Box<Self>,
        node: Arc<SupervisorNode>,
        key: Key,
        after: Duration,
        started: Option<oneshot::Sender<()>>,
    ) -> JoinHandle<()>;

    /// Drops it, where a panic in that hurts nobody.
    fn discard(self: Box<Self>);
}

struct Idle<R> {
    runner: R,
    number: u64,
}

impl<R: Runnable> Parked for Idle<R> {
    fn spawn(
        self: Box<Self>,
        node: Arc<SupervisorNode>,
        key: Key,
        after: Duration,
        started: Option<oneshot::Sender<()>>,
    ) -> JoinHandle<()> {
        let Self { mut runner, number } = *self;
        if let Some(started) = started {
            runner.tell_start(started);
        }
        spawn(runner, number, node, key, after)
    }

    fn discard(self: Box<Self>) {
        discard(self.runner);
    }
}

fn discard<R: Runnable>(runner: R) {
    if catch_unwind(AssertUnwindSafe(|| drop(runner))).is_err() {
        tracing::error!("the maker of an actor panicked when it was dropped");
    }
}

/// Starts the task of a child; not under a lock of the supervisor's, since a runtime that is
/// shutting down drops the task at once.
pub(super) fn spawn<R: Runnable>(
    runner: R,
    number: u64,
    node: Arc<SupervisorNode>,
    key: Key,
    after: Duration,
) -> JoinHandle<()> {
    let runtime = node.runtime().clone();
    let task = run(Seat { runner: Some(runner), number, node, key }, after);
    #[cfg(feature = "testing")]
    let task = crate::testing::shaken(task);
    runtime.spawn(task)
}

/// A child on its way; dropped, it was aborted.
struct Seat<R: Runnable> {
    runner: Option<R>,
    number: u64,
    node: Arc<SupervisorNode>,
    key: Key,
}

impl<R: Runnable> Drop for Seat<R> {
    fn drop(&mut self) {
        if let Some(runner) = self.runner.take() {
            let parked = Box::new(Idle { runner, number: self.number });
            self.node.cut_off(self.key, parked);
        }
    }
}

/// The future of a child's task; see there for why this is not an `async fn`.
fn run<R: Runnable>(mut seat: Seat<R>, after: Duration) -> impl Future<Output = ()> + Send {
    // What is rare is on the heap.
    let mut delay = (!after.is_zero()).then(|| Box::new((after, StopRequest::Group)));
    async move {
        loop {
            let interrupted = match delay.take() {
                None => None,
                Some(delay) => seat.wait(*delay).await,
            };
            let reason = match (interrupted, seat.runner.as_mut()) {
                (Some(request), _) => request.reason(),
                (None, Some(runner)) => {
                    let number = seat.number;
                    seat.number += 1;
                    let ended = runner.incarnation(number).await;
                    // Moved, it can take the place of the incarnation's future in memory.
                    let reason = ended;
                    // Who fails again and again leaves the others a turn, too. Not once it is decided what
                    // follows: a stop that comes then would mean the incarnation that is over.
                    consume_budget().await;
                    reason
                }
                (None, None) => return,
            };
            match seat.follow(reason) {
                Some((after, heeds)) => delay = (!after.is_zero()).then(|| Box::new((after, heeds))),
                None => return,
            }
        }
    }
}

impl<R: Runnable> Seat<R> {
    /// Waits for the time of a restart, unless it is told to stop.
    fn wait(
        &mut self,
        (time, heeds): (Duration, StopRequest),
    ) -> Pin<Box<dyn Future<Output = Option<StopRequest>> + Send + '_>> {
        // What is rare is on the heap.
        let cell = self.runner.as_ref().map(Runnable::cell);
        Box::pin(async move {
            match cell {
                Some(cell) => pause(cell, heeds, time).await,
                None => None,
            }
        })
    }

    /// Has the supervisor decide what follows the end of an incarnation, and does it; gives the
    /// delay before the next and what cuts it short, if there is to be a next one.
    fn follow(&mut self, reason: ExitReason) -> Option<(Duration, StopRequest)> {
        let verdict = match self.runner.as_ref()?.cell().terminated() {
            // Whoever ended it has decided.
            true => Verdict::End,
            false => self.node.ended(self.key, &reason),
        };
        match verdict {
            Verdict::Restart(after, heeds) => {
                let cell = self.runner.as_ref()?.cell();
                tracing::warn!(actor = %cell.label(), %reason, ?after, "an actor ended and is restarted");
                cell.restarting(&reason, after);
                return Some((after, heeds));
            }
            Verdict::Park => {
                let idle = Box::new(Idle { runner: self.runner.take()?, number: self.number });
                self.node.park(self.key, idle, reason);
            }
            Verdict::End => {
                let runner = self.runner.take()?;
                self.node.leave(self.key, runner.cell(), reason);
                discard(runner);
            }
            Verdict::Gone => discard(self.runner.take()?),
        }
        None
    }
}

/// Waits for the time of a restart; gives the request to stop, of those it heeds, that came first.
async fn pause(cell: &dyn AnyCell, heeds: StopRequest, time: Duration) -> Option<StopRequest> {
    let mut time = pin!(sleep(time));
    poll_fn(|task| match cell.poll_stop(heeds, task) {
        Poll::Ready(request) => Poll::Ready(Some(request)),
        Poll::Pending => time.as_mut().poll(task).map(|()| None),
    })
    .await
}
