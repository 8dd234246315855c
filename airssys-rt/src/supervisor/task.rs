//! The task of a child: it outlives the incarnations, and reports their ends to the supervisor.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::task::JoinHandle;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::entry::ChildRules;
use super::node::{Admission, Refusal, SupervisorNode};
use super::parked::ParkedRunner;
use super::verdict::Verdict;
use crate::child::{Key, Supervised};
use crate::guard::{self, Contained, Net, Shown};
use crate::mailbox::StopRequest;
use crate::request::{Reply, ReplyTo};

/// An actor or a supervisor, as the task of a child runs it.
pub(crate) trait Runnable: Send + 'static {
    fn cell(&self) -> &dyn Supervised;

    /// Runs from one start to its end.
    fn incarnation(&mut self) -> impl Future<Output = ExitReason> + Send;

    /// Ends what belongs to an incarnation that was aborted.
    fn cut_off(&mut self) {}

    /// Sets the sender that is notified of the next start, and dropped if the start fails.
    fn tell_start(&mut self, started: ReplyTo<()>);
}

/// A runner that waits for a restart of its group, or to be resumed.
struct Idle<R> {
    runner: R,
    node: Weak<SupervisorNode>,
    key: Key,
}

impl<R: Runnable> ParkedRunner for Idle<R> {
    fn spawn(self: Box<Self>, delay: Duration, started: ReplyTo<()>) -> Option<JoinHandle<()>> {
        let Self { mut runner, node, key } = *self;
        let Some(node) = node.upgrade() else {
            discard(runner);
            return None;
        };
        runner.tell_start(started);
        Some(spawn(runner, node, key, delay))
    }

    fn discard(self: Box<Self>) {
        discard(self.runner);
    }
}

fn discard<R: Runnable>(runner: R) {
    let id = runner.cell().id();
    if let Err(reason) = guard::discard(runner) {
        tracing::error!(id, %reason, "the closure that makes an actor panicked when it was dropped");
    }
}

/// Starts a child, and waits before that if the supervisor is about to be restarted. `started` is
/// notified of the start, if a starter waits for it.
pub(super) async fn admit<R: Runnable>(
    node: &Arc<SupervisorNode>,
    cell: Arc<dyn Supervised>,
    rules: ChildRules,
    runner: R,
    started: Option<&mut Reply<()>>,
) -> Result<(), Refusal> {
    let added = match node.add(&cell, rules) {
        Admission::Added(key) => Ok(key),
        Admission::Refused(refusal) => Err(refusal),
        Admission::Later => {
            let added = node.add_later(&cell, rules).await;
            // It was made in an earlier poll.
            started.into_iter().for_each(Reply::moved);
            added
        }
    };
    let key = match added {
        Ok(key) => key,
        Err(refusal) => {
            discard(runner);
            return Err(refusal);
        }
    };
    let task = spawn(runner, node.clone(), key, Duration::ZERO);
    node.attach(key, 0, task);
    Ok(())
}

/// Starts the task of a child. Never called under a lock of the supervisor, because a runtime that is
/// shutting down drops the task at once.
fn spawn<R: Runnable>(runner: R, node: Arc<SupervisorNode>, key: Key, delay: Duration) -> JoinHandle<()> {
    let runtime = node.runtime().clone();
    let task = run(ChildTask { runner: Some(runner), node, key }, delay);
    #[cfg(feature = "testing")]
    if crate::testing::schedule::is_shaken() {
        return runtime.spawn(crate::testing::schedule::shaken(task));
    }
    runtime.spawn(task)
}

/// A child with its task. Dropped with its runner, the task was aborted.
struct ChildTask<R: Runnable> {
    runner: Option<R>,
    node: Arc<SupervisorNode>,
    key: Key,
}

impl<R: Runnable> Drop for ChildTask<R> {
    fn drop(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            runner.cut_off();
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
                    let ended = Net { future: runner.incarnation() }.await;
                    // Moved, it can take the place of the incarnation's future in memory.
                    let reason = ended;
                    // A child that fails again and again yields too. Before the decision, because a stop
                    // that comes after it would be meant for the incarnation that is over.
                    consume_budget().await;
                    reason
                }
                (None, None) => return,
            };
            let reason = Contained::new(reason);
            match child.follow(&reason) {
                Some(next) => delay = on_heap(next),
                None => return,
            }
        }
    }
}

impl<R: Runnable> ChildTask<R> {
    fn idle(&self, runner: R) -> Box<Idle<R>> {
        let node = Arc::downgrade(&self.node);
        Box::new(Idle { runner, node, key: self.key })
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
    fn follow(&mut self, reason: &ExitReason) -> Option<Duration> {
        let verdict = match self.runner.as_ref()?.cell().terminated() {
            // It was told to end for good, and has no policy any more.
            true => Verdict::End,
            false => self.node.ended(self.key, reason),
        };
        match verdict {
            Verdict::Restart(delay) => {
                tell_restart(self.runner.as_ref()?.cell(), reason, delay);
                return Some(delay);
            }
            Verdict::Respawn(delay) => {
                let runner = self.runner.take()?;
                tell_restart(runner.cell(), reason, delay);
                self.node.respawn(self.key, self.idle(runner), delay, ReplyTo::to_none());
            }
            Verdict::Park => {
                let runner = self.runner.take()?;
                self.node.park(self.key, self.idle(runner), reason.clone());
            }
            Verdict::Quarantine => {
                let runner = self.runner.take()?;
                self.node.quarantine(self.key, self.idle(runner), reason.clone());
            }
            Verdict::End => {
                let runner = self.runner.take()?;
                self.node.leave(self.key, runner.cell(), reason.clone());
                discard(runner);
            }
            Verdict::Gone => discard(self.runner.take()?),
        }
        None
    }
}

fn tell_restart(cell: &dyn Supervised, reason: &ExitReason, after: Duration) {
    // The label is only made for a reader of the log: a restart costs less than the text.
    match reason.is_failure() {
        true => {
            tracing::warn!(actor = %cell.label(), reason = %Shown(reason), ?after, "an actor failed and is restarted")
        }
        false => {
            tracing::info!(actor = %cell.label(), reason = %Shown(reason), ?after, "an actor ended and is restarted")
        }
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
