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
use super::relocation::Movable;
use super::verdict::Verdict;
use crate::child::{Key, Supervised};
use crate::guard::{self, Contained, Net, guard};
use crate::mailbox::StopRequest;
use crate::request::{Reply, ReplyTo};

/// An actor or a supervisor, as the task of a child runs it.
pub(crate) trait Runnable: Send + 'static {
    fn cell(&self) -> &dyn Supervised;

    /// Runs from one start to its end.
    fn incarnation(&mut self) -> impl Future<Output = ExitReason> + Send;

    /// Called after an incarnation, if the next does not begin at once.
    fn rest(&mut self) {}

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
        Some(spawn(runner, &node, key, delay))
    }

    fn discard(self: Box<Self>) {
        discard(self.runner);
    }
}

fn discard<R: Runnable>(runner: R) {
    let id = runner.cell().id();
    if let Err(reason) = guard::discard(runner) {
        guard::inform(
            || tracing::error!(id, %reason, "the closure that makes an actor panicked when it was dropped"),
        );
    }
}

/// Starts a child, and waits before that if the supervisor is about to be restarted. `started` is
/// notified of the start, if a starter waits for it.
pub(super) async fn admit<R: Runnable, C: Supervised>(
    node: &Arc<SupervisorNode>,
    cell: &Arc<C>,
    rules: ChildRules,
    runner: R,
    started: Option<&mut Reply<()>>,
) -> Result<(), Refusal> {
    let added = match node.add(cell.clone(), rules) {
        Admission::Added(key) => Ok(key),
        Admission::Refused(refusal) => Err(refusal),
        Admission::Later => {
            let cell: Arc<dyn Supervised> = cell.clone();
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
    let task = spawn(runner, node, key, Duration::ZERO);
    node.attach(key, 0, task);
    Ok(())
}

/// Starts the task of a child. Never called under a lock of the supervisor, because a runtime that is
/// shutting down drops the task at once.
fn spawn<R: Runnable>(runner: R, node: &Arc<SupervisorNode>, key: Key, delay: Duration) -> JoinHandle<()> {
    let runtime = node.runtime();
    let delay = on_heap(delay);
    let is_movable = runner.cell().is_movable();
    let task = run(ChildTask { runner: Some(runner), node: node.clone(), key, delay });
    #[cfg(feature = "testing")]
    if crate::testing::schedule::is_shaken() {
        return runtime.spawn(crate::testing::schedule::shaken(task));
    }
    match is_movable {
        true => runtime.spawn(Movable::new(task, node.clone(), key)),
        false => runtime.spawn(task),
    }
}

/// A child with its task. Dropped with its runner, the task was aborted.
struct ChildTask<R: Runnable> {
    runner: Option<R>,
    node: Arc<SupervisorNode>,
    key: Key,
    /// The delay of the next start, if there is one.
    delay: Option<Box<Duration>>,
}

/// On the heap, because most starts have no delay.
fn on_heap(delay: Duration) -> Option<Box<Duration>> {
    (!delay.is_zero()).then(|| Box::new(delay))
}

impl<R: Runnable> Drop for ChildTask<R> {
    fn drop(&mut self) {
        self.cut_off(&ExitReason::Killed);
    }
}

/// The end of an incarnation. Dropped before it is followed, the task was aborted after that end, which
/// keeps its reason.
///
/// A local of the task's future, where it takes the place of the incarnation's future in memory.
struct Ended<'a, R: Runnable> {
    child: &'a mut ChildTask<R>,
    reason: Contained<ExitReason>,
    followed: bool,
}

impl<R: Runnable> Ended<'_, R> {
    fn follow(mut self) -> Option<Duration> {
        self.followed = true;
        self.child.follow_guarded(&self.reason)
    }
}

impl<R: Runnable> Drop for Ended<'_, R> {
    fn drop(&mut self) {
        if !self.followed {
            self.child.cut_off(&self.reason);
        }
    }
}

/// The future of a child's task. Not an `async fn`, because that would store its arguments twice.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would take more memory")]
fn run<R: Runnable>(mut child: ChildTask<R>) -> impl Future<Output = ()> + Send {
    async move {
        loop {
            let interrupted = match child.delay.take().map(|delay| *delay) {
                None => None,
                Some(delay) => child.wait(delay).await,
            };
            let next = match (interrupted, child.runner.as_mut()) {
                (Some(request), _) => child.follow_guarded(&request.reason()),
                (None, Some(runner)) => {
                    let reason = Net { future: runner.incarnation() }.await;
                    let ended = Ended { child: &mut child, reason: Contained::new(reason), followed: false };
                    // A child that fails again and again yields too. Before the decision, because a stop
                    // that comes after it would be meant for the incarnation that is over.
                    consume_budget().await;
                    ended.follow()
                }
                (None, None) => return,
            };
            match next {
                Some(next) => child.delay = on_heap(next),
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

    /// Has the supervisor decide about a child whose task was aborted.
    fn cut_off(&mut self, reason: &ExitReason) {
        let Some(mut runner) = self.runner.take() else { return };
        runner.cut_off();
        let idle = self.idle(runner);
        if let Err(panic) = guard(|| self.node.cut_off(self.key, idle, reason)) {
            self.give_up(&panic);
        }
    }

    /// As [`follow`](Self::follow). A panic in that ends the child for good, because nobody knows how
    /// far the decision has been carried out.
    fn follow_guarded(&mut self, reason: &ExitReason) -> Option<Duration> {
        guard(|| self.follow(reason)).unwrap_or_else(|panic| {
            self.give_up(&panic);
            None
        })
    }

    #[cold]
    fn give_up(&mut self, reason: &ExitReason) {
        guard::inform(|| tracing::error!(%reason, "a supervisor panicked, and a child of it is ended"));
        self.node.abandon(self.key);
        self.runner.take().into_iter().for_each(discard);
    }

    /// Has the supervisor decide about the end of an incarnation, and carries the decision out.
    ///
    /// Returns the wait before the next incarnation; `None` if the task ends.
    fn follow(&mut self, reason: &ExitReason) -> Option<Duration> {
        let verdict = match self.runner.as_ref()?.cell().seems_terminated() {
            // It was told to end for good, and has no policy any more.
            true => Verdict::End,
            false => self.node.ended(self.key, reason),
        };
        if !matches!(verdict, Verdict::Restart(Duration::ZERO)) {
            self.runner.as_mut()?.rest();
        }
        match verdict {
            Verdict::Restart(delay) => {
                self.node.tell_restart(self.key, self.runner.as_ref()?.cell(), reason, delay);
                return Some(delay);
            }
            Verdict::Respawn(delay) => {
                let runner = self.runner.take()?;
                self.node.tell_restart(self.key, runner.cell(), reason, delay);
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

/// Waits for the time of a restart; returns the request that cut it short, if one did.
async fn pause(cell: &dyn Supervised, time: Duration) -> Option<StopRequest> {
    let mut time = pin!(sleep(time));
    poll_fn(|task| match cell.poll_stop(StopRequest::Group, task) {
        Poll::Ready(request) => Poll::Ready(Some(request)),
        Poll::Pending => time.as_mut().poll(task).map(|()| None),
    })
    .await
}
