//! The shutdown of a tree: its deadlines, and the report about it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{later, lock};

/// The actors that a shutdown stopped. An actor without a name is listed as `#` and its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The names of the actors that stopped, in the order in which they did.
    pub stopped: Vec<String>,
    /// The names of the actors that did not stop in their time, and were aborted.
    pub late: Vec<String>,
}

/// The times at which the stages of a shutdown end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShutdownDeadlines {
    /// Until then children are stopped one after another; then all that are left at once.
    pub(crate) in_order: Instant,
    /// Children that are still active then are aborted.
    pub(crate) together: Instant,
    /// The supervisor reports then, even if children are still active.
    pub(crate) report: Instant,
}

impl ShutdownDeadlines {
    /// Divides the time of a shutdown.
    ///
    /// The last tenth is for the children that were not reached in order. Half of that tenth is for
    /// aborts and the report, which comes in the middle of it, so that the whole is within the time.
    pub(crate) fn within(time: Duration) -> Self {
        let now = Instant::now();
        let part = time / 40;
        Self {
            in_order: later(now, part * 36),
            together: later(now, part * 38),
            report: later(now, part * 39),
        }
    }

    pub(crate) fn stricter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.report < one.report { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// The order to a supervisor to end for good: its deadlines, and the report to write to.
#[derive(Clone, Default)]
pub(crate) struct ShutdownOrder {
    pub(crate) deadlines: Option<ShutdownDeadlines>,
    pub(crate) report: Option<Arc<Mutex<ShutdownReport>>>,
}

impl ShutdownOrder {
    /// Reports an actor that stopped.
    pub(crate) fn report_stopped(&self, label: impl FnOnce() -> String) {
        if let Some(report) = &self.report {
            lock(report).stopped.push(label());
        }
    }

    /// Reports an actor that is aborted; returns false if it has no report.
    pub(crate) fn report_late(&self, label: impl FnOnce() -> String) -> bool {
        match &self.report {
            Some(report) => {
                lock(report).late.push(label());
                true
            }
            None => false,
        }
    }
}
