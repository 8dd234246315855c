//! When a guest sends.

use tokio::time::Instant;

/// Sends for which one look at the clock is enough: it costs as much as a tenth of a message.
const SENDS_PER_LOOK: u32 = 16;

/// When a guest sends: looked at in each of its calls, at each tick, and once in a few sends. So it is
/// late by less than a tick.
#[derive(Default)]
pub(crate) struct SentAt {
    time: Option<Instant>,
    left: u32,
}

impl SentAt {
    /// The clock is to be looked at for the next send.
    pub(crate) fn look(&mut self) {
        self.left = 0;
    }

    pub(crate) fn now(&mut self) -> Instant {
        let known = self.time.filter(|_| self.left > 0);
        let time = known.unwrap_or_else(|| {
            self.left = SENDS_PER_LOOK;
            Instant::now()
        });
        self.left -= 1;
        self.time = Some(time);
        time
    }
}
