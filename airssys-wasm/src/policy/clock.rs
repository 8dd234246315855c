//! The clock of an app's rate limits.

use tokio::time::Instant;

/// The time since a host was created. All of its rate limits use this clock, which pauses with
/// tokio's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Default for Clock {
    fn default() -> Clock {
        Clock(Instant::now())
    }
}

impl Clock {
    /// Returns the nanoseconds since the start. Never decreases.
    pub(crate) fn now_ns(self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// Returns the nanoseconds from the start to `time`.
    pub(crate) fn ns_at(self, time: Instant) -> u64 {
        let elapsed = time.saturating_duration_since(self.0);
        elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(elapsed.subsec_nanos().into())
    }
}
