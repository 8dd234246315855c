//! The task of a child: it outlives the incarnations, and reports their ends to the supervisor.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::children::ChildRules;
use super::node::SupervisorNode;
use super::parked::ParkedRunner;
use super::verdict::Verdict;
use crate::child::{Key, Supervised};
use crate::mailbox::StopRequest;

/// An actor or a supervisor, as the task of a child runs it.
pub(crate) trait Runnable: Send + 'static {
    fn cell(&self) -> &dyn Supervised;

    /// Runs from one start to its end. It never panics.
    fn incarnation(&mut self, number: u64) -> impl Future<Output = ExitReason> + Send;

    /// Sets the sender that is notified of the next start, and dropped if the start fails.
    fn tell_start(&mut self, started: oneshot::Sender<()>);
}

/// A runner that waits for a restart of its group, or to be resumed.
struct Idle<R> {
    runner: R,
    number: u64,
    node: Weak<SupervisorNode>,
    key: Key,
}

impl<R: Runnable> ParkedRunner for Idle<R> {
    fn spawn(
        self: Box<Self>,
        delay: Duration,
        started: Option<oneshot::Sender<()>>,
    ) -> Option<JoinHandle<()>> {
        let Self { mut runner, number, node, key } = *self;
        let Some(node) = node.upgrade() else {
            discard(runner);
            return None;
        };
        if let Some(started) = started {
            runner.tell_start(started);
        }
        Some(spawn(runner, number, node, key, delay))
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

/// Starts a child; returns false if the supervisor is stopping.
pub(super) fn admit<R: Runnable>(
    node: &Arc<SupervisorNode>,
    cell: Arc<dyn Supervised>,
    rules: ChildRules,
    runner: R,
) -> bool {
    let Some(key) = node.add(cell, rules) else { return false };
    let task = spawn(runner, 0, node.clone(), key, Duration::ZERO);
    node.attach(key, 0, task);
    true
}

/// Starts the task of a child. Never called under a lock of the supervisor, because a runtime that is
/// shutting down drops the task at once.
fn spawn<R: Runnable>(
    runner: R,
    number: u64,
    node: Arc<SupervisorNode>,
    key: Key,
    delay: Duration,
) -> JoinHandle<()> {
    let runtime = node.runtime().clone();
    let task = run(ChildTask { runner: Some(runner), number, node, key }, delay);
    #[cfg(feature = "testing")]
    let task = crate::testing::schedule::shaken(task);
    runtime.spawn(task)
}

/// A child with its task. Dropped with its runner, the task was aborted.
struct ChildTask<R: Runnable> {
    runner: Option<R>,
    number: u64,
    node: Arc<SupervisorNode>,
    key: Key,
}

impl<R: Runnable> Drop for ChildTask<R> {
    fn drop(&mut self) {
        if let Some(runner) = self.runner.take() {
            let idle = self.idle(runner);
            self.node.cut_off(self.key, idle);
        }
    }
}

/// The future of a child's task. Not an `async fn`, because that would store its arguments twice.
fn run<R: Runnable>(mut child: ChildTask<R>, delay: Duration) -> impl Future<Output = ()> + Send {
    // On the heap, because most starts have no delay.
    let on_heap = |delay: Duration| (!delay.is_zero()).then(|| Box::new(delay));
    let mut delay = on_heap(delay);
    async move {
        loop {
            let interrupted = match delay.take() {
                None => None,
                Some(delay) => child.wait(*delay).await,
            };
            let reason = match (interrupted, child.runner.as_mut()) {
                (Some(request), _) => request.reason(),
                (None, Some(runner)) => {
                    let number = child.number;
                    child.number += 1;
                    let ended = runner.incarnation(number).await;
                    // Moved, it can take the place of the incarnation's future in memory.
                    let reason = ended;
                    // A child that fails again and again yields too. Before the decision, because a stop
                    // that comes after it would be meant for the incarnation that is over.
                    consume_budget().await;
                    reason
                }
                (None, None) => return,
            };
            match child.follow(reason) {
                Some(next) => delay = on_heap(next),
                None => return,
            }
        }
    }
}

impl<R: Runnable> ChildTask<R> {
    fn idle(&self, runner: R) -> Box<Idle<R>> {
        let node = Arc::downgrade(&self.node);
        Box::new(Idle { runner, number: self.number, node, key: self.key })
    }

    /// Waits for the time of a restart, or until a stop is requested.
    fn wait(&mut self, time: Duration) -> Pin<Box<dyn Future<Output = Option<StopRequest>> + Send + '_>> {
        // On the heap, because most starts have no delay.
        let cell = self.runner.as_ref().map(Runnable::cell);
        Box::pin(async move {
            match cell {
                Some(cell) => pause(cell, time).await,
                None => None,
            }
        })
    }

    /// Has the supervisor decide about the end of an incarnation, and carries the decision out.
    ///
    /// Returns the wait before the next incarnation; `None` if the task ends.
    fn follow(&mut self, reason: ExitReason) -> Option<Duration> {
        let verdict = match self.runner.as_ref()?.cell().terminated() {
            // It was told to end for good, and has no policy any more.
            true => Verdict::End,
            false => self.node.ended(self.key, &reason),
        };
        match verdict {
            Verdict::Restart(delay) => {
                tell_restart(self.runner.as_ref()?.cell(), &reason, delay);
                return Some(delay);
            }
            Verdict::Respawn(delay) => {
                let runner = self.runner.take()?;
                tell_restart(runner.cell(), &reason, delay);
                self.node.respawn(self.key, self.idle(runner), delay, None);
            }
            Verdict::Park => {
                let runner = self.runner.take()?;
                self.node.park(self.key, self.idle(runner), reason);
            }
            Verdict::Quarantine => {
                let runner = self.runner.take()?;
                self.node.quarantine(self.key, self.idle(runner), reason);
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

fn tell_restart(cell: &dyn Supervised, reason: &ExitReason, after: Duration) {
    let actor = cell.label();
    match reason.is_failure() {
        true => tracing::warn!(%actor, %reason, ?after, "an actor failed and is restarted"),
        false => tracing::info!(%actor, %reason, ?after, "an actor ended and is restarted"),
    }
    cell.restarting(reason, after);
}

/// Waits for the time of a restart; returns the request that cut it short, if one did.
async fn pause(cell: &dyn Supervised, time: Duration) -> Option<StopRequest> {
    let mut time = pin!(sleep(time));
    poll_fn(|task| match cell.poll_stop(StopRequest::Group, task) {
        Poll::Ready(request) => Poll::Ready(Some(request)),
        Poll::Pending => time.as_mut().poll(task).map(|()| None),
    })
    .await
}
