//! The open requests of an instance, and its waits for room.
//!
//! Each request is registered before anything can resolve it. The first of reply, error,
//! cancellation and deadline resolves it, and its callback is delivered to the guest once. A wait
//! for room is a request without a message.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use airssys_message::{Accepts, Codec, CodecRefused};
use airssys_rt::ActorHandle;
use foldhash::fast::FixedState;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use crate::contract::{Callback, RequestError, SizeLimit};
use crate::observe::in_flight::{InFlight, InFlightPart};
use crate::observe::stats::ComponentStats;
use crate::observe::trace::TraceContext;
use crate::routing::request_ids::RequestIds;
use crate::routing::wait_graph::{AwaitedTarget, WaitGraph, WaitNode};
use crate::sync::lock;

/// The longest timeout of a request.
const MAX_TIMEOUT: Duration = Duration::from_millis(86_400_000);

/// Deadlines of resolved requests that are kept before the heap is cleaned up.
const SPARE_DEADLINES: usize = 256;

/// The open requests and pending callbacks of one incarnation of an instance.
pub(crate) struct Callbacks {
    actor: ActorHandle,
    /// The codecs of replies that the component accepts.
    accepts: Accepts,
    max_reply_bytes: u64,
    ids: RequestIds,
    max_open: usize,
    in_flight: InFlightPart,
    /// The stats of the component.
    stats: Arc<ComponentStats>,
    wait_graph: Arc<WaitGraph>,
    state: Mutex<CallbackState>,
    /// Wakes [`Callbacks::next`] and [`Callbacks::arrived`] when a callback is ready.
    resolved: Notify,
    /// Wakes the timer when a deadline is added that is earlier than the one it waits for.
    earlier: Notify,
}

#[derive(Default)]
struct CallbackState {
    next: u64,
    open: HashMap<u64, OpenRequest, FixedState>,
    /// The deadlines of open requests, and of resolved ones that are not cleaned up yet.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    ready: VecDeque<ResolvedCallback>,
    /// True while a handler waits in [`Callbacks::next`] or [`Callbacks::arrived`]. The actor needs no
    /// signal then.
    awaited: bool,
    closed: bool,
    tasks: JoinSet<()>,
    timer_runs: bool,
}

struct OpenRequest {
    in_flight: InFlight,
    /// The task that resolves it, if this incarnation runs one.
    task: Option<AbortHandle>,
    /// The receiver that can resolve it, if another instance can.
    awaited: Option<AwaitedTarget>,
    /// The trace of its callback.
    trace: Option<TraceContext>,
}

/// The result of a request or a wait, to be delivered to the guest.
pub(crate) struct ResolvedCallback {
    pub(crate) request: u64,
    pub(crate) callback: Callback,
    /// Held until the guest has handled the callback.
    pub(crate) in_flight: InFlight,
    /// The trace of the message whose handler made the request.
    pub(crate) trace: Option<TraceContext>,
}

/// The limit on open requests and waits is reached.
#[derive(Debug)]
pub(crate) struct TooManyOpen;

impl Callbacks {
    pub(crate) fn new(
        actor: ActorHandle,
        accepts: Accepts,
        limits: &airssys_spec::limits::Limits,
        in_flight: InFlightPart,
        stats: Arc<ComponentStats>,
        wait_graph: Arc<WaitGraph>,
    ) -> Arc<Callbacks> {
        let callbacks = Arc::new(Callbacks {
            actor,
            accepts,
            max_reply_bytes: limits.message_size_bytes as u64,
            ids: RequestIds::random(),
            max_open: limits.concurrent_requests,
            in_flight,
            stats,
            wait_graph,
            state: Mutex::default(),
            resolved: Notify::new(),
            earlier: Notify::new(),
        });
        let node: Weak<dyn WaitNode> = Arc::<Callbacks>::downgrade(&callbacks);
        callbacks.wait_graph.add(callbacks.actor.name(), node);
        callbacks
    }

