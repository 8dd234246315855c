//! A cached clock for the messages that a guest sends.

use std::time::Duration;

use tokio::time::Instant;

/// Sends that share one reading of the clock, because a reading costs a tenth of a send.
const SENDS_PER_READING: u32 = 16;

/// The time at which a guest sends, late by less than a tick. The clock is read at the first send of
/// each call, after each tick, and every few sends.
#[derive(Default)]
pub(crate) struct SendClock {
    time: Option<Instant>,
    sends_left: u32,
}

impl SendClock {
    /// Makes the next send read the clock.
    pub(crate) fn expire(&mut self) {
        self.sends_left = 0;
    }

    pub(crate) fn now(&mut self) -> Instant {
        let cached = self.time.filter(|_| self.sends_left > 0);
        let time = cached.unwrap_or_else(|| {
            self.sends_left = SENDS_PER_READING;
            Instant::now()
        });
        self.sends_left -= 1;
        self.time = Some(time);
        time
    }
}

/// One call in this many is timed and stands for all, because reading the clock twice takes half as long as
/// a send.
const TIMED_ONE_IN: u32 = 64;

/// Chooses the calls that are timed: at random, so that a guest cannot hide long calls between them.
pub(crate) struct CallSamples {
    calls_left: u32,
}

/// A call that is timed.
pub(crate) struct CallSample(std::time::Instant);

impl Default for CallSamples {
    fn default() -> CallSamples {
        CallSamples { calls_left: interval() }
    }
}

impl CallSamples {
    /// Counts a call. Returns its sample if it is timed.
    pub(crate) fn next(&mut self) -> Option<CallSample> {
        self.calls_left -= 1;
        (self.calls_left == 0).then(|| {
            self.calls_left = interval();
            CallSample(std::time::Instant::now())
        })
    }
}

/// Returns the number of calls up to the next one that is timed: [`TIMED_ONE_IN`] on average.
fn interval() -> u32 {
    fastrand::u32(1..2 * TIMED_ONE_IN)
}

impl CallSample {
    /// Returns the time of all calls for which this one stands.
    pub(crate) fn took(self) -> Duration {
        self.0.elapsed() * TIMED_ONE_IN
    }
}
