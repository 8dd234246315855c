//! Counts of messages in the handlers that receive them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{Notify, oneshot};

/// Time limit for the last message to be handled.
const LIMIT: Duration = Duration::from_secs(60);

/// A reason for a measurement without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error("{handled} of {expected} messages were handled")]
    Lost { handled: u64, expected: u64 },
    #[error("the messages handled add up to {sum} instead of {expected}")]
    Altered { sum: u64, expected: u64 },
    #[error("{what}: {count} of {expected}")]
    Miscounted { what: &'static str, count: u64, expected: u64 },
    #[error("{0}")]
    Broken(String),
}

/// Wraps any error of a system as a [`Failure`].
pub(crate) fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Broken(error.to_string())
}

/// Returns [`Failure::Miscounted`] unless `count` equals `expected`.
pub(crate) fn all(what: &'static str, count: u64, expected: u64) -> Result<(), Failure> {
    match count == expected {
        true => Ok(()),
        false => Err(Failure::Miscounted { what, count, expected }),
    }
}

#[derive(Default)]
struct Shared {
    /// The number of tallies below their targets.
    open: AtomicUsize,
    sum: AtomicU64,
    handled: Mutex<Vec<Arc<AtomicU64>>>,
    ended: Mutex<Option<oneshot::Sender<Instant>>>,
}

/// Waits until all tallies have reached their targets.
pub(crate) struct Finish {
    shared: Arc<Shared>,
    ended: oneshot::Receiver<Instant>,
    expected: u64,
    limit: Duration,
}

impl Finish {
    pub(crate) fn new() -> Self {
        let (sender, ended) = oneshot::channel();
        let shared = Shared { ended: Mutex::new(Some(sender)), ..Shared::default() };
        Self { shared: Arc::new(shared), ended, expected: 0, limit: LIMIT }
    }

    /// Makes one whose only tally counts to `target`.
    pub(crate) fn of(target: u64) -> (Self, Tally) {
        let mut finish = Self::new();
        let tally = finish.tally(target);
        (finish, tally)
    }

    /// Makes a tally for an actor that handles `target` messages. Make all tallies before the first
    /// send.
    pub(crate) fn tally(&mut self, target: u64) -> Tally {
        let handled = Arc::<AtomicU64>::default();
        lock(&self.shared.handled).push(handled.clone());
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        self.expected += target;
        Tally { seen: 0, sum: 0, target, handled, shared: self.shared.clone() }
    }

    /// Waits for the last message and returns its time. `sum` is the expected sum of all messages.
    pub(crate) async fn wait(mut self, sum: u64) -> Result<Instant, Failure> {
        let ended = tokio::time::timeout(self.limit, &mut self.ended).await;
        let handled = lock(&self.shared.handled).iter().map(|count| count.load(Ordering::Relaxed)).sum();
        match ended {
            Ok(Ok(at)) if handled == self.expected => match self.shared.sum.load(Ordering::Acquire) {
                found if found == sum => Ok(at),
                found => Err(Failure::Altered { sum: found, expected: sum }),
            },
            _ => Err(Failure::Lost { handled, expected: self.expected }),
        }
    }
}

/// The messages that one actor has handled.
#[derive(Clone)]
pub(crate) struct Tally {
    seen: u64,
    sum: u64,
    target: u64,
    /// A shared copy of `seen`, to report the number of lost messages.
    handled: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl Tally {
    #[inline]
    pub(crate) fn count(&mut self, value: u64) {
        self.seen += 1;
        self.sum = self.sum.wrapping_add(value);
        self.handled.store(self.seen, Ordering::Relaxed);
        if self.seen == self.target {
            self.reached();
        }
    }

    #[cold]
    fn reached(&self) {
        self.shared.sum.fetch_add(self.sum, Ordering::AcqRel);
        if self.shared.open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(ended) = lock(&self.shared.ended).take()
        {
            // The send fails if the wait has timed out.
            let _ = ended.send(Instant::now());
        }
    }
}

/// Tells a publisher that all subscribers have handled its publication.
pub(crate) struct Gather {
    handled: AtomicUsize,
    parties: usize,
    all: Notify,
    limit: Duration,
}

impl Gather {
    pub(crate) fn new(parties: usize) -> Arc<Self> {
        Arc::new(Self::within(LIMIT, parties))
    }

