//! The stop of children: of one, of all in order, of all at once.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use airssys_core::{ExitReason, RestartPolicy, Shutdown};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::SupervisorNode;
use super::state::{AwaitedEnds, Ending, NodeState, Phase};
use crate::child::{Key, Supervised};
use crate::guard::{Contained, inform};
use crate::mailbox::StopRequest;
use crate::registry::Registry;
use crate::shutdown::ShutdownOrder;
use crate::supervisor::entry::{ChildEntry, TaskState};
use crate::supervisor::parked::ParkedChild;
use crate::sync::{later, lock};

/// The most time that aborted tasks get to end before the supervisor goes on.
const ABORT_GRACE: Duration = Duration::from_millis(50);

/// The progress of the stop of one child.
pub(super) struct ChildStop {
    since: Instant,
    request: Option<StopRequest>,
    aborted: bool,
    /// To be done once the lock is released.
    actions: StopActions,
}

#[derive(Default)]
struct StopActions {
    ask: Option<(Arc<dyn Supervised>, StopRequest, ShutdownOrder)>,
    abort: Option<AbortHandle>,
    /// A child whose time is over, to be logged.
    overdue: Option<Arc<dyn Supervised>>,
    retire: Option<(Arc<dyn Supervised>, ExitReason)>,
}

impl ChildStop {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, request: None, aborted: false, actions: StopActions::default() }
    }

    /// Plans the next step of the stop: asks the child, or aborts it when its time is over.
    ///
    /// Returns the time to look again, beside when something changes; `None` if the child is gone or
    /// parked.
    pub(super) fn next(&mut self, state: &mut NodeState, key: Key, now: Instant) -> Option<Option<Instant>> {
        let for_good = state.ends_for_good();
        let stopping = state.phase == Phase::Stopping;
        let revives = !stopping || state.may_revive();
        let order = state.ending.as_ref().map(|ending| &ending.order);
        let entry = state.children.get_mut(key)?;
        match entry.task_state {
            TaskState::Parked | TaskState::Quarantined => return None,
            // It is cleaning up already.
            TaskState::Leaving => return Some(None),
            TaskState::Live => {}
        }
        let request = match revives && entry.policy() != RestartPolicy::Temporary {
            true => StopRequest::Group,
            false => StopRequest::Shutdown,
        };
        // A supervisor that is aborted at once still needs the report for its children.
        let told = entry.shutdown() != Shutdown::Kill || entry.cell.is_supervisor();
        if Some(request) > self.request && told {
            self.actions.ask = Some((entry.cell.clone(), request, order.cloned().unwrap_or_default()));
        }
        self.request = Some(request);
        let deadline = match entry.shutdown() {
            Shutdown::Kill => Some(self.since),
            Shutdown::After(time) => Some(later(self.since, time)),
            Shutdown::Unbounded => None,
        };
        match deadline {
            _ if self.aborted || entry.aborting => {}
            Some(deadline) if now >= deadline => {
                self.aborted = true;
                if entry.shutdown() != Shutdown::Kill {
                    self.actions.overdue = Some(entry.cell.clone());
                    order.into_iter().for_each(|order| report_late(order, entry));
                }
                self.actions.abort = state.mark_aborting(key);
                // A task that blocks its thread does not end soon.
                return Some(Some(later(now, ABORT_GRACE)));
            }
            deadline => return Some(deadline),
        }
        // It was aborted. The supervisor does not wait long for it, unless it is to be started again.
        let grace_end = later(deadline.unwrap_or(self.since), ABORT_GRACE);
        if !(stopping && for_good) {
            return Some(None);
        }
        if now < grace_end {
            return Some(Some(grace_end));
        }
        self.actions.retire = state.remove(key).map(|cell| (cell, ExitReason::Killed));
        None
    }

    /// Does the steps that must not run under the lock.
    pub(super) fn carry_out(&mut self, registry: &Registry) {
        let StopActions { ask, abort, overdue, retire } = std::mem::take(&mut self.actions);
        match ask {
            Some((cell, StopRequest::Shutdown, order)) => cell.shut_down(&order),
            Some((cell, request, _)) => cell.stop(request),
            None => {}
        }
        if let Some(cell) = overdue {
            inform(|| tracing::warn!(actor = %cell.label(), "an actor did not stop in time and is aborted"));
        }
        abort.into_iter().for_each(|task| task.abort());
        if let Some((cell, reason)) = retire {
            registry.retire(&*cell, reason);
        }
    }
}

