//! A supervisor as its parent runs it, and the root, which has no parent.

use std::sync::Arc;

use airssys_core::ExitReason;

use super::node::{Health, SupervisorNode};
use super::task::Runnable;
use crate::child::{Registered, Supervised};
use crate::guard::{Contained, Net, inform};
use crate::request::ReplyTo;

pub(crate) struct SupervisorRunner {
    node: Arc<SupervisorNode>,
    started: ReplyTo<()>,
    /// The number of the next incarnation.
    next: u64,
}

impl SupervisorRunner {
    pub(crate) fn new(node: Arc<SupervisorNode>, started: ReplyTo<()>) -> Self {
        Self { node, started, next: 0 }
    }
}

impl Runnable for SupervisorRunner {
    fn cell(&self) -> &dyn Supervised {
        &*self.node
    }

    async fn incarnation(&mut self) -> ExitReason {
        let number = self.next;
        self.next += 1;
        let started = self.started.take();
        let running = Running { node: &self.node, done: false };
        self.node.begin(number);
        self.node.supervise(started).await;
        self.node.stop_all().await;
        running.done()
    }

    fn tell_start(&mut self, started: ReplyTo<()>) {
        self.started = started;
    }
}

/// An incarnation of a supervisor. Dropped before it is done, it was aborted.
struct Running<'a> {
    node: &'a SupervisorNode,
    done: bool,
}

impl Running<'_> {
    fn done(mut self) -> ExitReason {
        self.done = true;
        self.node.finish()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.node.abort_children();
        }
    }
}

/// The root of a system, which is not restarted.
pub(crate) struct Root {
    node: Arc<SupervisorNode>,
}

impl Root {
    pub(crate) fn new(node: Arc<SupervisorNode>) -> Self {
        Self { node }
    }

    /// Runs until it is told to shut down or fails, and then until the last task has ended.
    pub(crate) async fn run(self) {
        let cut_off = CutOff(Some(self.node.clone()));
        let node = self.node;
        node.begin(0);
        let supervised = async {
            node.supervise(ReplyTo::to_none()).await;
            ExitReason::Shutdown
        };
        let supervised = Net { future: supervised }.await;
        if supervised.is_failure() {
            inform(|| tracing::error!(reason = %supervised, "the root supervisor panicked, and ends"));
            node.fail(supervised);
        }
        node.registry().stop();
        let stopped = async {
            node.stop_all().await;
            ExitReason::Shutdown
        };
        let stopped = Net { future: stopped }.await;
        let reason = node.finish();
        let reason = if stopped.is_failure() && !reason.is_failure() { stopped } else { reason };
        node.close();
        if let (ExitReason::Escalated(failure), Some(health)) = (&reason, node.health()) {
            health.send_replace(Health::Failed(Contained::new(failure.clone())));
        }
        cut_off.disarm();
        node.announce(reason);
        node.registry().services().events.end();
        // A task that blocks its thread is joined after the report.
        for task in node.registry().take_strays() {
            let _ = task.await;
        }
    }
}

/// Ends the system if its task is dropped, because the runtime shuts down: threads of other runtimes
/// may wait for that.
struct CutOff(Option<Arc<SupervisorNode>>);

impl CutOff {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        if let Some(node) = self.0.take() {
            node.registry().stop();
            node.close();
            node.announce(ExitReason::Killed);
            node.registry().services().events.end();
        }
    }
}
