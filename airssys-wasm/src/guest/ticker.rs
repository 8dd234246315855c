//! The ticker: a thread that advances the epoch while guests run, and sleeps while none does.
//!
//! A guest is interrupted by the first tick after its epoch deadline was set, so a tick must follow
//! each time that a guest is let run. Every entry could count the guest in and out, but all workers
//! would then write one cache line, for each message. So an entry only looks at the phase of the
//! [`Activity`], and a guest is counted ([`Ticker::hold`]) only once it is interrupted:
//!
//! 1. The entry sets the epoch deadline, then calls [`Ticker::wake`]. At least one tick follows.
//! 2. That tick interrupts a guest that still runs. The interruption takes a [`Hold`], and only then a
//!    new deadline is set.
//! 3. The ticker parks after [`LINGER`] ticks without a call of `wake`, if there is no `Hold`.
//!
//! A guest on a fiber gets its new deadline when it is resumed, so it takes a `Hold` for each poll.

mod activity;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use activity::Activity;

/// The ticks between two looks at the activity.
const LINGER: u32 = 32;

/// The atomics of [`Activity`]. Its model is compiled with those of a model checker.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
}

/// Ensures that the epoch advances while guests run. Dropping it ends its thread.
pub(crate) struct Ticker {
    activity: Arc<Activity>,
    thread: Thread,
}

impl Ticker {
    /// Starts the thread, which does not keep the engine alive.
    pub(crate) fn start(engine: &wasmtime::Engine, interval: Duration) -> io::Result<Arc<Ticker>> {
        let engine = engine.weak();
        Ticker::every(interval, move || engine.upgrade().map(|engine| engine.increment_epoch()).is_some())
    }

    /// Calls `tick` in this interval until it returns false.
    fn every(interval: Duration, mut tick: impl FnMut() -> bool + Send + 'static) -> io::Result<Arc<Ticker>> {
        let activity = Arc::new(Activity::default());
        let shared = Arc::clone(&activity);
        let run = move || {
            let tick = || {
                thread::sleep(interval);
                tick()
            };
            shared.run(LINGER, tick, thread::park);
        };
        let thread = thread::Builder::new().name("airssys-epoch".to_owned()).spawn(run)?;
        Ok(Arc::new(Ticker { activity, thread: thread.thread().clone() }))
    }

    /// Ensures that at least one tick follows. Called when a guest is let run, after its epoch
    /// deadline was set.
    pub(crate) fn wake(&self) {
        if self.activity.wake() {
            self.thread.unpark();
        }
    }

    /// Ensures that ticks follow until the result is dropped.
    pub(crate) fn hold(self: &Arc<Ticker>) -> Hold {
        self.activity.hold();
        self.wake();
        Hold(Arc::clone(self))
    }

    /// Runs a call that can be suspended. Ticks follow during each of its polls.
    pub(crate) async fn held<F: Future>(self: &Arc<Ticker>, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|context| {
            let _hold = self.hold();
            call.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.activity.end();
        self.thread.unpark();
    }
}

/// Keeps the ticker from parking until it is dropped.
pub(crate) struct Hold(Arc<Ticker>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.activity.release();
    }
}
