//! What a supervisor's lock protects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use airssys_core::{ExitReason, RestartWindow, Scope};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::stopping::Limit;
use super::{SupervisorNode, Verdict};
use crate::cell::AnyCell;
use crate::mailbox::StopRequest;
use crate::supervisor::children::{Children, Entry, Key, Place};
use crate::supervisor::task::Parked;
use crate::sync::lock;
use crate::system::ShutdownReport;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Each child is on its own.
    Running,
    /// Several are being restarted: whoever ends is parked, and its supervisor's task sees to it.
    Settling,
    /// All are being stopped.
    Stopping,
    /// No incarnation is running, and there may be another.
    Waiting,
    /// It has ended for good.
    Ended,
}

/// Within which limits a supervisor is to end for good, and whom it tells how that went.
#[derive(Clone, Default)]
pub(crate) struct Order {
    pub(crate) limit: Option<Limit>,
    pub(crate) report: Option<Arc<Mutex<ShutdownReport>>>,
}

impl Order {
    pub(super) fn stopped(&self, cell: &dyn AnyCell) {
        if let Some(report) = self.report.as_ref().filter(|_| !cell.is_supervisor()) {
            lock(report).stopped.push(cell.label());
        }
    }

    /// Reports a child that is aborted, once.
    pub(super) fn late(&self, entry: &mut Entry) {
        let cell = &*entry.cell;
        if let Some(report) = self.report.as_ref().filter(|_| !entry.late && !cell.is_supervisor()) {
            lock(report).late.push(cell.label());
            entry.late = true;
        }
    }
}

/// How a supervisor ends.
#[derive(Clone)]
pub(crate) struct Ending {
    pub(crate) reason: ExitReason,
    /// Whatever its own supervisor thinks.
    pub(crate) for_good: bool,
    pub(crate) order: Order,
}

/// A child without a task.
pub(super) struct Kept {
    pub(super) runner: Box<dyn Parked>,
    /// How it failed, if it did.
    pub(super) failure: Option<ExitReason>,
}

/// What there is to do for a restart of several children.
#[derive(Default)]
pub(super) struct Plan {
    /// To be stopped, the last of these first.
    pub(super) stop: Vec<Key>,
    /// To be started after that, the last of these first; found when it is time for it.
    pub(super) start: Option<Vec<Key>>,
    /// Not before this.
    pub(super) at: Option<Instant>,
}

/// Which ends of children the supervisor's task is to hear of, when several are being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaits {
    Each,
    One(Key),
    Last,
}

pub(super) struct NodeState {
    pub(super) phase: Phase,
    pub(super) children: Children,
    pub(super) kept: HashMap<Key, Kept>,
    /// Children that have a task.
    pub(super) active: usize,
    /// Significant children that have not ended.
    pub(super) significant: usize,
    pub(super) window: RestartWindow,
    pub(super) restarts: u64,
    pub(super) plan: Plan,
    pub(super) ending: Option<Ending>,
    pub(super) started: bool,
    pub(super) incarnation: u64,
    /// Whose end the supervisor's task waits for.
    pub(super) awaits: Awaits,
    /// Woken when it is to end while no incarnation is running.
    pub(super) waker: Option<Waker>,
    pub(super) gone: Gone,
}

