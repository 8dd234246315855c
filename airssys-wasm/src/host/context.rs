//! What the host knows of one incarnation of an instance while it serves it.

use std::collections::HashMap;
use std::sync::Arc;

use airssys_rt::ActorRef;
use airssys_spec::Limits;

use super::run::Run;
use super::sent_at::SentAt;
use super::sleepers::Sleepers;
use crate::callbacks::Callbacks;
use crate::endpoint::Endpoint;
use crate::memory::MemoryGauge;
use crate::message::{Envelope, Origin};
use crate::meter::Meter;
use crate::router::{Route, Router, Sender, TopicRoute};
use crate::trace::TraceContext;
use crate::usage::Gauges;

/// Who an instance is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) app: Arc<str>,
    pub(crate) instance: Arc<str>,
}

/// What the host knows of one incarnation of an instance while it serves it.
pub(crate) struct GuestContext {
    pub(crate) identity: Arc<Identity>,
    pub(crate) incarnation: u64,
    pub(crate) limits: Arc<Limits>,
    pub(crate) router: Arc<Router>,
    pub(crate) sender: Sender,
    pub(crate) myself: ActorRef<Envelope>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) callbacks: Arc<Callbacks>,
    pub(crate) routes: Handles<Route>,
    pub(crate) topics: Handles<TopicRoute>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) memory: Arc<MemoryGauge>,
    pub(crate) run: Run,
    /// Receivers that are to be woken when the guest returns; none if its calls can be suspended.
    pub(crate) sleepers: Option<Sleepers>,
    pub(crate) sent_at: SentAt,
    /// Where what it sent last came from.
    origin: Arc<Origin>,
    /// The trace of the callback that the guest is on.
    pub(crate) callback_trace: Option<TraceContext>,
    pub(crate) stop_requested: bool,
    panic: Option<String>,
}

/// Names and the numbers that a guest uses instead.
pub(crate) struct Handles<T> {
    entries: Vec<(Arc<str>, T)>,
    by_name: HashMap<Arc<str>, u32>,
}

impl<T> Default for Handles<T> {
    fn default() -> Handles<T> {
        Handles { entries: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T> Handles<T> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn add(&mut self, name: &str, value: T) -> u32 {
        let handle = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = Arc::from(name);
        self.entries.push((Arc::clone(&name), value));
        self.by_name.insert(name, handle);
        handle
    }

    /// The name and the value behind a handle.
    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut (Arc<str>, T)> {
        self.entries.get_mut(handle as usize)
    }
}

/// What a [`GuestContext`] is made of.
pub(crate) struct Links {
    pub(crate) identity: Arc<Identity>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) router: Arc<Router>,
    pub(crate) sender: Sender,
    pub(crate) myself: ActorRef<Envelope>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) memory: Arc<MemoryGauge>,
}

impl GuestContext {
    pub(crate) fn new(
        links: &Links,
        incarnation: u64,
        callbacks: Arc<Callbacks>,
        meter: Arc<Meter>,
    ) -> GuestContext {
        links.gauges.reset();
        GuestContext {
            identity: Arc::clone(&links.identity),
            incarnation,
            limits: Arc::clone(&links.limits),
            router: Arc::clone(&links.router),
            sender: links.sender.clone(),
            myself: links.myself.clone(),
            endpoint: Arc::clone(&links.endpoint),
            callbacks,
            routes: Handles::default(),
            topics: Handles::default(),
            meter,
            gauges: Arc::clone(&links.gauges),
            memory: Arc::clone(&links.memory),
            run: Run::default(),
            sleepers: None,
            sent_at: SentAt::default(),
            origin: Origin::of(&links.sender.instance, None),
            callback_trace: None,
            stop_requested: false,
            panic: None,
        }
    }

    /// The trace that what the guest sends now belongs to.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.callback_trace.or_else(|| self.run.trace())
    }

    /// Where what the guest sends now comes from.
    pub(crate) fn origin(&mut self) -> Arc<Origin> {
        let trace = self.trace();
        if self.origin.trace != trace {
            self.origin = Origin::of(&self.sender.instance, trace);
        }
        Arc::clone(&self.origin)
    }

    /// Keeps the last thing that the guest's panic handler said.
    pub(crate) fn set_panic(&mut self, message: String) {
        self.panic = Some(message);
    }

    pub(crate) fn take_panic(&mut self) -> Option<String> {
        self.panic.take()
    }

    /// At most the limit on log lines of a text, and a mark where it was cut.
    pub(crate) fn log_line(&self, text: &str) -> String {
        let limit = self.limits.log_line_bytes;
        if text.len() <= limit {
            return text.to_owned();
        }
        let end = text.floor_char_boundary(limit);
        format!("{}… ({} bytes more, log_line is {limit})", &text[..end], text.len() - end)
    }
}
