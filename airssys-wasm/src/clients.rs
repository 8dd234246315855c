//! The clients of a server: a bound on their number, which no client can use up.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

mod thread;
mod watched;

pub(crate) use thread::ServerThread;
pub(crate) use watched::Watched;

/// The most clients of a server that have not sent a request yet.
pub(crate) const MAX_NEWCOMERS: usize = 64;

/// The time that a client has for its first request before another can take its place, and for taking
/// bytes of an answer before it is the first to give up its place.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// The tasks of a server's clients.
///
/// Clients that have sent a request have places of their own, so that others cannot take them, however
/// many connect. A client that sends its first request always gets such a place. If all are taken, it is
/// that of a client that takes no bytes of its answer, or else of the one that has made no progress for the
/// longest time.
///
/// Newcomers have [`MAX_NEWCOMERS`] places. If all are taken, the oldest one gives up its place, but not
/// before it has had [`GRACE`] for its first request. Further clients wait until then, in their order.
pub(crate) struct Clients {
    places: Arc<Places>,
    tasks: JoinSet<()>,
}

struct Places {
    /// The most clients that have sent a request.
    most: usize,
    began: Instant,
    /// In the order in which they came.
    open: Mutex<Vec<OpenClient>>,
    /// Notified when a newcomer has sent its first request.
    spoken: Notify,
}

struct OpenClient {
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// The progress of one client.
pub(crate) struct Progress {
    places: Weak<Places>,
    began: Instant,
    came: Instant,
    /// True if it has sent a whole request.
    has_spoken: AtomicBool,
    /// True if it takes no bytes of its answer at present.
    is_stalled: AtomicBool,
    /// The time of its last progress, in nanoseconds since `began`.
    last_ns: AtomicU64,
}

impl Clients {
    /// Makes places for `most` clients that have sent a request, and for newcomers.
    pub(crate) fn at_most(most: usize) -> Clients {
        let (open, spoken) = (Mutex::default(), Notify::new());
        let places = Arc::new(Places { most, began: Instant::now(), open, spoken });
        Clients { places, tasks: JoinSet::new() }
    }

    /// Waits until there is a place for a newcomer. Cancel safe.
    pub(crate) async fn room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            let Some(wait_until) = self.places.is_full_until() else { return };
            tokio::select! {
                () = sleep_until(wait_until) => {}
                () = self.places.spoken.notified() => {}
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Frees file descriptors, because the process has none left: ends each newcomer that has had its
    /// [`GRACE`]. Without a newcomer, it ends the client that would give up its place next. Returns when
    /// they have ended. Cancel safe.
    pub(crate) async fn give_way(&mut self) {
        for task in self.places.give_way() {
            task.abort();
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Starts the task that serves a client. Ends that of the oldest newcomer if there is no
    /// [room](Clients::room).
    pub(crate) fn admit<F>(&mut self, serve: impl FnOnce(Arc<Progress>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let progress = Arc::new(Progress::new(&self.places));
        let mut open = self.places.open();
        let newcomers = open.iter().filter(|client| client.progress.is_newcomer()).count();
        if newcomers >= MAX_NEWCOMERS
            && let Some(oldest) = open.iter().position(|client| client.progress.is_newcomer())
        {
            open.remove(oldest).task.abort();
        }
        // The list is locked, so that the client cannot send a request before it is in it.
        let task = self.tasks.spawn(serve(Arc::clone(&progress)));
        open.push(OpenClient { progress, task });
    }
}

impl Places {
    /// Returns the clients whose tasks have not ended.
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<OpenClient>> {
        let mut open = lock(&self.open);
        open.retain(|client| !client.task.is_finished());
        open
    }

    /// Returns the time at which the oldest newcomer gives up its place. Returns `None` if there is a place,
    /// or if that time has passed.
    fn is_full_until(&self) -> Option<Instant> {
        let open = self.open();
        let mut newcomers = open.iter().filter(|client| client.progress.is_newcomer());
        let oldest = newcomers.next()?.progress.came + GRACE;
        (newcomers.count() + 1 >= MAX_NEWCOMERS && oldest > Instant::now()).then_some(oldest)
    }

    /// Returns the tasks of the clients that give way for lack of file descriptors.
    fn give_way(&self) -> Vec<AbortHandle> {
        let (open, now) = (self.open(), Instant::now());
        let (newcomers, speakers): (Vec<_>, Vec<_>) =
            open.iter().partition(|client| client.progress.is_newcomer());
        if newcomers.is_empty() {
            let now_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let quietest = speakers.into_iter().min_by_key(|client| client.progress.rank(now_ns));
            return quietest.into_iter().map(|client| client.task.clone()).collect();
        }
        let had_grace = newcomers.into_iter().filter(|client| client.progress.came + GRACE <= now);
        had_grace.map(|client| client.task.clone()).collect()
    }

    /// Gives a client that has sent its first request a place among those that have sent one.
    fn speaks(&self, speaker: &Progress) {
        let mut open = self.open();
        let now = speaker.now_ns();
        let others = open.iter().enumerate().filter(|(_, client)| {
            !client.progress.is_newcomer() && !std::ptr::eq(&*client.progress, speaker)
        });
        let taken = others.clone().count();
        let quietest = others.min_by_key(|(_, client)| client.progress.rank(now)).map(|(index, _)| index);
        if let Some(index) = quietest.filter(|_| taken >= self.most) {
            open.remove(index).task.abort();
        }
        drop(open);
        self.spoken.notify_one();
    }
}

impl Progress {
    fn new(places: &Arc<Places>) -> Progress {
        let progress = Progress {
            places: Arc::downgrade(places),
            began: places.began,
            came: Instant::now(),
            has_spoken: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
            last_ns: AtomicU64::new(0),
        };
        progress.made();
        progress
    }

    /// Notes that the client has sent a whole request.
    pub(crate) fn has_asked(&self) {
        self.made();
        let is_first = !self.has_spoken.swap(true, Ordering::Relaxed);
        if is_first && let Some(places) = self.places.upgrade() {
            places.speaks(self);
        }
    }

    /// Notes that the client has sent or taken something.
    pub(crate) fn made(&self) {
        self.last_ns.store(self.now_ns(), Ordering::Relaxed);
        self.is_stalled.store(false, Ordering::Relaxed);
    }

    /// Notes that the client takes no more bytes for now.
    fn stalls(&self) {
        self.is_stalled.store(true, Ordering::Relaxed);
    }

    fn is_newcomer(&self) -> bool {
        !self.has_spoken.load(Ordering::Relaxed)
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The rank of the client: the lowest is the first to give up its place.
    fn rank(&self, now_ns: u64) -> (bool, u64) {
        let last = self.last_ns.load(Ordering::Relaxed);
        let takes_nothing = self.is_stalled.load(Ordering::Relaxed)
            && u128::from(now_ns.saturating_sub(last)) > GRACE.as_nanos();
        (!takes_nothing, last)
    }
}

#[cfg(test)]
mod tests;
