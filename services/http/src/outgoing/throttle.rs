//! The component's limit on bytes, and the time of the last progress of a request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_wasm::{BytesWait, Caller};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Lets the bytes of a body pass at the rate that the component has.
pub(super) struct Throttle {
    caller: Caller,
    /// The bytes that have come and not passed.
    due: u64,
    wait: Option<Pin<Box<Sleep>>>,
    /// True until the body has waited.
    is_first: bool,
}

impl Throttle {
    pub(super) fn new(caller: Caller) -> Throttle {
        Throttle { caller, due: 0, wait: None, is_first: true }
    }

    /// Notes bytes that have come. They may pass when [`Throttle::poll`] is ready.
    pub(super) fn add(&mut self, bytes: usize) {
        self.due += bytes as u64;
    }

    /// Resolves when the bytes may pass. Calls `waits` with each time that it waits.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, waits: impl Fn(Duration)) -> Poll<()> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            if self.due == 0 {
                return Poll::Ready(());
            }
            match self.caller.take_bytes(self.due, self.is_first) {
                Ok(taken) => self.due -= taken,
                Err(BytesWait { wait }) => {
                    self.is_first = false;
                    waits(wait);
                    self.wait = Some(Box::pin(sleep(wait)));
                }
            }
        }
    }
}

/// The time of a request's last progress.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub(super) fn new() -> Progress {
        Progress(Arc::new(Mutex::new(Instant::now())))
    }

    /// Notes progress that is made now, or after a time that the host makes it wait.
    pub(super) fn made_in(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }

    /// Waits until no progress was made for so long.
    pub(super) async fn stalled(&self, longest: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let end = last + longest;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}
