//! The values that the messages of an app share.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::observe::audit::Trail;
use crate::observe::dead_letters::DeadLetters;
use crate::observe::in_flight::InFlightCount;
use crate::observe::trace::MessageTracer;
use crate::routing::state_folder::StateFolder;
use crate::routing::wait_graph::WaitGraph;

/// The values that the messages of an app share, whatever their routes.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightCount,
    pub(crate) wait_graph: Arc<WaitGraph>,
    pub(crate) trail: Arc<Trail>,
    /// `None` if the app has no state folder.
    state: Option<StateFolder>,
    /// Makes spans of the messages that are handled, if anybody wants them.
    tracer: OnceLock<Arc<dyn MessageTracer>>,
    /// The time at which guests that still run are ended, because the shutdown does not wait longer.
    end_at: OnceLock<Instant>,
}

impl App {
    /// Makes an app that records its denials and refusals in this trail.
    pub(crate) fn new(trail: Arc<Trail>, state: Option<StateFolder>) -> App {
        App { trail, state, ..App::default() }
    }

    /// Returns the folder of the values that outlive the host.
    pub(crate) fn state(&self) -> Option<&StateFolder> {
        self.state.as_ref()
    }

    /// Makes spans of the messages that are handled from now on. Only the first call counts.
    pub(crate) fn trace_with(&self, tracer: Arc<dyn MessageTracer>) {
        self.tracer.get_or_init(|| tracer);
    }

    pub(crate) fn tracer(&self) -> Option<&dyn MessageTracer> {
        self.tracer.get().map(|tracer| &**tracer)
    }

    /// Ends every guest that still runs at this time. Only the first call counts.
    pub(crate) fn end_at(&self, time: Instant) {
        self.end_at.get_or_init(|| time);
    }

    /// Returns true if guests that still run are to be ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end_at.get().is_some_and(|time| Instant::now() >= *time)
    }
}
