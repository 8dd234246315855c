//! The clock of an app's rates.

use tokio::time::Instant;

/// The time since a host was made: the one clock of its rates. Pauses with tokio's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Default for Clock {
    fn default() -> Clock {
        Clock(Instant::now())
    }
}

impl Clock {
    /// Nanoseconds; never goes back.
    pub(crate) fn now_ns(self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// The same at a time that has been looked at before.
    pub(crate) fn ns_at(self, time: Instant) -> u64 {
        let elapsed = time.saturating_duration_since(self.0);
        elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(elapsed.subsec_nanos().into())
    }
}
