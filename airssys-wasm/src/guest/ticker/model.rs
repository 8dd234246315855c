//! The ticker with guests, in the interleavings that shuttle explores.
//!
//! A guest that no tick interrupts runs for ever, which shuttle reports as too many steps.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread::{self, park, spawn, yield_now};

mod atomic {
    pub(super) use shuttle::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
}

#[allow(clippy::duplicate_mod, reason = "the model has atomics of its own")]
#[path = "activity.rs"]
mod activity;

use activity::Activity;

const ITERATIONS: usize = 2_000;
const LINGER: u32 = 2;
const GUESTS: usize = 2;

/// The ticker's thread, and the epoch that it advances.
struct Model {
    activity: Activity,
    epoch: AtomicU64,
    parked: AtomicU64,
}

impl Model {
    /// Runs a guest until the next tick interrupts it.
    fn interrupted(&self, deadline: u64) {
        while self.epoch.load(Ordering::SeqCst) < deadline {
            yield_now();
        }
    }

    fn deadline(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst) + 1
    }
}

fn scenario() {
    let activity = Activity::default();
    let model = Arc::new(Model { activity, epoch: AtomicU64::new(0), parked: AtomicU64::new(0) });
    let ticks = Arc::clone(&model);
    let ticker = spawn(move || {
        let tick = || {
            ticks.epoch.fetch_add(1, Ordering::SeqCst);
            yield_now();
            true
        };
        ticks.activity.run(LINGER, tick, || {
            ticks.parked.fetch_add(1, Ordering::SeqCst);
            park();
        });
    });
    let thread = ticker.thread().clone();
    let guests: Vec<_> = (0..GUESTS)
        .map(|_| {
            let (model, ticker) = (Arc::clone(&model), thread.clone());
            spawn(move || {
                for _ in 0..2 {
                    let wake = || {
                        if model.activity.wake() {
                            ticker.unpark()
                        }
                    };
                    let deadline = model.deadline();
                    wake();
                    model.interrupted(deadline);
                    model.activity.hold();
                    wake();
                    model.interrupted(model.deadline());
                    model.activity.release();
                }
            })
        })
        .collect();
    guests.into_iter().for_each(|guest| guest.join().unwrap());
    // Without guests, the ticker parks for good.
    while !model.activity.is_parked() {
        thread::yield_now();
    }
    assert!(model.parked.load(Ordering::SeqCst) < 100);
    model.activity.end();
    thread.unpark();
    ticker.join().unwrap();
}

#[test]
fn every_entered_guest_is_interrupted_and_the_ticker_parks_without_guests() {
    shuttle::check_random(scenario, ITERATIONS);
    shuttle::check_pct(scenario, ITERATIONS, 3);
}
