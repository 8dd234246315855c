//! The deadlines of all requests of a system, kept by one task for each list.
//!
//! A timer for each request would cost more than the request: registering and removing it takes
//! two locks, and wakes the timer's thread when it is the earliest. Almost every request is answered
//! in time. So a deadline is only appended to a list, and the list is swept whenever it has doubled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

/// The list is not swept while it is shorter than this.
const SWEEP_FROM: usize = 64;

/// A request with a deadline. It is over once the list holds the only reference.
pub(crate) trait Expire: Send + Sync {
    fn expire(&self);
    /// Called when the deadline will not be kept any more.
    fn abandon(&self);
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
    lists: [Arc<Shared>; LISTS],
    runtime: Handle,
}

struct Shared {
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
        let epoch = Instant::now();
        let shared = |_| Arc::new(Shared { epoch, list: Mutex::default(), sooner: Notify::new() });
        Self { lists: std::array::from_fn(shared), runtime }
    }

    /// Adds a request that expires after the time, unless it is over before.
    pub(crate) fn add(&self, after: Duration, expires: Arc<dyn Expire>) {
        let shared = LIST.with(|number| &self.lists[*number]);
        let time = millis_up((Instant::now() - shared.epoch).saturating_add(after));
        let mut list = lock(&shared.list);
        if list.stopped {
            drop(list);
            return expires.abandon();
        }
        list.fresh.push((time, expires));
        if list.fresh.len() + list.kept >= list.limit.max(SWEEP_FROM) {
            list.sweep();
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
        fresh.iter().for_each(|(_, waits)| waits.abandon());
        by_time.values().flatten().for_each(|waits| waits.abandon());
        keeper
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
    fn sweep(&mut self) {
        self.fresh.retain(|(_, expires)| is_awaited(expires));
        if self.kept > 0 {
            self.by_time.retain(|_, expiring| {
                expiring.retain(is_awaited);
                !expiring.is_empty()
            });
            self.kept = self.by_time.values().map(Vec::len).sum();
        }
        self.limit = 2 * (self.fresh.len() + self.kept);
    }

    fn sort_in(&mut self) {
        for (time, expires) in self.fresh.drain(..).filter(|(_, expires)| is_awaited(expires)) {
            self.by_time.entry(time).or_default().push(expires);
            self.kept += 1;
        }
    }

    /// Takes the requests that expire in this millisecond.
    fn take_due(&mut self, now: u64) -> BTreeMap<u64, Vec<Arc<dyn Expire>>> {
        self.sort_in();
        let later = self.by_time.split_off(&now.saturating_add(1));
        let due = std::mem::replace(&mut self.by_time, later);
        self.kept -= due.values().map(Vec::len).sum::<usize>();
        self.next = self.by_time.first_key_value().map(|(time, _)| *time);
        due
    }
}

fn is_awaited(expires: &Arc<dyn Expire>) -> bool {
    Arc::strong_count(expires) > 1
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
        let (due, next) = {
            let mut list = lock(&shared.list);
            let due = list.take_due(now);
            if list.next.is_none() {
                list.keeper = Keeper::None;
            }
            (due, list.next)
        };
        due.into_values().flatten().for_each(|expires| expires.expire());
        let Some(next) = next else {
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
