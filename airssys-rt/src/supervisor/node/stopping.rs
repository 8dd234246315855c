//! The stop of children: of one, of all in order, of all at once.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use airssys_core::{ExitReason, RestartPolicy, Shutdown};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::SupervisorNode;
use super::state::{Awaits, Ending, Kept, NodeState, Order, Phase};
use crate::cell::AnyCell;
use crate::mailbox::StopRequest;
use crate::registry::Registry;
use crate::supervisor::children::{Key, Place};
use crate::sync::later;
use crate::sync::lock;

/// The most time that the tasks that were aborted get to be gone before the supervisor goes on.
const SETTLE: Duration = Duration::from_millis(50);

/// When the stages of a stop are over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
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
    pub(crate) fn new(time: Duration) -> Self {
        let now = Instant::now();
        let part = time / 40;
        Self {
            in_order: later(now, part * 36),
            together: later(now, part * 38),
            report: later(now, part * 39),
        }
    }

    pub(super) fn stricter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.report < one.report { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// How far the stop of one child has come.
pub(super) struct Asked {
    since: Instant,
    request: Option<StopRequest>,
    aborted: bool,
    /// To be done once the lock is released.
    due: Due,
}

#[derive(Default)]
struct Due {
    ask: Option<(Arc<dyn AnyCell>, StopRequest, Order)>,
    abort: Option<AbortHandle>,
    retire: Option<(Arc<dyn AnyCell>, ExitReason)>,
}

impl Asked {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, request: None, aborted: false, due: Due::default() }
    }

    /// What is next for this child: asks it, or aborts it when its time is over. Gives the time to
    /// look again, other than when something changes; nothing if the child is gone or parked.
    pub(super) fn ask(
        &mut self,
        node: &SupervisorNode,
        state: &mut NodeState,
        key: Key,
        now: Instant,
    ) -> Option<Option<Instant>> {
        let for_good = state.ends_for_good();
        let stopping = state.phase == Phase::Stopping;
        let keeps = !stopping || state.keeps(node);
        let order = state.ending.as_ref().map(|ending| &ending.order);
        let entry = state.children.get_mut(key)?;
        match entry.place {
            Place::Parked => return None,
            // It is cleaning up: nothing is left to be asked.
            Place::Leaving => return Some(None),
            Place::Live => {}
        }
        let request = match keeps && entry.policy != RestartPolicy::Temporary {
            true => StopRequest::Group,
            false => StopRequest::Shutdown,
        };
        // A supervisor that is aborted at once still has to know whom its children are reported to.
        let told = entry.shutdown != Shutdown::Kill || entry.cell.is_supervisor();
        if Some(request) > self.request && told {
            self.due.ask = Some((entry.cell.clone(), request, order.cloned().unwrap_or_default()));
        }
        self.request = Some(request);
        let deadline = match entry.shutdown {
            Shutdown::Kill => Some(self.since),
            Shutdown::After(time) => Some(later(self.since, time)),
            Shutdown::Unbounded => None,
        };
        match deadline {
            _ if self.aborted || entry.aborting => {}
            Some(deadline) if now >= deadline => {
                self.aborted = true;
                if entry.shutdown != Shutdown::Kill {
                    tracing::warn!(actor = %entry.cell.label(), "an actor did not stop in time and is aborted");
                    order.into_iter().for_each(|order| order.late(entry));
                }
                self.due.abort = state.mark_aborting(key);
                // One that blocks its thread is not gone soon.
                return Some(Some(later(now, SETTLE)));
            }
            deadline => return Some(deadline),
        }
        // It was aborted. Nobody waits long for it, unless it is to come back.
        let settled = later(deadline.unwrap_or(self.since), SETTLE);
        if !(stopping && for_good) {
            return Some(None);
        }
        if now < settled {
            return Some(Some(settled));
        }
        self.due.retire = state.remove(key).map(|cell| (cell, ExitReason::Killed));
        None
    }

    /// Does what is not to be done under the lock.
    pub(super) fn carry_out(&mut self, registry: &Registry) {
        let Due { ask, abort, retire } = std::mem::take(&mut self.due);
        match ask {
            Some((cell, StopRequest::Shutdown, order)) => cell.shut_down(&order),
            Some((cell, request, _)) => cell.stop(request),
            None => {}
        }
        abort.into_iter().for_each(|task| task.abort());
        if let Some((cell, reason)) = retire {
            registry.retire(&*cell, reason);
        }
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

    /// Stops all children: the last started first, or, of a dynamic supervisor, all at once. Those
    /// that may come back are parked.
    pub(in crate::supervisor) async fn stop_all(&self) {
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut keys: Vec<Key> = lock(&self.state).children.keys().collect();
        keys.reverse();
        let in_time = match self.dynamic {
            true => self.stop_together(&keys, timer.as_mut()).await,
            false => self.stop_in_turn(&keys, timer.as_mut()).await,
        };
        if !in_time {
            self.stop_rest(&keys, timer.as_mut()).await;
        }
        // Those that were parked before it was known that there is no restart.
        if lock(&self.state).kept.is_empty() {
            return self.join_gone().await;
        }
        keys.into_iter().for_each(|key| self.end_kept(key));
        self.join_gone().await;
    }

    /// Stops one after another; false if the time for that has passed.
    async fn stop_in_turn(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) -> bool {
        for key in keys {
            lock(&self.state).awaits = Awaits::One(*key);
            if !self.stop_child(*key, Instant::now(), timer.as_mut()).await {
                return false;
            }
        }
        true
    }

    /// Stops all at once, each with its own time; false if the time for that has passed.
    async fn stop_together(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) -> bool {
        let start = Instant::now();
        lock(&self.state).awaits = Awaits::Last;
        self.ask_all(keys, start);
        let mut by_time: Vec<_> = {
            let state = lock(&self.state);
            let time = |key: &Key| match state.children.get(*key).map(|entry| entry.shutdown) {
                Some(Shutdown::After(time)) => time,
                Some(Shutdown::Unbounded) => Duration::MAX,
                Some(Shutdown::Kill) | None => Duration::ZERO,
            };
            keys.iter().map(|key| (time(key), *key)).collect()
        };
        by_time.sort_by_key(|(time, _)| *time);
        for alike in by_time.chunk_by(|one, other| one.0 == other.0) {
            let time = alike.first().map(|(time, _)| *time).filter(|time| *time < Duration::MAX);
            if !self.inactive_or(time.map(|time| later(start, time)), timer.as_mut()).await {
                return false;
            }
            // Those that are left are aborted.
            let alike: Vec<Key> = alike.iter().map(|(_, key)| *key).collect();
            self.ask_all(&alike, start);
        }
        let settled = later(Instant::now(), SETTLE);
        let in_time = self.inactive_or(Some(settled), timer).await;
        if in_time && lock(&self.state).active > 0 {
            keys.iter().for_each(|key| self.abandon(*key));
        }
        in_time
    }

    /// Returns when no child has a task any more, or at this time; false if the time for stopping
    /// in order has passed.
    async fn inactive_or(&self, time: Option<Instant>, mut timer: Pin<&mut Sleep>) -> bool {
        loop {
            let limit = {
                let state = lock(&self.state);
                if state.active == 0 {
                    return true;
                }
                state.order().limit.map(|limit| limit.in_order)
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

    /// Asks all of them, or aborts those whose time is over: some at once, so that those that end
    /// meanwhile get at the lock.
    fn ask_all(&self, keys: &[Key], since: Instant) {
        const BATCH: usize = 16;
        let mut due = Vec::with_capacity(BATCH);
        for batch in keys.chunks(BATCH) {
            let now = Instant::now();
            {
                let mut state = lock(&self.state);
                due.extend(batch.iter().map(|key| {
                    let mut asked = Asked::new(since);
                    asked.ask(self, &mut state, *key, now);
                    asked
                }));
            }
            due.drain(..).for_each(|mut asked| asked.carry_out(&self.registry));
        }
    }

    /// Stops one child; false if the time for stopping one after another has passed.
    async fn stop_child(&self, key: Key, since: Instant, mut timer: Pin<&mut Sleep>) -> bool {
        let mut asked = Asked::new(since);
        loop {
            let (next, limit) = {
                let mut state = lock(&self.state);
                let limit = state.ending.as_ref().and_then(|ending| ending.order.limit);
                (asked.ask(self, &mut state, key, Instant::now()), limit.map(|limit| limit.in_order))
            };
            asked.carry_out(&self.registry);
            let Some(deadline) = next else {
                self.end_kept(key);
                return true;
            };
            if limit.is_some_and(|limit| Instant::now() >= limit) {
                return false;
            }
            let until = deadline.into_iter().chain(limit).min();
            self.changed_or_until(timer.as_mut(), until).await;
        }
    }

    /// Stops all that are left at once, since the time for more than that has passed.
    async fn stop_rest(&self, keys: &[Key], mut timer: Pin<&mut Sleep>) {
        lock(&self.state).awaits = Awaits::Last;
        self.ask_all(keys, Instant::now());
        let Some(limit) = lock(&self.state).order().limit else { return };
        self.inactive_until(limit.together, timer.as_mut()).await;
        let (aborted, supervisors) = {
            let mut state = lock(&self.state);
            let order = state.order();
            let mut aborted = Vec::new();
            let mut supervisors = false;
            for key in keys {
                let Some(entry) = state.children.get_mut(*key) else { continue };
                // A supervisor obeys the same limits.
                supervisors |= entry.cell.is_supervisor() && entry.place == Place::Live;
                if entry.place != Place::Live || entry.cell.is_supervisor() {
                    continue;
                }
                order.late(entry);
                aborted.extend(state.mark_aborting(*key));
            }
            (aborted, supervisors)
        };
        aborted.iter().for_each(AbortHandle::abort);
        let settled = match supervisors {
            true => limit.report,
            false => limit.report.min(later(Instant::now(), SETTLE)),
        };
        self.inactive_until(settled, timer).await;
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

    /// Ends a child for good that still has a task, which is aborted.
    fn abandon(&self, key: Key) {
        let (abort, cell) = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get(key).filter(|entry| entry.place.is_active()) else { return };
            let leaves = entry.place == Place::Leaving;
            let abort = state.mark_aborting(key);
            let order = state.order();
            let Some(cell) = state.remove(key) else { return };
            if leaves {
                // Its own task ends it in a moment.
                order.stopped(&*cell);
                return;
            }
            (abort, cell)
        };
        abort.into_iter().for_each(|task| task.abort());
        self.registry.retire(&*cell, ExitReason::Killed);
    }

    /// Ends a child for good that is parked, if its supervisor ends for good.
    fn end_kept(&self, key: Key) {
        let (kept, cell, order) = {
            let mut state = lock(&self.state);
            if state.keeps(self) {
                return;
            }
            let Some(kept) = state.kept.remove(&key) else { return };
            let late = state.children.get(key).is_some_and(|entry| entry.late);
            let Some(cell) = state.remove(key) else { return };
            (kept, cell, if late { Order::default() } else { state.order() })
        };
        self.end_idle(kept, &cell, &order);
    }

    fn end_idle(&self, kept: Kept, cell: &Arc<dyn AnyCell>, order: &Order) {
        cell.shut_down(order);
        order.stopped(&**cell);
        self.registry.retire(&**cell, kept.failure.unwrap_or(ExitReason::Shutdown));
        kept.runner.discard();
    }

    /// Joins the tasks of children that have ended; those that take too long are left to the root.
    async fn join_gone(&self) {
        let (mut tasks, limit) = {
            let mut state = lock(&self.state);
            (state.gone.take(), state.order().limit)
        };
        if self.is_root() {
            tasks.extend(self.registry.take_strays());
            tasks.extend(self.registry.services().deadlines.stop());
        }
        let settled = later(Instant::now(), SETTLE);
        let settled = limit.map_or(settled, |limit| settled.min(limit.report));
        let all = async {
            for task in &mut tasks {
                // How it ended is known already.
                let _ = task.await;
            }
        };
        let _ = timeout_at(settled, all).await;
        tasks.retain(|task| !task.is_finished());
        self.registry.add_strays(tasks);
    }

    /// The incarnation of the supervisor is over; says how.
    pub(in crate::supervisor) fn finish(&self) -> ExitReason {
        lock(&self.state).rest()
    }

    /// The incarnation of the supervisor was aborted: so are its children.
    pub(in crate::supervisor) fn abort_children(&self) {
        let aborted: Vec<AbortHandle> = {
            let mut state = lock(&self.state);
            let reason = ExitReason::Killed;
            state.end(Ending { reason, for_good: false, order: Order::default() });
            let order = state.order();
            state.rest();
            let keys: Vec<Key> = state.children.keys().collect();
            let mut aborted = Vec::new();
            for key in keys.into_iter().rev() {
                if let Some(entry) = state.children.get_mut(key).filter(|entry| entry.place == Place::Live) {
                    order.late(entry);
                }
                aborted.extend(state.mark_aborting(key));
            }
            aborted
        };
        aborted.iter().for_each(AbortHandle::abort);
    }

    /// Ends what is left of the children, when the supervisor has ended for good.
    pub(super) fn end_children(&self) {
        let (keys, order) = {
            let mut state = lock(&self.state);
            state.phase = Phase::Ended;
            let mut keys: Vec<Key> = state.children.keys().collect();
            keys.reverse();
            (keys, state.order())
        };
        for key in keys {
            let kept = {
                let mut state = lock(&self.state);
                match state.kept.remove(&key) {
                    Some(kept) => state.remove(key).map(|cell| (kept, cell)),
                    None => None,
                }
            };
            match kept {
                Some((kept, cell)) => self.end_idle(kept, &cell, &order),
                None => self.abandon(key),
            }
        }
        let gone = lock(&self.state).gone.take();
        self.registry.add_strays(gone);
    }
}