impl NodeState {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Running,
            children: Children::new(),
            kept: HashMap::new(),
            active: 0,
            significant: 0,
            window: RestartWindow::new(),
            restarts: 0,
            plan: Plan::default(),
            ending: None,
            started: false,
            awaits: Awaits::Each,
            incarnation: 0,
            waker: None,
            gone: Gone::default(),
        }
    }

    /// Notes that the supervisor is to end; of two ends, the first gives the reason and the
    /// stricter the limits. False if it has ended, or has whom to report to.
    pub(super) fn end(&mut self, ending: Ending) -> bool {
        if self.phase == Phase::Ended {
            return false;
        }
        let new = match &mut self.ending {
            None => {
                self.ending = Some(ending);
                true
            }
            Some(old) => {
                let (limit, report) = (ending.order.limit, ending.order.report);
                old.for_good |= ending.for_good;
                old.order.limit = Limit::stricter(old.order.limit, limit);
                let new = old.order.report.is_none();
                old.order.report = old.order.report.take().or(report);
                new
            }
        };
        if matches!(self.phase, Phase::Running | Phase::Settling) {
            self.phase = Phase::Stopping;
        }
        new
    }

    /// No incarnation is running any more; gives the reason. That it was to end means nothing to
    /// the next, unless it is to end for good.
    pub(super) fn rest(&mut self) -> ExitReason {
        self.phase = Phase::Waiting;
        self.awaits = Awaits::Each;
        let reason = self.ending.as_ref().map(|ending| ending.reason.clone());
        self.ending = self.ending.take().filter(|ending| ending.for_good);
        reason.unwrap_or(ExitReason::Shutdown)
    }

    pub(super) fn ends_for_good(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.for_good)
    }

    pub(super) fn order(&self) -> Order {
        self.ending.as_ref().map(|ending| ending.order.clone()).unwrap_or_default()
    }

    pub(super) fn stop_request(&self) -> Option<StopRequest> {
        self.ending.as_ref().map(|ending| match ending.for_good {
            true => StopRequest::Shutdown,
            false => StopRequest::Group,
        })
    }

    /// Whether children that are stopped now may come back.
    pub(super) fn keeps(&self, node: &SupervisorNode) -> bool {
        !node.is_root() && !node.dynamic && !self.ends_for_good()
    }

    /// Decides that a child ends for good; its task does the rest.
    pub(super) fn depart(&mut self, key: Key) -> Verdict {
        match self.children.get_mut(key) {
            Some(entry) => {
                entry.place = Place::Leaving;
                self.significant -= usize::from(std::mem::take(&mut entry.significant));
                Verdict::End
            }
            None => Verdict::Gone,
        }
    }

    /// Takes a child out.
    pub(super) fn remove(&mut self, key: Key) -> Option<Arc<dyn AnyCell>> {
        let entry = self.children.remove(key)?;
        self.active -= usize::from(entry.place.is_active());
        self.significant -= usize::from(entry.significant);
        self.gone.extend(entry.task);
        Some(entry.cell)
    }

    /// Whether the supervisor's task is to hear of the end of this child, which has been noted.
    pub(super) fn is_awaited(&self, key: Key) -> bool {
        self.phase != Phase::Running
            && match self.awaits {
                Awaits::Each => true,
                Awaits::One(awaited) => awaited == key,
                Awaits::Last => self.active == 0,
            }
    }

    /// Includes in the restart whom the scope of this child's failure concerns.
    pub(super) fn plan(&mut self, failed: Key, scope: Scope, at: Instant) {
        let members: Vec<Key> = match scope {
            // It is not parked yet: what is to be started is only looked for when it is.
            Scope::One => vec![failed],
            Scope::All => self.children.keys().collect(),
            Scope::Rest => self.children.keys_from(failed).collect(),
        };
        for member in members {
            if let Some(entry) = self.children.get_mut(member)
                && entry.place == Place::Live
                && (member == failed || !entry.cell.is_owned())
            {
                entry.doomed = true;
            }
        }
        self.phase = Phase::Settling;
        let doomed = self.children.iter().filter(|(_, entry)| entry.doomed);
        let stop = doomed.map(|(key, _)| key).collect();
        self.plan = Plan { stop, start: None, at: self.plan.at.max(Some(at)) };
    }
}

/// Tasks that are about to end, or have. They are joined before the supervisor ends.
#[derive(Default)]
pub(super) struct Gone {
    tasks: Vec<JoinHandle<()>>,
    /// When there are so many, those that have ended are forgotten.
    limit: usize,
}

impl Gone {
    pub(super) fn extend(&mut self, task: Option<JoinHandle<()>>) {
        self.tasks.extend(task);
        if self.tasks.len() > self.limit {
            self.tasks.retain(|task| !task.is_finished());
            self.limit = (2 * self.tasks.len()).max(16);
        }
    }

    pub(super) fn take(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.tasks)
    }
}
