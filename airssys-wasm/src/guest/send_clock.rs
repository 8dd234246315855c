//! A cached clock for the messages that a guest sends.

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
