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

/// One send in this many is timed and stands for all, because reading the clock twice takes half as long
/// as a send.
const TIMED_ONE_IN: u32 = 64;

/// Chooses the sends that are timed.
#[derive(Default)]
pub(crate) struct SendSamples {
    sends: u32,
}

/// A send that is timed.
pub(crate) struct SendSample(std::time::Instant);

impl SendSamples {
    /// Counts a send. Returns its sample if it is timed.
    pub(crate) fn next(&mut self) -> Option<SendSample> {
        self.sends = self.sends.wrapping_add(1);
        self.sends.is_multiple_of(TIMED_ONE_IN).then(|| SendSample(std::time::Instant::now()))
    }
}

impl SendSample {
    /// Returns the time of all sends for which this one stands.
    pub(crate) fn took(self) -> Duration {
        self.0.elapsed() * TIMED_ONE_IN
    }
}
