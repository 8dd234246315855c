//! The deadlines of all requests of a system, kept by one task for each list.
//!
//! A timer for each request would cost more than the request: registering and removing it takes
//! two locks, and wakes the timer's thread when it is the earliest. Almost every request is answered
//! in time. So a list has an entry for each slot, and not for each request: a slot that is used again
//! keeps its entry, unless the new deadline is earlier. When the time of an entry has come, the slot
//! gives its deadline, and is filed again if that is later.
//!
//! The list is swept whenever it has doubled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

/// The list is not swept while it is shorter than this.
const SWEEP_FROM: usize = 64;

/// The slot of a request with a deadline. It is over once the list holds the only reference.
pub(crate) trait Expire: Send + Sync {
    /// Called when the time of the entry has come. The request expires if its deadline has come too.
    /// If that is later, returns the new entry, which the caller adds.
    fn expire(&self, entry: Entry) -> Option<Entry>;

    /// Returns true if this is the slot's entry, and not one that it has left behind.
    fn has(&self, entry: Entry) -> bool;

    /// Called when the entry is removed, and the deadline will not be kept any more.
    fn abandon(&self, entry: Entry);
}

/// An entry of a list of deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The system that has the list.
    system: u64,
    /// The millisecond in which the request expires.
    time: u64,
}

impl Entry {
    /// Returns true if the slot with this entry is looked at early enough for the other.
    #[inline]
    pub(super) fn covers(self, other: Self) -> bool {
        self.system == other.system && self.time <= other.time
    }

    /// Returns true if this expires later than the other.
    pub(super) fn is_after(self, other: Self) -> bool {
        self.time > other.time
    }

    #[cfg(all(test, shuttle))]
    pub(super) fn at(time: u64) -> Self {
        Self { system: 0, time }
    }
}

/// The number of lists. With several, threads seldom wait for each other.
const LISTS: usize = 8;

thread_local! {
    /// The index of the list for requests that are made on this thread.
    static LIST: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % LISTS
    };
}

/// The deadlines of the future, to the millisecond.
pub(crate) struct Deadlines {
    /// Differs from that of every other system of the process.
    system: u64,
    epoch: Instant,
    lists: [Arc<Shared>; LISTS],
    runtime: Handle,
}

struct Shared {
    system: u64,
    epoch: Instant,
    list: Mutex<List>,
    sooner: Notify,
}

/// A deadline: the millisecond since the epoch in which it expires, and the request.
type Deadline = (u64, Arc<dyn Expire>);

#[derive(Default)]
struct List {
    /// Deadlines that the keeper has not seen yet.
    fresh: Vec<Deadline>,
    /// Deadlines that the keeper has seen, by the millisecond.
    by_time: BTreeMap<u64, Vec<Arc<dyn Expire>>>,
    /// The number of deadlines in `by_time`.
    kept: usize,
    /// The number of deadlines at which the list is swept next.
    limit: usize,
    /// The time until which the keeper sleeps.
    next: Option<u64>,
    keeper: Keeper,
    /// The number of keepers that there have been.
    keepers: u64,
    stopped: bool,
}

/// The task that sleeps until the next deadline.
#[derive(Default)]
enum Keeper {
    /// There are no deadlines.
    #[default]
    None,
    /// The keeper of this number is being spawned, without the lock: a runtime that has shut down
    /// drops it right there.
    Spawned(u64),
    Runs(JoinHandle<()>),
}

impl Deadlines {
    pub(crate) fn new(runtime: Handle) -> Self {
        static SYSTEMS: AtomicU64 = AtomicU64::new(0);
        let system = SYSTEMS.fetch_add(1, Ordering::Relaxed);
        let epoch = Instant::now();
        let shared = |_| Arc::new(Shared { system, epoch, list: Mutex::default(), sooner: Notify::new() });
        Self { system, epoch, lists: std::array::from_fn(shared), runtime }
    }

    /// The entry of a request that expires after this time.
    #[inline]
    pub(super) fn entry(&self, after: Duration) -> Entry {
        let time = millis_up((Instant::now() - self.epoch).saturating_add(after));
        Entry { system: self.system, time }
    }

    /// Adds the entry of a slot.
    pub(super) fn add(&self, entry: Entry, expires: Arc<dyn Expire>) {
        let shared = LIST.with(|number| &self.lists[*number]);
        let time = entry.time;
        let mut list = lock(&shared.list);
        if list.stopped {
            drop(list);
            return expires.abandon(entry);
        }
        list.fresh.push((time, expires));
        if list.fresh.len() + list.kept >= list.limit.max(SWEEP_FROM) {
            list.sweep(self.system);
        }
        if list.next.is_some_and(|next| time >= next) {
            return;
        }
        list.next = Some(time);
        if !matches!(list.keeper, Keeper::None) {
            return shared.sooner.notify_one();
        }
        list.keepers += 1;
        let number = list.keepers;
        list.keeper = Keeper::Spawned(number);
        drop(list);
        let keeper = self.runtime.spawn(keep(Watch { shared: shared.clone(), over: false }));
        let mut list = lock(&shared.list);
        match list.keeper {
            Keeper::Spawned(spawned) if spawned == number => list.keeper = Keeper::Runs(keeper),
            // It has ended already, or is to.
            _ => keeper.abort(),
        }
    }

