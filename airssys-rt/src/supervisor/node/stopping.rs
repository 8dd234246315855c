//! The ordered stop of all children, within a time.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{SupervisorNode, later};
use crate::ExitReason;
use crate::mailbox::StopRequest;
use crate::system::ShutdownReport;

/// How often the tasks that were aborted get a turn to end before the supervisor reports.
const SETTLE_TURNS: u32 = 64;

/// When the stages of a stop are over.
pub(super) struct Limit {
    /// Until then one child after another is stopped; then all that are left at once.
    in_order: Instant,
    /// Then those that are still there are aborted.
    together: Instant,
}

impl Limit {
    /// The last tenth of the time is for those whose turn did not come, and half of that to abort
    /// and to report, so that the whole is within it.
    pub(super) fn new(time: Duration) -> Self {
        let now = Instant::now();
        Self { in_order: later(now, time / 10 * 9), together: later(now, time / 20 * 19) }
    }
}

impl SupervisorNode {
    /// Stops all children, the last started first; each has its own time, all together the limit.
    pub(super) async fn stop_all(&mut self, limit: Option<Limit>) -> ShutdownReport {
        self.due.clear();
        let mut report = ShutdownReport::default();
        while let Some((&child, entry)) = self.children.last_key_value() {
            if entry.task.is_none() {
                // It waits for a restart that will not come.
                self.stopped(child, ExitReason::Shutdown, &mut report);
                continue;
            }
            entry.place.cell.stop(StopRequest::Shutdown);
            let own = later(Instant::now(), entry.shutdown);
            match &limit {
                Some(limit) if limit.in_order < own => {
                    self.join_until(limit.in_order, Some(child), &mut report).await;
                    if self.children.contains_key(&child) {
                        break;
                    }
                }
                _ => {
                    self.join_until(own, Some(child), &mut report).await;
                    self.abort(child, &mut report);
                }
            }
        }
        if let Some(limit) = limit {
            for entry in self.children.values() {
                entry.place.cell.stop(StopRequest::Shutdown);
            }
            self.join_until(limit.together, None, &mut report).await;
        }
        while let Some((&child, _)) = self.children.last_key_value() {
            self.abort(child, &mut report);
        }
        self.settle().await;
        report
    }

    /// Joins what ends until the given child is gone, or all are, or the time has passed.
    async fn join_until(&mut self, until: Instant, child: Option<u64>, report: &mut ShutdownReport) {
        let passed = sleep_until(until);
        tokio::pin!(passed);
        loop {
            let waits = match child {
                Some(child) => self.children.contains_key(&child),
                None => !self.children.is_empty(),
            };
            if !waits {
                return;
            }
            tokio::select! {
                biased;
                Some(joined) = self.tasks.join_next_with_id() => {
                    if let Some((child, reason)) = self.owner(joined) {
                        self.stopped(child, reason, report);
                    }
                }
                () = &mut passed => return,
            }
        }
    }

    fn stopped(&mut self, child: u64, reason: ExitReason, report: &mut ShutdownReport) {
        if let Some(entry) = self.children.get(&child) {
            report.stopped.push(entry.place.cell.name().to_string());
        }
        self.retire(child, reason);
    }

    /// Aborts a child that has not stopped in its time, if it is still there. Its task ends when
    /// it next waits for something: that may be never, so nobody waits for it here.
    fn abort(&mut self, child: u64, report: &mut ShutdownReport) {
        if let Some(entry) = self.children.get(&child) {
            let name = entry.place.cell.name().to_string();
            tracing::warn!(actor = %name, "an actor did not stop in time and is aborted");
            if let Some(task) = &entry.task {
                task.abort();
            }
            report.late.push(name);
            self.retire(child, ExitReason::Killed);
        }
    }

    /// Gives the tasks that were aborted a chance to be gone.
    async fn settle(&mut self) {
        for _ in 0..SETTLE_TURNS {
            while self.tasks.try_join_next().is_some() {}
            if self.tasks.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
