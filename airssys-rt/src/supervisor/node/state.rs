//! The state of a supervisor, behind its lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use airssys_core::{
    ExitReason, Identity, LimitScope, LogThrottle, RestartWindow, Scope, SupervisorConfig, SupervisorFailure,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::causes::Causes;
use crate::child::{Key, Supervised};
use crate::guard::Contained;
use crate::mailbox::StopRequest;
use crate::shutdown::{ShutdownDeadlines, ShutdownOrder};
use crate::supervisor::children::Children;
use crate::supervisor::entry::TaskState;
use crate::supervisor::parked::ParkedChild;
use crate::supervisor::verdict::Verdict;

/// The stage of a supervisor's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The task of each child restarts it.
    Running,
    /// A group of children is being restarted: children that end are parked, and the supervisor's
    /// task starts them again.
    RestartingGroup,
    /// All children are being stopped.
    Stopping,
    /// No incarnation of the supervisor is running, and there may be another.
    Waiting,
    /// The supervisor has ended for good.
    Ended,
}

/// How a supervisor ends.
pub(super) struct Ending {
    pub(super) reason: Contained<ExitReason>,
    /// True if its own supervisor must not restart it.
    pub(super) for_good: bool,
    pub(super) order: ShutdownOrder,
}

impl Ending {
    pub(super) fn new(reason: ExitReason, for_good: bool, order: ShutdownOrder) -> Self {
        Self { reason: Contained::new(reason), for_good, order }
    }
}

/// The steps of a group restart that are left.
#[derive(Default)]
pub(super) struct RestartPlan {
    /// The children to be stopped, from the back.
    pub(super) stop: Vec<Key>,
    /// The children to be started after that, from the back; collected when they have stopped.
    pub(super) start: Option<Vec<Key>>,
    /// The earliest time of the starts.
    pub(super) at: Option<Instant>,
}

/// The ends of children that wake the supervisor's task while it stops several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AwaitedEnds {
    Each,
    One(Key),
    Last,
}

pub(super) struct NodeState {
    /// True if an incarnation of the supervisor may start the children of the one before again.
    revives: bool,
    pub(super) phase: Phase,
    pub(super) children: Children,
    pub(super) parked: HashMap<Key, ParkedChild>,
    /// The number of children that have a task.
    pub(super) active: usize,
    /// The number of significant children that have not ended.
    pub(super) significant: usize,
    /// The recent restarts of all children, if they count together.
    window: RestartWindow,
    /// The recent restarts of each child that has been restarted, if each counts alone.
    windows: HashMap<Key, RestartWindow>,
    /// The log lines about restarts of each child that has been restarted.
    restart_lines: HashMap<(Key, LineKind), RestartLines>,
    /// The suppressed lines of children that have been removed, until they are told.
    suppressed: Vec<SuppressedLines>,
    pub(super) restarts: u64,
    pub(super) plan: RestartPlan,
    /// The child whose start the group restart waits for.
    pub(super) starting: Option<Key>,
    /// The failures for which children restart, until the restart is done.
    pub(super) causes: Causes,
    pub(super) ending: Option<Ending>,
    /// True if it gave up, and has not been restarted since.
    pub(super) gave_up: bool,
    pub(super) started: bool,
    /// True while its own supervisor keeps it in quarantine.
    pub(super) quarantined: bool,
    pub(super) incarnation: u64,
    /// The ends for which the supervisor's task waits.
    pub(super) awaits: AwaitedEnds,
    /// Woken when the supervisor is to end while no incarnation of it is running.
    pub(super) waker: Option<Waker>,
    pub(super) ended_tasks: EndedTasks,
}

impl NodeState {
    pub(super) fn new(revives: bool, phase: Phase) -> Self {
        Self {
            revives,
            phase,
            children: Children::new(),
            parked: HashMap::new(),
            active: 0,
            significant: 0,
            window: RestartWindow::new(),
            windows: HashMap::new(),
            restart_lines: HashMap::new(),
            suppressed: Vec::new(),
            restarts: 0,
            plan: RestartPlan::default(),
            starting: None,
            causes: Causes::default(),
            ending: None,
            gave_up: false,
            started: false,
            quarantined: false,
            awaits: AwaitedEnds::Each,
            incarnation: 0,
            waker: None,
            ended_tasks: EndedTasks::default(),
        }
    }