    /// Ends the tasks that keep the deadlines, and tells requesters that still wait at once.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        let mut keepers = Vec::new();
        for shared in &self.lists {
            if let Keeper::Runs(keeper) = shared.stop() {
                keeper.abort();
                keepers.push(keeper);
            }
        }
        keepers
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Takes no more deadlines, and tells the requesters that still wait at once.
    fn stop(&self) -> Keeper {
        let List { fresh, by_time, keeper, .. } = {
            let stopped = List { stopped: true, ..List::default() };
            std::mem::replace(&mut *lock(&self.list), stopped)
        };
        let abandon = |(time, waits): (u64, &Arc<dyn Expire>)| waits.abandon(self.entry(time));
        fresh.iter().map(|(time, waits)| (*time, waits)).for_each(abandon);
        by_time
            .iter()
            .flat_map(|(time, waiting)| waiting.iter().map(|waits| (*time, waits)))
            .for_each(abandon);
        keeper
    }

    fn entry(&self, time: u64) -> Entry {
        Entry { system: self.system, time }
    }

    /// Lets the requests expire whose time has come, and files again those that expire later. Returns
    /// the time until which the keeper sleeps.
    fn expire(&self, now: u64) -> Option<u64> {
        let due = lock(&self.list).take_due(self.system, now);
        let later = |(time, waiting): (u64, Vec<Arc<dyn Expire>>)| {
            let entry = self.entry(time);
            let later = |waits: Arc<dyn Expire>| waits.expire(entry).map(|entry| (entry.time, waits));
            waiting.into_iter().filter_map(later).collect::<Vec<Deadline>>()
        };
        let later: Vec<Deadline> = due.into_iter().flat_map(later).collect();
        let mut list = lock(&self.list);
        if list.stopped {
            drop(list);
            later.iter().for_each(|(time, waits)| waits.abandon(self.entry(*time)));
            return None;
        }
        list.file(later);
        if list.next.is_none() {
            list.keeper = Keeper::None;
        }
        list.next
    }
}

/// The list of a keeper. Dropped by a runtime that shuts down, it tells the requesters, because some
/// may wait on threads of their own.
struct Watch {
    shared: Arc<Shared>,
    /// True once the keeper ends by itself, because there are no deadlines.
    over: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.over {
            self.shared.stop();
        }
    }
}

impl List {
    /// Removes requests that are over. The others stay in place, because most of them soon will be
    /// over.
    fn sweep(&mut self, system: u64) {
        self.fresh.retain(|(time, expires)| is_awaited(Entry { system, time: *time }, expires));
        if self.kept > 0 {
            self.by_time.retain(|time, expiring| {
                expiring.retain(|expires| is_awaited(Entry { system, time: *time }, expires));
                !expiring.is_empty()
            });
            self.kept = self.by_time.values().map(Vec::len).sum();
        }
        self.limit = 2 * (self.fresh.len() + self.kept);
    }

    fn sort_in(&mut self, system: u64) {
        let mut fresh = std::mem::take(&mut self.fresh);
        for (time, expires) in fresh.drain(..) {
            if is_awaited(Entry { system, time }, &expires) {
                self.keep(time, expires);
            }
        }
        self.fresh = fresh;
    }

    fn keep(&mut self, time: u64, expires: Arc<dyn Expire>) {
        self.by_time.entry(time).or_default().push(expires);
        self.kept += 1;
    }

    /// Adds entries that the keeper has taken, with their later times.
    fn file(&mut self, later: Vec<Deadline>) {
        for (time, expires) in later {
            self.next = Some(self.next.map_or(time, |next| next.min(time)));
            self.keep(time, expires);
        }
    }

    /// Takes the entries whose time has come in this millisecond.
    fn take_due(&mut self, system: u64, now: u64) -> BTreeMap<u64, Vec<Arc<dyn Expire>>> {
        self.sort_in(system);
        let later = self.by_time.split_off(&now.saturating_add(1));
        let due = std::mem::replace(&mut self.by_time, later);
        self.kept -= due.values().map(Vec::len).sum::<usize>();
        self.next = self.by_time.first_key_value().map(|(time, _)| *time);
        due
    }
}

fn is_awaited(entry: Entry, expires: &Arc<dyn Expire>) -> bool {
    Arc::strong_count(expires) > 1 && expires.has(entry)
}

/// Rounds up to whole milliseconds, so that a request never expires early.
fn millis_up(time: Duration) -> u64 {
    let millis = time.as_secs().saturating_mul(1000);
    millis.saturating_add(u64::from(time.subsec_nanos().div_ceil(1_000_000)))
}

/// Sleeps until the first deadline, lets it expire, and so on; ends when there are no more.
async fn keep(mut watch: Watch) {
    let shared = watch.shared.clone();
    loop {
        let now = u64::try_from((Instant::now() - shared.epoch).as_millis()).unwrap_or(u64::MAX);
        let Some(next) = shared.expire(now) else {
            watch.over = true;
            return;
        };
        let Some(until) = shared.epoch.checked_add(Duration::from_millis(next)) else {
            shared.sooner.notified().await;
            continue;
        };
        tokio::select! {
            () = sleep_until(until) => {}
            () = shared.sooner.notified() => {}
        }
    }
}
