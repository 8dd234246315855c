//! What an instance waits for: its requests, and its waits for room.
//!
//! Each is registered before anything can settle it, is settled once (by a reply, an error, a
//! cancellation or its deadline, whichever is first), and is delivered to the guest once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
use crate::routing::wait_graph::{Awaited, WaitGraph, Waiting};

/// The longest that a request can wait.
const MAX_TIMEOUT: Duration = Duration::from_millis(86_400_000);

/// So many deadlines of requests that are settled are kept beside as many as are open.
const SPARE_DEADLINES: usize = 256;

/// What one incarnation of an instance waits for.
pub(crate) struct Callbacks {
    actor: ActorHandle,
    /// Codecs of replies that the component accepts.
    accepts: Accepts,
    max_reply_bytes: u64,
    ids: RequestIds,
    max_open: usize,
    in_flight: InFlightPart,
    /// Where replies are counted that come too late.
    stats: Arc<ComponentStats>,
    waits: Arc<WaitGraph>,
    state: Mutex<State>,
    /// Somebody in this incarnation waits for a callback.
    settled: Notify,
    /// An earlier deadline than the timer waits for was added.
    earlier: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open, FixedState>,
    /// Of those that are open, and of some that were: they go when they are due, or too many.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    ready: VecDeque<Settled>,
    /// The actor waits in a deferred handler: it need not be signalled.
    awaited: bool,
    closed: bool,
    tasks: JoinSet<()>,
    timer_runs: bool,
}

struct Open {
    in_flight: InFlight,
    /// What may settle it, if that is a task of this incarnation's.
    task: Option<AbortHandle>,
    /// Who may settle it, if that is not this instance.
    awaited: Option<Awaited>,
    /// The trace that its callback belongs to.
    trace: Option<TraceContext>,
}

/// What a request or a wait came to, on its way to the guest.
pub(crate) struct Settled {
    pub(crate) request: u64,
    pub(crate) callback: Callback,
    /// Held until the guest has dealt with the callback.
    pub(crate) in_flight: InFlight,
    /// The trace of the message on which it was asked for.
    pub(crate) trace: Option<TraceContext>,
}