    /// Records that the supervisor is to end. Two ends are merged: the reason of the first, and the
    /// stricter deadlines. Returns false if it has ended, or already has a report to write.
    pub(super) fn end(&mut self, ending: Ending) -> bool {
        if self.phase == Phase::Ended {
            return false;
        }
        let new = match &mut self.ending {
            None => {
                self.gave_up |= matches!(*ending.reason, ExitReason::Escalated(_));
                self.ending = Some(ending);
                true
            }
            Some(old) => {
                let ShutdownOrder { deadlines, report } = ending.order;
                old.for_good |= ending.for_good;
                old.order.deadlines = ShutdownDeadlines::stricter(old.order.deadlines, deadlines);
                let new = old.order.report.is_none();
                old.order.report = old.order.report.take().or(report);
                new
            }
        };
        if matches!(self.phase, Phase::Running | Phase::RestartingGroup) {
            self.phase = Phase::Stopping;
        }
        new
    }

    /// Records that no incarnation is running any more, and returns the reason. The next incarnation
    /// does not end for the same reason, unless the supervisor is to end for good.
    pub(super) fn rest(&mut self) -> ExitReason {
        self.phase = Phase::Waiting;
        self.awaits = AwaitedEnds::Each;
        let reason = self.ending.as_ref().map(|ending| (*ending.reason).clone());
        self.ending = self.ending.take().filter(|ending| ending.for_good);
        reason.unwrap_or(ExitReason::Shutdown)
    }

    pub(super) fn ends_for_good(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.for_good)
    }

    pub(super) fn order(&self) -> ShutdownOrder {
        self.ending.as_ref().map(|ending| ending.order.clone()).unwrap_or_default()
    }

    pub(super) fn stop_request(&self) -> Option<StopRequest> {
        self.ending.as_ref().map(|ending| match ending.for_good {
            true => StopRequest::Shutdown,
            false => StopRequest::Group,
        })
    }

    /// Returns true if children that are stopped now may be started again.
    pub(super) fn may_revive(&self) -> bool {
        self.revives && !self.ends_for_good()
    }

    /// The restarts that count towards the limit of this child.
    pub(super) fn window(&self, scope: LimitScope, key: Key) -> &RestartWindow {
        static EMPTY: RestartWindow = RestartWindow::new();
        match scope {
            LimitScope::Shared => &self.window,
            LimitScope::PerChild => self.windows.get(&key).unwrap_or(&EMPTY),
        }
    }

    /// Records that this child restarts at this time, so that the delay before its next restart grows.
    pub(super) fn lengthen_delay(&mut self, key: Key, at: Instant) {
        if let Some(entry) = self.children.get_mut(key) {
            let rare = entry.rare_mut();
            rare.attempt = rare.attempt.saturating_add(1);
            rare.since = Some(at);
        }
    }

    /// Counts a restart that is decided now, because of this child.
    pub(super) fn count_restart(&mut self, config: &SupervisorConfig, key: Key, now: Instant) {
        let Some(child) = self.children.get(key).map(|entry| entry.cell.id()) else { return };
        let window = match config.limit_scope {
            LimitScope::Shared => &mut self.window,
            LimitScope::PerChild => self.windows.entry(key).or_default(),
        };
        window.record(child, now.into_std(), config);
    }

    /// Returns the number of log lines about restarts of a child that were suppressed since the last
    /// one. Returns `None` if this one is suppressed.
    pub(super) fn pass_restart_line(&mut self, key: Key, kind: LineKind, now: Instant) -> Option<u64> {
        if self.children.get(key).is_none() {
            return Some(0);
        }
        let lines = self.restart_lines.entry((key, kind)).or_insert_with(|| RestartLines::since(now));
        lines.throttle.pass(now.duration_since(lines.since).as_nanos() as u64)
    }

    /// Takes the suppressed lines of children that have been removed, to be told once the lock is released.
    pub(super) fn take_suppressed(&mut self) -> Vec<SuppressedLines> {
        std::mem::take(&mut self.suppressed)
    }

    /// Forgets the restarts that count for one child alone.
    pub(super) fn forget_restarts_of(&mut self, key: Key) {
        // Most supervisors count no restarts, and a hash costs more than a look.
        if !self.windows.is_empty() {
            self.windows.remove(&key);
        }
    }

    /// Forgets the restarts of one child towards either limit, and begins with its first delay again.
    pub(super) fn restart_history_ends(&mut self, key: Key) {
        if let Some(entry) = self.children.get_mut(key) {
            let rare = entry.rare_mut();
            (rare.attempt, rare.since) = (0, None);
            self.window.forget(entry.cell.id());
        }
        self.forget_restarts_of(key);
    }

    /// Forgets the restarts of all children.
    pub(super) fn forget_restarts(&mut self) {
        self.window = RestartWindow::new();
        self.windows = HashMap::new();
    }

    /// Records that a child ends for good; its task does the rest.
    pub(super) fn depart(&mut self, key: Key) -> Verdict {
        match self.children.get_mut(key) {
            Some(entry) => {
                entry.task_state = TaskState::Leaving;
                self.significant -= usize::from(entry.take_significance());
                Verdict::End
            }
            None => Verdict::Gone,
        }
    }

    /// Removes a child.
    pub(super) fn remove(&mut self, key: Key) -> Option<Arc<dyn Supervised>> {
        let entry = self.children.remove(key)?;
        self.forget_restarts_of(key);
        if !self.restart_lines.is_empty() {
            for kind in [LineKind::Failure, LineKind::Other] {
                let removed = self.restart_lines.remove(&(key, kind));
                let lines = removed.map_or(0, |lines| lines.throttle.suppressed());
                if lines > 0 {
                    self.suppressed.push(SuppressedLines { cell: entry.cell.clone(), kind, lines });
                }
            }
        }
        self.active -= usize::from(entry.task_state.is_active());
        self.significant -= usize::from(entry.is_significant());
        self.ended_tasks.push(entry.task);
        Some(entry.cell)
    }

    /// Returns true if the end of this child, which has been recorded, wakes the supervisor's task.
    pub(super) fn is_awaited(&self, key: Key) -> bool {
        self.phase != Phase::Running
            && match self.awaits {
                AwaitedEnds::Each => true,
                AwaitedEnds::One(awaited) => awaited == key,
                AwaitedEnds::Last => self.active == 0,
            }
    }

    /// Includes in the group restart the children that the failure of this child concerns.
    pub(super) fn plan_restart(&mut self, failed: Key, scope: Scope, at: Instant) {
        let members: Vec<Key> = match scope {
            // It is not parked yet: children to be started are collected later.
            Scope::One => vec![failed],
            Scope::All => self.children.keys().collect(),
            Scope::Rest => self.children.keys_from(failed).collect(),
        };
        for member in members {
            if let Some(entry) = self.children.get_mut(member)
                && entry.task_state == TaskState::Live
                && (member == failed || entry.cell.owner().is_none())
            {
                entry.doomed = true;
            }
        }
        self.phase = Phase::RestartingGroup;
        let doomed = self.children.iter().filter(|(_, entry)| entry.doomed);
        let stop = doomed.map(|(key, _)| key).collect();
        self.plan = RestartPlan { stop, start: None, at: self.plan.at.max(Some(at)) };
    }
}

