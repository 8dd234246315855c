//! A child as its supervisor keeps it.
//!
//! A supervisor may have very many children. So an entry is small: rules are packed into a byte, and
//! what few children have is on the heap.

use std::sync::Arc;

use airssys_core::{OnLimit, RestartPolicy, Shutdown};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::child::Supervised;

/// The configuration of a child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChildRules {
    pub(crate) policy: RestartPolicy,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    /// `None` stands for the supervisor's.
    pub(crate) on_limit: Option<OnLimit>,
}

/// The state of a child's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    /// The task runs the child, or waits for the time of its restart.
    Live,
    /// The task ends the child for good, and is cleaning up.
    Leaving,
    /// The child has no task: its runner is parked until a restart.
    Parked,
    /// The child has no task: its runner is parked until the child is resumed.
    Quarantined,
}

impl TaskState {
    /// Returns true if there is a task.
    pub(super) fn is_active(self) -> bool {
        !matches!(self, Self::Parked | Self::Quarantined)
    }
}

pub(super) struct ChildEntry {
    pub(super) cell: Arc<dyn Supervised>,
    /// `None` while the task is being spawned.
    pub(super) task: Option<JoinHandle<()>>,
    rare: Option<Box<RareEntry>>,
    /// Tells the tenants of its slot apart.
    pub(super) serial: u32,
    rules: PackedRules,
    pub(super) task_state: TaskState,
    /// True if it is to stop for a restart of its group.
    pub(super) doomed: bool,
    /// True if its task is being aborted on purpose.
    pub(super) aborting: bool,
}

/// The parts of an entry that most children do not need.
#[derive(Default)]
pub(super) struct RareEntry {
    /// The time for which the last restart was planned.
    pub(super) since: Option<Instant>,
    /// The number of restarts in a row.
    pub(super) attempt: u32,
    /// The number of the task, among all tasks that the child has had.
    pub(super) tenure: u32,
    /// True if it is reported as a child that did not stop in time.
    pub(super) late: bool,
    /// Its own way to be stopped.
    shutdown: Shutdown,
}

impl ChildEntry {
    /// A child that is about to get a task. Its supervisor has a step for a child that reaches its
    /// limit.
    pub(super) fn new(cell: Arc<dyn Supervised>, rules: ChildRules, on_limit: OnLimit) -> Self {
        let packed = PackedRules::new(&rules, rules.on_limit.unwrap_or(on_limit));
        let own = packed.has_own_shutdown();
        let rare = own.then(|| Box::new(RareEntry { shutdown: rules.shutdown, ..RareEntry::default() }));
        Self {
            cell,
            task: None,
            rare,
            serial: 0,
            rules: packed,
            task_state: TaskState::Live,
            doomed: false,
            aborting: false,
        }
    }

    pub(super) fn policy(&self) -> RestartPolicy {
        self.rules.policy()
    }

    pub(super) fn on_limit(&self) -> OnLimit {
        self.rules.on_limit()
    }

    pub(super) fn is_significant(&self) -> bool {
        self.rules.is_significant()
    }

    /// Makes it insignificant. Returns true if it was significant.
    pub(super) fn take_significance(&mut self) -> bool {
        self.rules.take_significance()
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        self.rules.shutdown(self.rare.as_deref())
    }

    pub(super) fn rare(&self) -> Option<&RareEntry> {
        self.rare.as_deref()
    }

    pub(super) fn rare_mut(&mut self) -> &mut RareEntry {
        self.rare.get_or_insert_default()
    }

    pub(super) fn tenure(&self) -> u32 {
        self.rare().map_or(0, |rare| rare.tenure)
    }

    pub(super) fn is_late(&self) -> bool {
        self.rare().is_some_and(|rare| rare.late)
    }
}

/// The rules of a child: two bits for each, and one for its significance.
struct PackedRules(u8);

impl PackedRules {
    const ON_LIMIT: u32 = 2;
    const SHUTDOWN: u32 = 4;
    const SIGNIFICANT: u8 = 1 << 6;

    fn new(rules: &ChildRules, on_limit: OnLimit) -> Self {
        let policy = match rules.policy {
            RestartPolicy::Permanent => 0,
            RestartPolicy::Transient => 1,
            RestartPolicy::Temporary => 2,
        };
        let on_limit = match on_limit {
            OnLimit::Escalate => 0,
            OnLimit::Quarantine => 1,
            OnLimit::End => 2,
        };
        let shutdown = match rules.shutdown {
            Shutdown::Kill => 1,
            Shutdown::Unbounded => 2,
            usual if usual == Shutdown::default() => 0,
            Shutdown::After(_) => 3,
        };
        let significant = if rules.significant { Self::SIGNIFICANT } else { 0 };
        Self(policy | on_limit << Self::ON_LIMIT | shutdown << Self::SHUTDOWN | significant)
    }

    fn policy(&self) -> RestartPolicy {
        match self.0 & 3 {
            0 => RestartPolicy::Permanent,
            1 => RestartPolicy::Transient,
            _ => RestartPolicy::Temporary,
        }
    }

    fn on_limit(&self) -> OnLimit {
        match self.0 >> Self::ON_LIMIT & 3 {
            0 => OnLimit::Escalate,
            1 => OnLimit::Quarantine,
            _ => OnLimit::End,
        }
    }

    fn shutdown(&self, rare: Option<&RareEntry>) -> Shutdown {
        match self.0 >> Self::SHUTDOWN & 3 {
            0 => Shutdown::default(),
            1 => Shutdown::Kill,
            2 => Shutdown::Unbounded,
            _ => rare.map_or_else(Shutdown::default, |rare| rare.shutdown),
        }
    }

    fn has_own_shutdown(&self) -> bool {
        self.0 >> Self::SHUTDOWN & 3 == 3
    }

    fn is_significant(&self) -> bool {
        self.0 & Self::SIGNIFICANT != 0
    }

    fn take_significance(&mut self) -> bool {
        let was = self.is_significant();
        self.0 &= !Self::SIGNIFICANT;
        was
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packed_rules_are_unpacked_as_they_were() {
        let policies = [RestartPolicy::Permanent, RestartPolicy::Transient, RestartPolicy::Temporary];
        let steps = [OnLimit::Escalate, OnLimit::Quarantine, OnLimit::End];
        let own = Shutdown::After(Duration::from_nanos(1));
        let rare = RareEntry { shutdown: own, ..RareEntry::default() };
        for policy in policies {
            for step in steps {
                for shutdown in [Shutdown::Kill, Shutdown::Unbounded, Shutdown::default(), own] {
                    for significant in [true, false] {
                        let rules = ChildRules { policy, shutdown, significant, on_limit: None };
                        let mut packed = PackedRules::new(&rules, step);
                        assert_eq!((packed.policy(), packed.on_limit()), (policy, step));
                        assert_eq!(packed.shutdown(Some(&rare)), shutdown);
                        assert_eq!(packed.has_own_shutdown(), shutdown == own);
                        assert_eq!(packed.take_significance(), significant);
                        assert!(!packed.is_significant());
                        assert_eq!((packed.policy(), packed.on_limit()), (policy, step));
                    }
                }
            }
        }
    }
}