/// The limit on requests and waits under way is reached.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Callbacks {
    pub(crate) fn new(
        actor: ActorHandle,
        accepts: Accepts,
        limits: &airssys_spec::limits::Limits,
        in_flight: InFlightPart,
        stats: Arc<ComponentStats>,
        waits: Arc<WaitGraph>,
    ) -> Arc<Callbacks> {
        let callbacks = Arc::new(Callbacks {
            actor,
            accepts,
            max_reply_bytes: limits.message_size_bytes as u64,
            ids: RequestIds::random(),
            max_open: limits.concurrent_requests,
            in_flight,
            stats,
            waits,
            state: Mutex::default(),
            settled: Notify::new(),
            earlier: Notify::new(),
        });
        let waiting: Weak<dyn Waiting> = Arc::<Callbacks>::downgrade(&callbacks);
        callbacks.waits.add(callbacks.actor.name(), waiting);
        callbacks
    }

    /// Registers a request or a wait, which fails with `timed-out` after `timeout`.
    pub(crate) fn open(
        self: &Arc<Callbacks>,
        timeout: Duration,
        awaited: Option<Awaited>,
        trace: Option<TraceContext>,
    ) -> Result<u64, TooMany> {
        let deadline = Instant::now() + timeout.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        let mut state = self.lock();
        if state.open.len() + state.ready.len() >= self.max_open || state.closed {
            return Err(TooMany);
        }
        state.next += 1;
        let request = state.next;
        let first = state.deadlines.peek().map(|Reverse((first, _))| *first);
        let in_flight = self.in_flight.begin();
        state.open.insert(request, Open { in_flight, task: None, awaited, trace });
        state.add_deadline(deadline, request);
        if !state.timer_runs {
            state.timer_runs = true;
            state.tasks.spawn(run_timer(Arc::clone(self)));
        } else if first.is_none_or(|first| deadline < first) {
            self.earlier.notify_one();
        }
        Ok(request)
    }

    /// The id of a request, as all sides see it.
    pub(crate) fn id(&self, request: u64) -> Uuid {
        self.ids.of(request)
    }

    /// Takes back a request that could not be sent: there will be no callback.
    pub(crate) fn withdraw(&self, request: u64) {
        self.lock().remove(request);
    }

    /// Settles a request if it is still open.
    pub(crate) fn settle(&self, request: u64, callback: Callback) {
        self.decide(request, callback);
    }

    /// Settles a request with what its target answered, after a look at it: `from` is the target and
    /// what that accepts.
    pub(crate) fn answer(&self, request: u64, from: (&str, Accepts), callback: Callback) {
        let is_reply = matches!(callback, Callback::Reply(_));
        if !self.decide(request, self.acceptable(from, callback)) && is_reply {
            self.stats.late_reply();
        }
    }

    /// Decides what an open request comes to; whether it was open. In one step: whoever is second
    /// finds it decided.
    fn decide(&self, request: u64, callback: Callback) -> bool {
        let mut state = self.lock();
        let Some(open) = state.remove(request) else { return false };
        let Open { in_flight, trace, .. } = open;
        state.ready.push_back(Settled { request, callback, in_flight, trace });
        self.announce(state);
        true
    }

    /// Settles a request with `cancelled` if it is still open; whether it was.
    pub(crate) fn cancel(&self, request: u64) -> bool {
        self.decide(request, Callback::Failed(RequestError::Cancelled))
    }

    /// Runs what may settle a request, until it ends, the request is settled otherwise, or this
    /// incarnation ends.
    pub(crate) fn run(&self, request: u64, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        let State { open, tasks, .. } = &mut *state;
        while tasks.try_join_next().is_some() {}
        if let Some(open) = open.get_mut(&request) {
            open.task = Some(tasks.spawn(task));
        }
    }

    /// The next callback to deliver.
    pub(crate) fn take_ready(&self) -> Option<Settled> {
        self.lock().ready.pop_front()
    }

    /// Waits for the next callback to deliver; none if nothing is under way. Cancel safe.
    pub(crate) async fn next(&self) -> Option<Settled> {
        loop {
            {
                let mut state = self.lock();
                state.awaited = state.ready.is_empty() && !state.open.is_empty();
                if !state.awaited {
                    return state.ready.pop_front();
                }
            }
            self.settled.notified().await;
        }
    }

    /// Ends everything: nothing is delivered any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open.clear();
        state.deadlines.clear();
        state.ready.clear();
        state.tasks.abort_all();
    }

    /// The reply, or the error that stands for one the component does not accept.
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

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        let awaited = std::mem::take(&mut state.awaited);
        drop(state);
        match awaited {
            true => self.settled.notify_one(),
            false => self.actor.signal(),
        }
    }

    /// Fails what is overdue; when to look again, if anything is open.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let mut state = self.lock();
            let (deadline, request) = state.first_deadline()?;
            if deadline > now {
                return Some(deadline);
            }
            let open = state.open.get(&request).filter(|_| state.awaited);
            let awaited = open.and_then(|open| open.awaited.clone());
            drop(state);
            if let Some(awaited) = awaited {
                self.waits.report(self.actor.name(), &awaited);
            }
            self.decide(request, Callback::Failed(RequestError::TimedOut));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting for Callbacks {
    /// How much it waits for, or is yet to be told of. None of the tables holds more.
    fn under_way(&self) -> usize {
        let state = self.lock();
        state.open.len() + state.ready.len()
    }

    /// Who may end the waits of this instance, if its handler can go on only then.
    fn awaits(&self) -> Vec<Awaited> {
        let state = self.lock();
        let open = state.open.values().filter(|_| state.awaited);
        open.filter_map(|open| open.awaited.clone()).collect()
    }
}

impl State {
    fn add_deadline(&mut self, deadline: Instant, request: u64) {
        if self.deadlines.len() >= 2 * self.open.len() + SPARE_DEADLINES {
            let open = &self.open;
            self.deadlines.retain(|Reverse((_, request))| open.contains_key(request));
        }
        self.deadlines.push(Reverse((deadline, request)));
    }

    /// The first deadline of those that are open.
    fn first_deadline(&mut self) -> Option<(Instant, u64)> {
        while let Some(Reverse((deadline, request))) = self.deadlines.peek().copied() {
            if self.open.contains_key(&request) {
                return Some((deadline, request));
            }
            self.deadlines.pop();
        }
        None
    }

    fn remove(&mut self, request: u64) -> Option<Open> {
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
