//! The context of one incarnation of an instance, on which its imports work.

use std::sync::Arc;
use std::time::Instant;

use airssys_rt::ActorRef;
use airssys_spec::Limits;
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::backend::set::BackendSet;
use crate::contract::BoundedText;
use crate::guest::batch::Batch;
use crate::guest::component_log::{ComponentLog, mark_cut};
use crate::guest::counted_routes::CountedRoutes;
use crate::guest::deferred_wakeups::DeferredWakeups;
use crate::guest::long_stretches::LongStretches;
use crate::guest::meter::Meter;
use crate::guest::send_clock::{CallSamples, SendClock};
use crate::guest::settings::LiveSettings;
use crate::guest::start_deadline::StartDeadline;
use crate::observe::memory::MemoryGauge;
use crate::observe::stats::ComponentStats;
use crate::observe::trace::TraceContext;
use crate::observe::usage::Gauges;
use crate::routing::callbacks::Callbacks;
use crate::routing::draft::Origin;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::identity::Identity;
use crate::routing::router::{Route, Router};
use crate::routing::sender::Sender;
use crate::routing::topic_route::TopicRoute;

/// The dependencies of an instance, shared by all its incarnations.
pub(crate) struct InstanceDependencies {
    pub(crate) identity: Identity,
    pub(crate) limits: Arc<Limits>,
    pub(crate) router: Arc<Router>,
    pub(crate) sender: Sender,
    pub(crate) myself: ActorRef<Envelope>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) memory: Arc<MemoryGauge>,
    /// The log that all instances of the component share.
    pub(crate) log: Arc<ComponentLog>,
    pub(crate) settings: Arc<LiveSettings>,
    /// The backends that serve the labels of the host's services.
    pub(crate) backends: BackendSet,
    /// Those of all instances of the component.
    pub(crate) long_stretches: Arc<LongStretches>,
}

/// The names that a guest has resolved. The index of an entry is its handle.
pub(crate) type Handles<T> = IndexMap<Arc<str>, T, FixedState>;

/// The context of one incarnation of an instance.
pub(crate) struct GuestContext {
    pub(crate) instance: Arc<InstanceDependencies>,
    pub(crate) incarnation: u64,
    pub(crate) callbacks: Arc<Callbacks>,
    pub(crate) routes: Handles<Route>,
    pub(crate) topics: Handles<TopicRoute>,
    pub(crate) counted_routes: CountedRoutes,
    pub(crate) meter: Arc<Meter>,
    pub(crate) batch: Batch,
    /// The wake-ups deferred until the guest returns. `None` if its calls can be suspended.
    pub(crate) wakeups: Option<DeferredWakeups>,
    pub(crate) send_clock: SendClock,
    pub(crate) call_samples: CallSamples,
    /// The origin of the message that it sent last.
    origin: Arc<Origin>,
    /// The trace of the callback that the guest handles at present.
    pub(crate) callback_trace: Option<TraceContext>,
    pub(crate) stop_requested: bool,
    /// The deadline of the present calls. `None` if they only have their execution time.
    pub(crate) start_deadline: Option<StartDeadline>,
    panic: Option<BoundedText>,
}

impl GuestContext {
    pub(crate) fn new(
        instance: &Arc<InstanceDependencies>,
        incarnation: u64,
        callbacks: Arc<Callbacks>,
        meter: Arc<Meter>,
    ) -> GuestContext {
        GuestContext {
            instance: Arc::clone(instance),
            incarnation,
            callbacks,
            routes: Handles::default(),
            topics: Handles::default(),
            counted_routes: CountedRoutes::new(Arc::clone(&instance.gauges), &instance.limits),
            meter,
            batch: Batch::default(),
            wakeups: None,
            send_clock: SendClock::default(),
            call_samples: CallSamples::default(),
            origin: Origin::of(&instance.sender.instance, None),
            callback_trace: None,
            stop_requested: false,
            start_deadline: None,
            panic: None,
        }
    }

    /// Returns the stats of the component.
    pub(crate) fn stats(&self) -> &ComponentStats {
        &self.instance.sender.stats
    }

    /// Makes a call of the host, and counts its time.
    pub(crate) fn timed<R>(&mut self, call: impl FnOnce(&mut GuestContext) -> R) -> R {
        let began = Instant::now();
        let result = call(self);
        self.stats().host_calls_took(began.elapsed());
        result
    }

    /// Makes a short call of the host. Some are timed, and stand for the others.
    #[inline]
    pub(crate) fn sampled<R>(&mut self, call: impl FnOnce(&mut GuestContext) -> R) -> R {
        let Some(sample) = self.call_samples.next() else { return call(self) };
        let result = call(self);
        self.stats().host_calls_took(sample.took());
        result
    }

    /// Returns the deadline of the present call, if it has passed.
    pub(crate) fn passed_deadline(&self, now: Instant) -> Option<StartDeadline> {
        self.start_deadline.filter(|deadline| deadline.has_passed(now))
    }

    /// Returns the trace of messages that the guest sends now.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.callback_trace.or_else(|| self.batch.trace())
    }

    /// Returns the origin of messages that the guest sends now.
    pub(crate) fn origin(&mut self) -> Arc<Origin> {
        let trace = self.trace();
        if self.origin.trace != trace {
            self.origin = Origin::of(&self.instance.sender.instance, trace);
        }
        Arc::clone(&self.origin)
    }

    /// Stores the message of the guest's panic handler. The last one counts.
    pub(crate) fn set_panic(&mut self, message: BoundedText) {
        self.panic = Some(message);
    }

    pub(crate) fn take_panic(&mut self) -> Option<BoundedText> {
        self.panic.take()
    }

    /// Truncates a text to the limit on log lines, and marks the cut.
    pub(crate) fn log_line(&self, text: &str) -> String {
        let limit = self.instance.limits.log_line_bytes;
        if text.len() <= limit {
            return text.to_owned();
        }
        let end = text.floor_char_boundary(limit);
        mark_cut(&text[..end], text.len() - end, limit)
    }
}
