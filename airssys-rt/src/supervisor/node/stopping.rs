//! The ordered stop of all children, within a time.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{SupervisorNode, later};
use crate::ExitReason;
use crate::mailbox::StopRequest;
use crate::system::ShutdownReport;

/// The most time that the tasks that were aborted get to be gone before the supervisor reports.
const SETTLE: Duration = Duration::from_millis(50);

/// When the stages of a stop are over.
pub(super) struct Limit {
    /// Until then one child after another is stopped; then all that are left at once.
    in_order: Instant,
    /// Then those that are still there are aborted.
    together: Instant,
    /// Then the supervisor reports, whoever is still there.
    report: Instant,
}

impl Limit {
    /// The last tenth of the time is for those whose turn did not come, and half of that to abort
    /// and to report: in the middle of it, so that the whole is within the time.
    pub(super) fn new(time: Duration) -> Self {
        let now = Instant::now();
        let part = time / 40;
        Self {
            in_order: later(now, part * 36),
            together: later(now, part * 38),
            report: later(now, part * 39),
        }
    }
}

impl SupervisorNode {
    /// Stops all children, the last started first; each has its own time, all together the limit.
    pub(super) async fn stop_all(&mut self, limit: Option<Limit>) -> ShutdownReport {
        let mut report = ShutdownReport::default();
        while let Some((&child, entry)) = self.children.last_key_value() {
            let own = later(Instant::now(), entry.shutdown);
            self.ask_to_stop(child, &mut report);
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
        if let Some(limit) = &limit {
            for child in self.children.keys().rev().copied().collect::<Vec<_>>() {
                self.ask_to_stop(child, &mut report);
            }
            self.join_until(limit.together, None, &mut report).await;
        }
        while let Some((&child, _)) = self.children.last_key_value() {
            self.abort(child, &mut report);
        }
        let settled = later(Instant::now(), SETTLE);
        let settled = limit.map_or(settled, |limit| settled.min(limit.report));
        // One that blocks its thread is joined after the report.
        let all_gone = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout_at(settled, all_gone).await;
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

    fn ask_to_stop(&mut self, child: u64, report: &mut ShutdownReport) {
        match self.children.get(&child) {
            // It waits for a restart that will not come.
            Some(entry) if entry.task.is_none() => self.stopped(child, ExitReason::Shutdown, report),
            Some(entry) => entry.place.cell.stop(StopRequest::Shutdown),
            None => {}
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
}