    /// Registers a request or a wait. It fails with `timed-out` after `timeout`.
    pub(crate) fn open(
        self: &Arc<Callbacks>,
        timeout: Duration,
        awaited: Option<AwaitedTarget>,
        trace: Option<TraceContext>,
    ) -> Result<u64, TooManyOpen> {
        let deadline = Instant::now() + timeout.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        let mut state = lock(&self.state);
        if state.open.len() + state.ready.len() >= self.max_open || state.closed {
            return Err(TooManyOpen);
        }
        state.next += 1;
        let request = state.next;
        let first = state.deadlines.peek().map(|Reverse((first, _))| *first);
        let in_flight = self.in_flight.begin();
        state.open.insert(request, OpenRequest { in_flight, task: None, awaited, trace });
        state.add_deadline(deadline, request);
        if !state.timer_runs {
            state.timer_runs = true;
            state.tasks.spawn(run_timer(Arc::clone(self)));
        } else if first.is_none_or(|first| deadline < first) {
            self.earlier.notify_one();
        }
        Ok(request)
    }

    /// Returns the id of a request, which is the same for sender and receiver.
    pub(crate) fn id(&self, request: u64) -> Uuid {
        self.ids.of(request)
    }

    /// Returns the size of the largest reply that is accepted, in bytes.
    pub(crate) fn max_reply_bytes(&self) -> u64 {
        self.max_reply_bytes
    }

    /// Removes a request that could not be sent. It has no callback.
    pub(crate) fn withdraw(&self, request: u64) {
        lock(&self.state).remove(request);
    }

    /// Resolves a request if it is still open.
    pub(crate) fn resolve(&self, request: u64, callback: Callback) {
        self.resolve_if_open(request, callback);
    }

    /// Resolves a request with the answer of its target, after checking size and codec. `from` is the
    /// target's name and accepted codecs.
    pub(crate) fn answer(&self, request: u64, from: (&str, Accepts), callback: Callback) {
        let is_reply =
            matches!(callback, Callback::Reply(_) | Callback::Failed(RequestError::ReplyTooLarge(_)));
        if !self.resolve_if_open(request, self.acceptable(from, callback)) && is_reply {
            self.stats.late_reply();
        }
    }

    /// Resolves a request, and returns true if it was open. Atomic, so that exactly one of several
    /// results wins.
    fn resolve_if_open(&self, request: u64, callback: Callback) -> bool {
        let mut state = lock(&self.state);
        let Some(open) = state.remove(request) else { return false };
        let OpenRequest { in_flight, trace, .. } = open;
        state.ready.push_back(ResolvedCallback { request, callback, in_flight, trace });
        self.announce(state);
        true
    }

    /// Resolves a request with `cancelled`. Returns true if it was open.
    pub(crate) fn cancel(&self, request: u64) -> bool {
        self.resolve_if_open(request, Callback::Failed(RequestError::Cancelled))
    }

    /// Spawns a task that resolves a request. It is aborted when the request is resolved otherwise, or
    /// this incarnation ends.
    pub(crate) fn spawn(&self, request: u64, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = lock(&self.state);
        let CallbackState { open, tasks, .. } = &mut *state;
        while tasks.try_join_next().is_some() {}
        if let Some(open) = open.get_mut(&request) {
            open.task = Some(tasks.spawn(task));
        }
    }

    /// Takes the next callback to deliver.
    pub(crate) fn take_ready(&self) -> Option<ResolvedCallback> {
        lock(&self.state).ready.pop_front()
    }

    /// Waits for the next callback to deliver. Returns `None` if no request is open. Cancel safe.
    pub(crate) async fn next(&self) -> Option<ResolvedCallback> {
        loop {
            {
                let mut state = lock(&self.state);
                state.awaited = state.ready.is_empty() && !state.open.is_empty();
                if !state.awaited {
                    return state.ready.pop_front();
                }
            }
            self.resolved.notified().await;
        }
    }

    /// Waits until a callback can be taken. Does not end if none comes. Cancel safe.
    pub(crate) async fn arrived(&self) {
        loop {
            {
                let mut state = lock(&self.state);
                state.awaited = state.ready.is_empty();
                if !state.awaited {
                    return;
                }
            }
            let mut waits = Waits { callbacks: self, goes_on: true };
            self.resolved.notified().await;
            waits.goes_on = false;
        }
    }

    /// Leaves the callbacks to the actor, because nothing waits for them any more.
    fn leave_to_actor(&self) {
        let mut state = lock(&self.state);
        state.awaited = false;
        let is_ready = !state.ready.is_empty();
        drop(state);
        if is_ready {
            self.actor.signal();
        }
    }

