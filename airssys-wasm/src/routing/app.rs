//! The values that all messages of an app share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::Notify;

use crate::observe::audit::Trail;
use crate::observe::dead_letters::DeadLetters;
use crate::observe::in_flight::InFlightCount;
use crate::observe::trace::MessageTracer;
use crate::routing::state_folder::StateFolder;
use crate::routing::wait_graph::WaitGraph;

/// The values that all messages of an app share, independent of their routes.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightCount,
    pub(crate) wait_graph: Arc<WaitGraph>,
    pub(crate) trail: Arc<Trail>,
    /// The largest message that a component accepts, in bytes.
    largest_message: AtomicUsize,
    /// `None` if the app has no state folder.
    state: Option<StateFolder>,
    /// The tracer that begins a span for each handled message. Unset without tracing.
    tracer: OnceLock<Arc<dyn MessageTracer>>,
    /// The time at which guests that still run are interrupted, so that the shutdown ends in time.
    end_at: OnceLock<Instant>,
    /// Notified when `end_at` is set.
    ending: Notify,
}

impl App {
    /// Makes an app that records denials and refusals in `trail`.
    pub(crate) fn new(trail: Arc<Trail>, state: Option<StateFolder>) -> App {
        App { trail, state, ..App::default() }
    }

    /// Returns the state folder, or `None` if the app has none.
    pub(crate) fn state(&self) -> Option<&StateFolder> {
        self.state.as_ref()
    }

    /// Raises the size of the largest message to that of another component.
    pub(crate) fn accepts_messages_up_to(&self, bytes: usize) {
        self.largest_message.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Returns the size of the largest message that a component accepts, in bytes.
    pub(crate) fn largest_message(&self) -> usize {
        self.largest_message.load(Ordering::Relaxed)
    }

    /// Sets the tracer. Only the first call has an effect.
    pub(crate) fn trace_with(&self, tracer: Arc<dyn MessageTracer>) {
        self.tracer.get_or_init(|| tracer);
    }

    pub(crate) fn tracer(&self) -> Option<&dyn MessageTracer> {
        self.tracer.get().map(|tracer| &**tracer)
    }

    /// Interrupts guests that still run at `time`, and starts of instances at once. Only the first call
    /// has an effect.
    pub(crate) fn end_at(&self, time: Instant) {
        self.end_at.get_or_init(|| time);
        self.ending.notify_waiters();
    }

    /// Waits for a call of [`App::end_at`]. Cancel safe.
    pub(crate) async fn ending(&self) {
        // Made before the check, because it notices each notification from then on.
        let notified = self.ending.notified();
        if self.end_at.get().is_none() {
            notified.await;
        }
    }

    /// Waits until the time to interrupt guests has passed. Cancel safe.
    pub(crate) async fn ended(&self) {
        self.ending().await;
        if let Some(time) = self.end_at.get() {
            tokio::time::sleep_until((*time).into()).await;
        }
    }

    /// Returns true if the time to interrupt guests has passed.
    pub(crate) fn has_ended(&self) -> bool {
        self.end_at.get().is_some_and(|time| Instant::now() >= *time)
    }
}