/// The kind of a log line about a restart. Restarts that were asked for hide no failure.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LineKind {
    Failure,
    Other,
}

/// The log lines about restarts of a child that were suppressed when it ended for good.
pub(super) struct SuppressedLines {
    pub(super) cell: Arc<dyn Supervised>,
    pub(super) kind: LineKind,
    pub(super) lines: u64,
}

/// The throttle of the log lines of one kind about restarts of one child.
struct RestartLines {
    since: Instant,
    throttle: LogThrottle,
}

impl RestartLines {
    fn since(now: Instant) -> Self {
        Self { since: now, throttle: LogThrottle::default() }
    }
}

/// The decision about a child.
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// To be [carried out](super::SupervisorNode::carry_out) once the lock is released, and before the verdict.
    pub(super) exceeded: Option<Exceeded>,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, exceeded: None }
    }
}

/// The limit that a child exceeded.
pub(super) struct Exceeded {
    pub(super) failure: Contained<Arc<SupervisorFailure>>,
    pub(super) actor: Identity,
    pub(super) then: Then,
    /// The incarnation of the supervisor that gives up.
    pub(super) incarnation: u64,
}

/// The consequence of an exceeded limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    GiveUp,
    Quarantine,
    End,
}

/// Tasks that have ended or are about to. They are joined before the supervisor ends.
#[derive(Default)]
pub(super) struct EndedTasks {
    tasks: Vec<JoinHandle<()>>,
    /// The number of tasks at which those that have ended are removed.
    limit: usize,
}

impl EndedTasks {
    pub(super) fn push(&mut self, task: Option<JoinHandle<()>>) {
        self.tasks.extend(task);
    }

    /// Takes out tasks that have ended, now and then. To be dropped outside the lock, because the
    /// memory of each is freed.
    pub(super) fn sweep(&mut self) -> Vec<JoinHandle<()>> {
        if self.tasks.len() <= self.limit {
            return Vec::new();
        }
        let ended = self.tasks.extract_if(.., |task| task.is_finished()).collect();
        self.limit = (2 * self.tasks.len()).max(32);
        ended
    }

    pub(super) fn take(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.tasks)
    }
}
