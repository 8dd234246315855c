//! The turn of an instance: the time in the guest for which it keeps its worker.
//!
//! The actor runtime counts messages, not their time, because it does not read the clock for each. A
//! guest can take long for each, and has new ones at once if it sends to itself. So an instance also
//! yields when its guest has run for a [`TURN`].

use std::time::{Duration, Instant};

use airssys_rt::requeue;

use crate::guest::meter::Moment;

/// The time in the guest after which an instance yields. A yield takes some 0.2 µs.
const TURN: Duration = Duration::from_micros(100);

/// The most time that timers and I/O wait for the worker of a busy instance.
const REST: Duration = Duration::from_micros(500);

/// The present turn of an incarnation.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The time in the guest at the beginning of the turn.
    began: Duration,
    rested: Instant,
}

impl Turn {
    /// Begins the first turn of an incarnation.
    pub(crate) fn begin() -> Turn {
        Turn { began: Duration::ZERO, rested: Instant::now() }
    }

    /// Returns true if the instance has had its time.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        self.time(now) >= TURN
    }

    /// Returns the time in the guest since the beginning of the turn.
    pub(crate) fn time(&self, now: Moment) -> Duration {
        now.in_guest().saturating_sub(self.began)
    }

    /// Yields to other tasks if the turn is over, and begins the next one. Cancel safe.
    ///
    /// A task that wakes itself goes to the back of the run queue, where idle workers can steal it, but
    /// timers then run late. So `yield_now` is called every [`REST`], because it polls them first.
    pub(crate) async fn end(&mut self, now: Moment) {
        if !self.is_over(now) {
            return;
        }
        self.began = now.in_guest();
        match self.rested.elapsed() < REST {
            true => requeue().await,
            false => {
                tokio::task::yield_now().await;
                self.rested = Instant::now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::guest::meter::Meter;

    use super::*;

    /// Returns the moment after a guest has run for this time, on the clock of the machine.
    fn ran(meter: &Meter, time: Duration) -> Moment {
        meter.stretch(|| {
            let began = Instant::now();
            while began.elapsed() < time {
                std::hint::spin_loop();
            }
        });
        meter.moment(Instant::now())
    }

    #[tokio::test]
    async fn turn_ends_by_time_in_the_guest_and_lets_another_task_run() {
        let meter = Meter::new(Duration::from_secs(1), Arc::default());
        let mut turn = Turn::begin();
        assert!(!turn.is_over(meter.moment(Instant::now())));
        let other = tokio::spawn(async {});
        turn.end(meter.moment(Instant::now())).await;
        assert!(!other.is_finished(), "the turn goes on");
        for _ in 0..2 {
            let now = ran(&meter, TURN);
            assert!(turn.is_over(now));
            turn.end(now).await;
            assert!(other.is_finished() && !turn.is_over(now));
        }
    }
}