    /// Closes all requests. No callback is delivered after that.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.open.clear();
        state.deadlines.clear();
        state.ready.clear();
        state.tasks.abort_all();
    }

    /// Returns the callback, or an error in place of a reply that the component does not accept.
    fn acceptable(&self, from: (&str, Accepts), callback: Callback) -> Callback {
        let Callback::Reply(reply) = &callback else { return callback };
        let size = reply.len() as u64;
        if size > self.max_reply_bytes {
            let limit = self.max_reply_bytes;
            return Callback::Failed(RequestError::ReplyTooLarge(SizeLimit { size, limit }));
        }
        if reply.is_empty() {
            return callback;
        }
        match Codec::split(reply) {
            Ok((codec, _)) if self.accepts.contains(codec) => callback,
            Ok((codec, _)) => {
                let (receiver, receiver_accepts) = (self.actor.name().to_owned(), self.accepts);
                let sender = Some((from.0.to_owned(), from.1));
                let refused = CodecRefused { codec, receiver, receiver_accepts, sender };
                Callback::Failed(RequestError::CodecRefused(refused.to_string()))
            }
            Err(error) => Callback::Failed(RequestError::CodecRefused(error.to_string())),
        }
    }

    fn announce(&self, mut state: MutexGuard<'_, CallbackState>) {
        let awaited = std::mem::take(&mut state.awaited);
        drop(state);
        match awaited {
            true => self.resolved.notify_one(),
            false => self.actor.signal(),
        }
    }

    /// Fails overdue requests. Returns the next deadline, or `None` if no request is open.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let mut state = lock(&self.state);
            let (deadline, request) = state.first_deadline()?;
            if deadline > now {
                return Some(deadline);
            }
            let open = state.open.get(&request).filter(|_| state.awaited);
            let awaited = open.and_then(|open| open.awaited.clone());
            drop(state);
            if let Some(awaited) = awaited {
                self.wait_graph.report(self.actor.name(), &awaited, self.stats.warnings());
            }
            self.resolve_if_open(request, Callback::Failed(RequestError::TimedOut));
        }
    }
}

/// A wait in [`Callbacks::arrived`], which can be dropped.
struct Waits<'a> {
    callbacks: &'a Callbacks,
    goes_on: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.goes_on {
            self.callbacks.leave_to_actor();
        }
    }
}

impl WaitNode for Callbacks {
    /// Counts open requests and callbacks not yet delivered. Bounds the size of all tables.
    fn in_flight_count(&self) -> usize {
        let state = lock(&self.state);
        state.open.len() + state.ready.len()
    }

    /// Returns the targets of open requests while a deferred handler waits for a callback.
    fn awaited_targets(&self, most: usize) -> Vec<AwaitedTarget> {
        let state = lock(&self.state);
        let open = state.open.values().filter(|_| state.awaited);
        open.filter_map(|open| open.awaited.clone()).take(most).collect()
    }
}

impl CallbackState {
    fn add_deadline(&mut self, deadline: Instant, request: u64) {
        if self.deadlines.len() >= 2 * self.open.len() + SPARE_DEADLINES {
            let open = &self.open;
            self.deadlines.retain(|Reverse((_, request))| open.contains_key(request));
        }
        self.deadlines.push(Reverse((deadline, request)));
    }

    /// Returns the earliest deadline of an open request, and removes those of resolved ones before it.
    fn first_deadline(&mut self) -> Option<(Instant, u64)> {
        while let Some(Reverse((deadline, request))) = self.deadlines.peek().copied() {
            if self.open.contains_key(&request) {
                return Some((deadline, request));
            }
            self.deadlines.pop();
        }
        None
    }

    fn remove(&mut self, request: u64) -> Option<OpenRequest> {
        let mut open = self.open.remove(&request)?;
        if let Some(task) = open.task.take() {
            task.abort();
        }
        Some(open)
    }
}

/// Fails requests at their deadlines, until the incarnation closes.
async fn run_timer(callbacks: Arc<Callbacks>) {
    loop {
        let earlier = callbacks.earlier.notified();
        match callbacks.expire() {
            Some(deadline) => drop(tokio::time::timeout_at(deadline, earlier).await),
            None => earlier.await,
        }
    }
}

#[cfg(test)]
#[path = "callbacks/tests.rs"]
mod tests;
