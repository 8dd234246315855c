//! The supervisor at work: it owns the tasks of its children, and restarts them one for one.

mod stopping;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use self::stopping::Limit;
use super::{Decision, Outlook, RestartPolicy, RestartWindow, SupervisorConfig, SupervisorFailure, decide};
use crate::ExitReason;
use crate::actor::Runner;
use crate::cell::{ActorState, AnyCell};
use crate::registry::Registry;
use crate::system::ShutdownReport;

/// What a supervisor is asked to do.
pub(crate) enum Command {
    Start(NewChild),
    /// Stop all children within this time, and tell how that went.
    Shutdown(Duration, oneshot::Sender<ShutdownReport>),
}

/// A child that is to be started; dropped instead, it ends for good.
pub(crate) struct NewChild {
    pub(crate) place: Place,
    pub(crate) runner: Box<dyn Runner>,
    pub(crate) policy: RestartPolicy,
    pub(crate) shutdown: Duration,
}

/// An actor's place in the registry; dropped, it ends the actor for good.
pub(crate) struct Place {
    registry: Arc<Registry>,
    cell: Arc<dyn AnyCell>,
    reason: ExitReason,
}

impl Place {
    pub(crate) fn new(registry: Arc<Registry>, cell: Arc<dyn AnyCell>) -> Self {
        Self { registry, cell, reason: ExitReason::Shutdown }
    }

    pub(crate) fn is_in(&self, registry: &Arc<Registry>) -> bool {
        Arc::ptr_eq(&self.registry, registry)
    }

    fn leave(mut self, reason: ExitReason) {
        self.reason = reason;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.retire(&*self.cell, self.reason.clone());
    }
}

struct Entry {
    place: Place,
    runner: Box<dyn Runner>,
    policy: RestartPolicy,
    shutdown: Duration,
    /// The running incarnation; none while the child waits for its restart.
    task: Option<AbortHandle>,
    incarnation: u64,
    since: Instant,
    /// Restarts in a row.
    attempt: u32,
}

type Joined = Result<(Id, ExitReason), JoinError>;

pub(crate) struct SupervisorNode {
    config: SupervisorConfig,
    registry: Arc<Registry>,
    outlook: watch::Sender<Outlook>,
    /// By the order of their start.
    children: BTreeMap<u64, Entry>,
    last_child: u64,
    tasks: JoinSet<ExitReason>,
    owners: HashMap<Id, u64>,
    /// The children that wait for their restart.
    due: BTreeSet<(Instant, u64)>,
    window: RestartWindow,
}

impl SupervisorNode {
    pub(crate) fn new(
        config: SupervisorConfig,
        registry: Arc<Registry>,
        outlook: watch::Sender<Outlook>,
    ) -> Self {
        Self {
            config,
            registry,
            outlook,
            children: BTreeMap::new(),
            last_child: 0,
            tasks: JoinSet::new(),
            owners: HashMap::new(),
            due: BTreeSet::new(),
            window: RestartWindow::new(),
        }
    }

