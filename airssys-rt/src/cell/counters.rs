//! The counters that an actor's incarnations write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters that only the running incarnation writes, except `failed`.
#[derive(Default)]
pub(crate) struct Counters {
    pub(super) handled: AtomicU64,
    /// Beside the others, because an actor that fails often is restarted often: what is rare makes a
    /// restart slower.
    pub(super) failed: AtomicU64,
    pub(super) busy_ns: AtomicU64,
}

impl Counters {
    pub(crate) fn add_busy(&self, time: Duration) {
        let before = self.busy_ns.load(Ordering::Relaxed);
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.busy_ns.store(before.saturating_add(time), Ordering::Relaxed);
    }

    /// Counts messages as handled. Only called by the running incarnation.
    #[inline]
    pub(crate) fn add_handled(&self, messages: u64) {
        self.handled.store(self.handled.load(Ordering::Relaxed) + messages, Ordering::Relaxed);
    }
}