    fn within(limit: Duration, parties: usize) -> Self {
        Self { handled: AtomicUsize::new(0), parties, all: Notify::new(), limit }
    }

    pub(crate) fn arrive(&self) {
        if self.handled.fetch_add(1, Ordering::AcqRel) + 1 == self.parties {
            self.handled.store(0, Ordering::Release);
            self.all.notify_one();
        }
    }

    pub(crate) async fn wait(&self) -> Result<(), Failure> {
        let late = |_| {
            let (handled, expected) = (self.handled.load(Ordering::Acquire) as u64, self.parties as u64);
            Failure::Lost { handled, expected }
        };
        tokio::time::timeout(self.limit, self.all.notified()).await.map_err(late)
    }
}

/// Counts of each hook's calls, over all actors.
#[derive(Default)]
pub(crate) struct Hooks {
    entered: AtomicU64,
    started: AtomicU64,
    leaving: AtomicU64,
    stopped: AtomicU64,
}

impl Hooks {
    pub(crate) fn enter(&self) {
        self.entered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn leave(&self) {
        self.leaving.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stopped.fetch_add(1, Ordering::Release);
    }

    /// Checks that all hooks before the first message have run.
    pub(crate) fn all_started(&self, actors: u64) -> Result<(), Failure> {
        all("actors that started", self.started.load(Ordering::Acquire), actors)?;
        all("actors that entered", self.entered.load(Ordering::Acquire), actors)
    }

    /// Checks that all hooks after the last message have run.
    pub(crate) fn all_stopped(&self, actors: u64) -> Result<(), Failure> {
        all("actors that stopped", self.stopped.load(Ordering::Acquire), actors)?;
        all("actors that left", self.leaving.load(Ordering::Acquire), actors)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_tally_ends_the_wait() {
        let mut finish = Finish::new();
        let mut tallies = [finish.tally(2), finish.tally(1)];
        tallies[0].count(1);
        tallies[1].count(2);
        assert!(matches!(finish.ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        tallies[0].count(3);
        assert!(finish.wait(6).await.is_ok());
    }

    #[tokio::test]
    async fn a_lost_message_is_a_failure() {
        let (mut finish, mut tally) = Finish::of(3);
        finish.limit = Duration::ZERO;
        tally.count(0);
        tally.count(1);
        let failure = finish.wait(3).await.unwrap_err();
        assert_eq!(failure.to_string(), "2 of 3 messages were handled");
    }

    #[tokio::test]
    async fn a_duplicated_message_is_a_failure() {
        let (finish, mut tally) = Finish::of(2);
        tally.count(0);
        tally.count(0);
        assert!(matches!(finish.wait(1).await, Err(Failure::Altered { sum: 0, expected: 1 })));
        let (finish, mut tally) = Finish::of(1);
        tally.count(0);
        tally.count(0);
        assert!(matches!(finish.wait(0).await, Err(Failure::Lost { handled: 2, expected: 1 })));
    }

    #[tokio::test]
    async fn a_subscriber_without_a_message_is_a_failure() {
        let gather = Gather::within(Duration::ZERO, 2);
        gather.arrive();
        gather.arrive();
        assert!(gather.wait().await.is_ok());
        gather.arrive();
        let failure = gather.wait().await.unwrap_err();
        assert_eq!(failure.to_string(), "1 of 2 messages were handled");
    }

    #[test]
    fn a_hook_that_did_not_run_is_a_failure() {
        let hooks = Hooks::default();
        hooks.enter();
        assert!(hooks.all_started(1).is_err());
        hooks.start();
        assert!(hooks.all_started(1).is_ok());
        hooks.stop();
        assert!(hooks.all_stopped(1).is_err());
    }
}