    /// Runs until it is told to shut down, fails, or nobody is left who could tell it anything;
    /// then until the last of its tasks has ended.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let (failure, report_to, limit) = self.supervise(&mut commands).await;
        // What was under way to this supervisor is refused: a new child ends when it is dropped.
        self.registry.stop();
        commands.close();
        while let Ok(command) = commands.try_recv() {
            drop(command);
        }
        let report = self.stop_all(limit).await;
        if let Some(failure) = failure {
            self.outlook.send_replace(Outlook::Failed(failure));
        }
        if let Some(report_to) = report_to {
            // Whoever asked may have given up.
            let _ = report_to.send(report);
        }
        while self.tasks.join_next().await.is_some() {}
    }

    async fn supervise(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> (Option<SupervisorFailure>, Option<oneshot::Sender<ShutdownReport>>, Option<Limit>) {
        loop {
            let due = self.due.first().copied();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Start(child)) => self.add(child),
                    Some(Command::Shutdown(time, report_to)) => {
                        return (None, Some(report_to), Some(Limit::new(time)));
                    }
                    None => return (None, None, None),
                },
                Some(joined) = self.tasks.join_next_with_id() => {
                    if let Some(failure) = self.ended(joined) {
                        return (Some(failure), None, None);
                    }
                }
                Some((at, child)) = restart_time(due) => {
                    self.due.remove(&(at, child));
                    self.start(child);
                }
            }
        }
    }

    fn add(&mut self, new: NewChild) {
        let NewChild { place, runner, policy, shutdown } = new;
        self.last_child += 1;
        let entry = Entry {
            place,
            runner,
            policy,
            shutdown,
            task: None,
            incarnation: 0,
            since: Instant::now(),
            attempt: 0,
        };
        self.children.insert(self.last_child, entry);
        self.start(self.last_child);
    }

    /// Starts the next incarnation of a child.
    fn start(&mut self, child: u64) {
        if let Some(entry) = self.children.get_mut(&child) {
            let task = self.tasks.spawn(entry.runner.incarnation(entry.incarnation));
            self.owners.insert(task.id(), child);
            entry.task = Some(task);
            entry.incarnation += 1;
            entry.since = Instant::now();
        }
    }

    /// The child whose task this was, if it is still one, and how the task ended.
    fn owner(&mut self, joined: Joined) -> Option<(u64, ExitReason)> {
        let (task, reason) = match joined {
            Ok(ended) => ended,
            Err(error) => (error.id(), ExitReason::Killed),
        };
        let child = self.owners.remove(&task)?;
        self.children.contains_key(&child).then_some((child, reason))
    }

    /// Does what follows from the end of an incarnation.
    fn ended(&mut self, joined: Joined) -> Option<SupervisorFailure> {
        let (child, reason) = self.owner(joined)?;
        let now = Instant::now();
        let within = self.config.within_duration;
        let entry = self.children.get_mut(&child)?;
        entry.task = None;
        if !entry.place.cell.started() || entry.place.cell.terminated() {
            // Whoever starts it learns why it did not, and decides; whoever ended it has decided.
            self.retire(child, reason);
            return None;
        }
        if now.duration_since(entry.since) >= within {
            entry.attempt = 0;
        }
        let name = entry.place.cell.name().clone();
        let now_std = now.into_std();
        match decide(entry.policy, &reason, &self.window, entry.attempt, &self.config, now_std) {
            Decision::Remove => {
                self.retire(child, reason);
                None
            }
            Decision::Restart { after } => {
                tracing::warn!(actor = %name, %reason, ?after, "an actor ended and is restarted");
                self.window.record(now_std, within);
                entry.attempt = entry.attempt.saturating_add(1);
                entry.place.cell.enter(ActorState::Restarting);
                if after.is_zero() {
                    self.start(child);
                } else {
                    self.due.insert((later(now, after), child));
                }
                None
            }
            Decision::GiveUp => {
                let restarts = self.window.count(now_std, within);
                tracing::error!(actor = %name, %reason, restarts, ?within, "an actor ended too often");
                // Before anybody can see what follows from it.
                self.outlook.send_replace(Outlook::Failing);
                self.retire(child, reason.clone());
                Some(SupervisorFailure { child: name.to_string(), reason, restarts, within })
            }
        }
    }

    /// Ends a child for good.
    fn retire(&mut self, child: u64, reason: ExitReason) {
        if let Some(entry) = self.children.remove(&child) {
            tracing::debug!(actor = %entry.place.cell.name(), %reason, "an actor ended for good");
            entry.place.leave(reason);
        }
    }
}

/// Resolves when the restart is due; never if there is none.
async fn restart_time(due: Option<(Instant, u64)>) -> Option<(Instant, u64)> {
    sleep_until(due?.0).await;
    due
}

/// `now` and this much; in 30 years if the clock does not reach that far.
fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(by).unwrap_or_else(|| now + FAR)
}