/// Reports a child that is aborted, once.
fn report_late(order: &ShutdownOrder, entry: &mut ChildEntry) {
    if !entry.is_late() && !entry.cell.is_supervisor() {
        entry.rare_mut().late = order.report_late(|| entry.cell.label());
    }
}

/// Reports an actor that stopped.
fn report_stopped(order: &ShutdownOrder, cell: &dyn Supervised) {
    if !cell.is_supervisor() {
        order.report_stopped(|| cell.label());
    }
}

impl SupervisorNode {
    /// Returns when something has changed, or at the deadline, or earlier.
    pub(super) async fn changed_or_until(&self, mut timer: Pin<&mut Sleep>, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return self.changed.notified().await };
        // A timer that is early is cheaper than one that is set for each child.
        if timer.is_elapsed() || timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        tokio::select! {
            biased;
            () = self.changed.notified() => {}
            () = timer => {}
        }
    }

    /// Stops all children: the last started first, or all at once if the supervisor is dynamic.
    /// Children that may be started again are parked.
    pub(in crate::supervisor) async fn stop_all(&self) {
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut keys: Vec<Key> = lock(&self.state).children.keys().collect();
        keys.reverse();
        let in_time = match self.dynamic {
            true => self.stop_together(&keys, timer.as_mut()).await,
            false => self.stop_in_order(&keys, timer.as_mut()).await,
        };
        if !in_time {
            self.stop_rest(&keys, timer.as_mut()).await;
        }
        // Some were parked while a restart was still expected.
        if lock(&self.state).parked.is_empty() {
            return self.join_gone().await;
        }
        keys.into_iter().for_each(|key| self.end_parked(key));
        self.join_gone().await;
    }

    /// Stops one after another; returns false if the time for that has passed.
    async fn stop_in_order(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) -> bool {
        for key in keys {
            lock(&self.state).awaits = AwaitedEnds::One(*key);
            if !self.stop_child(*key, Instant::now(), timer.as_mut()).await {
                return false;
            }
        }
        true
    }

    /// Stops all at once, each with its own time; returns false if the time for that has passed.
    async fn stop_together(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) -> bool {
        let start = Instant::now();
        lock(&self.state).awaits = AwaitedEnds::Last;
        let first = self.ask_all(keys, start);
        if !self.inactive_or(first, timer.as_mut()).await {
            return false;
        }
        let mut by_time: Vec<_> = {
            let state = lock(&self.state);
            if state.active == 0 {
                return true;
            }
            let time = |key: &Key| {
                let entry = state.children.get(*key)?;
                let time = match entry.shutdown() {
                    Shutdown::After(time) => time,
                    Shutdown::Unbounded => Duration::MAX,
                    Shutdown::Kill => Duration::ZERO,
                };
                Some((time, *key))
            };
            keys.iter().filter_map(time).collect()
        };
        by_time.sort_by_key(|(time, _)| *time);
        for alike in by_time.chunk_by(|one, other| one.0 == other.0) {
            let time = alike.first().map(|(time, _)| *time).filter(|time| *time < Duration::MAX);
            if !self.inactive_or(time.map(|time| later(start, time)), timer.as_mut()).await {
                return false;
            }
            // Children that are left are aborted.
            let alike: Vec<Key> = alike.iter().map(|(_, key)| *key).collect();
            self.ask_all(&alike, start);
        }
        let grace_end = later(Instant::now(), ABORT_GRACE);
        let in_time = self.inactive_or(Some(grace_end), timer).await;
        if in_time && lock(&self.state).active > 0 {
            keys.iter().for_each(|key| self.abandon(*key));
        }
        in_time
    }

    /// Returns when no child has a task any more, or at this time. Returns false if the time for
    /// stopping in order has passed.
    async fn inactive_or(&self, time: Option<Instant>, mut timer: Pin<&mut Sleep>) -> bool {
        loop {
            let limit = {
                let state = lock(&self.state);
                if state.active == 0 {
                    return true;
                }
                state.order().deadlines.map(|limit| limit.in_order)
            };
            let now = Instant::now();
            if limit.is_some_and(|limit| now >= limit) {
                return false;
            }
            if time.is_some_and(|time| now >= time) {
                return true;
            }
            self.changed_or_until(timer.as_mut(), time.into_iter().chain(limit).min()).await;
        }
    }

    /// Asks all of them, or aborts those whose time is over. Works in batches, so that children that
    /// end meanwhile get the lock. Returns the time at which the first has to be looked at again.
    fn ask_all(&self, keys: &[Key], since: Instant) -> Option<Instant> {
        const BATCH: usize = 16;
        let mut stops = Vec::with_capacity(BATCH);
        let mut first = None;
        for batch in keys.chunks(BATCH) {
            let now = Instant::now();
            {
                let mut state = lock(&self.state);
                stops.extend(batch.iter().map(|key| {
                    let mut stop = ChildStop::new(since);
                    let again = stop.next(&mut state, *key, now).flatten();
                    first = first.into_iter().chain(again).min();
                    stop
                }));
            }
            stops.drain(..).for_each(|mut stop| stop.carry_out(&self.registry));
        }
        first
    }

    /// Stops one child; returns false if the time for stopping one after another has passed.
    async fn stop_child(&self, key: Key, since: Instant, mut timer: Pin<&mut Sleep>) -> bool {
        let mut stop = ChildStop::new(since);
        loop {
            let (next, limit) = {
                let mut state = lock(&self.state);
                let limit = state.ending.as_ref().and_then(|ending| ending.order.deadlines);
                (stop.next(&mut state, key, Instant::now()), limit.map(|limit| limit.in_order))
            };
            stop.carry_out(&self.registry);
            let Some(deadline) = next else {
                self.end_parked(key);
                return true;
            };
            if limit.is_some_and(|limit| Instant::now() >= limit) {
                return false;
            }
            let until = deadline.into_iter().chain(limit).min();
            self.changed_or_until(timer.as_mut(), until).await;
        }
    }

    /// Stops all children that are left at once, because the time for stopping in order has passed.
    async fn stop_rest(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) {
        lock(&self.state).awaits = AwaitedEnds::Last;
        self.ask_all(keys, Instant::now());
        let Some(limit) = lock(&self.state).order().deadlines else { return };
        self.inactive_until(limit.together, timer.as_mut()).await;
        let (aborted, supervisors) = {
            let mut state = lock(&self.state);
            let order = state.order();
            let mut aborted = Vec::new();
            let mut supervisors = false;
            for key in keys {
                let Some(entry) = state.children.get_mut(*key) else { continue };
                // A supervisor keeps the same deadlines.
                supervisors |= entry.cell.is_supervisor() && entry.task_state == TaskState::Live;
                if entry.task_state != TaskState::Live || entry.cell.is_supervisor() {
                    continue;
                }
                report_late(&order, entry);
                aborted.extend(state.mark_aborting(*key));
            }
            (aborted, supervisors)
        };
        aborted.iter().for_each(AbortHandle::abort);
        let grace_end = match supervisors {
            true => limit.report,
            false => limit.report.min(later(Instant::now(), ABORT_GRACE)),
        };
        self.inactive_until(grace_end, timer).await;
        for key in keys {
            self.abandon(*key);
        }
    }

    /// Returns when no child has a task any more, or at this time.
    async fn inactive_until(&self, time: Instant, mut timer: Pin<&mut Sleep>) {
        while lock(&self.state).active > 0 && Instant::now() < time {
            self.changed_or_until(timer.as_mut(), Some(time)).await;
        }
    }

    /// Aborts the task of a child, and ends the child for good.
    pub(in crate::supervisor) fn abandon(&self, key: Key) {
        let (abort, cell) = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get(key).filter(|entry| entry.task_state.is_active()) else {
                return;
            };
            let leaves = entry.task_state == TaskState::Leaving;
            let abort = state.mark_aborting(key);
            let order = state.order();
            let Some(cell) = state.remove(key) else { return };
            if leaves {
                // Its own task ends it in a moment.
                report_stopped(&order, &*cell);
                drop(state);
                return self.tell_removed();
            }
            (abort, cell)
        };
        self.tell_removed();
        abort.into_iter().for_each(|task| task.abort());
        self.registry.retire(&*cell, ExitReason::Killed);
    }

    /// Ends a parked child for good, if its supervisor ends for good.
    fn end_parked(&self, key: Key) {
        let (parked, cell, order) = {
            let mut state = lock(&self.state);
            if state.may_revive() {
                return;
            }
            let Some(parked) = state.parked.remove(&key) else { return };
            let late = state.children.get(key).is_some_and(ChildEntry::is_late);
            let Some(cell) = state.remove(key) else { return };
            (parked, cell, if late { ShutdownOrder::default() } else { state.order() })
        };
        self.tell_removed();
        self.end_idle(parked, &cell, &order);
    }

    fn end_idle(&self, parked: ParkedChild, cell: &Arc<dyn Supervised>, order: &ShutdownOrder) {
        cell.shut_down(order);
        report_stopped(order, &**cell);
        self.registry.retire(&**cell, parked.failure.as_deref().cloned().unwrap_or(ExitReason::Shutdown));
        parked.runner.discard();
    }

    /// Joins the tasks of children that have ended; the root joins those that take too long.
    async fn join_gone(&self) {
        let (mut tasks, limit) = {
            let mut state = lock(&self.state);
            (state.ended_tasks.take(), state.order().deadlines)
        };
        if self.is_root() {
            tasks.extend(self.registry.take_strays());
            tasks.extend(self.registry.services().deadlines.stop());
        }
        let grace_end = later(Instant::now(), ABORT_GRACE);
        let grace_end = limit.map_or(grace_end, |limit| grace_end.min(limit.report));
        let all = async {
            for task in &mut tasks {
                // The reason of its end is known already.
                let _ = task.await;
            }
        };
        let _ = timeout_at(grace_end, all).await;
        tasks.retain(|task| !task.is_finished());
        self.registry.add_strays(tasks);
    }

    /// Records the end of the supervisor's incarnation, and returns the reason.
    pub(in crate::supervisor) fn finish(&self) -> ExitReason {
        lock(&self.state).rest()
    }

    /// Aborts the children, because the incarnation of the supervisor was aborted.
    pub(in crate::supervisor) fn abort_children(&self) {
        // Dropped outside the lock, with the error in it.
        let _earlier;
        let aborted: Vec<AbortHandle> = {
            let mut state = lock(&self.state);
            state.end(Ending::new(ExitReason::Killed, false, ShutdownOrder::default()));
            let order = state.order();
            _earlier = Contained::new(state.rest());
            let keys: Vec<Key> = state.children.keys().collect();
            let mut aborted = Vec::new();
            for key in keys.into_iter().rev() {
                if let Some(entry) =
                    state.children.get_mut(key).filter(|entry| entry.task_state == TaskState::Live)
                {
                    report_late(&order, entry);
                }
                aborted.extend(state.mark_aborting(key));
            }
            aborted
        };
        self.announce_change();
        aborted.iter().for_each(AbortHandle::abort);
    }

    /// Ends the children that are left, when the supervisor has ended for good.
    pub(super) fn end_children(&self) {
        let (keys, order) = {
            let mut state = lock(&self.state);
            state.phase = Phase::Ended;
            let mut keys: Vec<Key> = state.children.keys().collect();
            keys.reverse();
            (keys, state.order())
        };
        for key in keys {
            let parked = {
                let mut state = lock(&self.state);
                match state.parked.remove(&key) {
                    Some(parked) => state.remove(key).map(|cell| (parked, cell)),
                    None => None,
                }
            };
            match parked {
                Some((parked, cell)) => {
                    self.tell_removed();
                    self.end_idle(parked, &cell, &order);
                }
                None => self.abandon(key),
            }
        }
        let tasks = lock(&self.state).ended_tasks.take();
        self.registry.add_strays(tasks);
    }
}
