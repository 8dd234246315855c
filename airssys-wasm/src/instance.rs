//! An instance: one store, in which a component lives until it ends or traps.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use airssys_spec::Limits;
use bytes::Bytes;
use wasmtime::component::{ComponentExportIndex, Instance as WasmInstance, ResourceTable, TypedFunc};
use wasmtime::component::{ComponentNamedList, Lift, Lower};
use wasmtime::{AsContext, ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::bindings::{Callback, HealthStatus, Outcome, RunEnd};
use crate::component::Component;
use crate::engine::EPOCH_TICK;
use crate::host::{GuestContext, Progress, Sleepers, Wasi};
use crate::memory::MemoryGauge;
use crate::message::cut;
use crate::meter::Meter;
use crate::usage::Gauges;
use crate::worker::give_worker_away;

/// How a component's exports are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// On the worker's stack: nothing that it imports can wait.
    Direct,
    /// On a stack of its own: its calls can be suspended.
    Fiber,
}

/// Most handles of WASI resources (streams, pollables) that an instance can hold.
const MAX_RESOURCES: usize = 4_096;

/// What a store holds beside the guest.
pub(crate) struct InstanceState {
    pub(crate) guest: GuestContext,
    wasi: Wasi,
    table: ResourceTable,
    limiter: Limiter,
    /// Where the guest shows which message of a run it is on, if it does.
    pub(crate) progress: Option<Progress>,
    /// How often the guest was looked at in this call.
    looks: u64,
}

/// A component that lives: its memory, and the way into it.
pub(crate) struct Instance {
    store: Store<InstanceState>,
    entry: Entry,
    meter: Arc<Meter>,
    handle_message: TypedFunc<(u64, Bytes), (Outcome,)>,
    handle_callback: TypedFunc<(u64, Callback), ()>,
    /// None if it gets messages one by one.
    handle_messages: Option<HandleMessages>,
    component: Component,
    instance: WasmInstance,
    /// When its last call returned.
    returned_at: Instant,
}

type HandleMessages = TypedFunc<(u64, Vec<u32>, Bytes), (RunEnd,)>;

/// Why an instance failed. It is poisoned: nothing may be called in it any more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestFailure {
    /// The guest's code gave up and said why.
    #[error("panicked: {message}")]
    Panicked {
        /// What its panic handler reported.
        message: String,
    },
    /// The guest was stopped by the sandbox.
    #[error("trapped: {trap}")]
    Trapped {
        /// What it did.
        trap: String,
    },
    /// The guest used more time on one message than it may.
    #[error("ran longer than its limit of {} ms (execution_time)", limit.as_millis())]
    OutOfTime {
        /// The limit on its own time, waiting not counted.
        limit: Duration,
    },
    /// The guest failed after it was refused more memory.
    #[error("failed after it was refused {} ({what})", Beyond(what, *limit_bytes))]
    OutOfMemory {
        /// The limit that it reached, by its name in the manifest.
        what: &'static str,
        /// How much it may have: bytes, or elements of a table.
        limit_bytes: usize,
    },
    /// The app's shutdown did not wait for the guest any longer.
    #[error("was ended: its app is shutting down")]
    Ended,
    /// The guest said of a run of messages what cannot be.
    #[error("said that it had begun {begun} of {messages} messages")]
    FalseRun {
        /// What it said.
        begun: u32,
        /// How many there were.
        messages: u32,
    },
    /// The guest ended itself through WASI.
    #[error("called exit")]
    Exited,
    /// The guest deferred a message and waits for nothing.
    #[error("deferred a message and waits for nothing")]
    Abandoned,
    /// The guest refused to start.
    #[error("refused to start: {message}")]
    StartRefused {
        /// What it said.
        message: String,
    },
}

/// What a guest may not have more of.
struct Beyond<'a>(&'a str, usize);

impl std::fmt::Display for Beyond<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Beyond("memory", bytes) => write!(f, "memory beyond its limit of {bytes} bytes"),
            Beyond(_, elements) => write!(f, "table elements beyond its limit of {elements}"),
        }
    }
}

/// Raised in a guest that has used up its time.
#[derive(Debug, thiserror::Error)]
#[error("out of time")]
struct OutOfTime;

/// Raised in a guest that runs when its app's shutdown is over.
#[derive(Debug, thiserror::Error)]
#[error("ended")]
struct Ended;

/// How often a guest that holds its worker is looked at, in ticks: so that what it has sent is handled,
/// and the messages of a run are told apart.
const LOOK_TICKS: u64 = 1;

/// After so many looks it gives its worker away.
const GIVE_AWAY_LOOKS: u64 = 10;

impl Instance {
    /// Makes a new store with the component in it. No code of the component's handlers runs yet.
    pub(crate) async fn new(
        component: &Component,
        mut guest: GuestContext,
        wasi: Wasi,
        limits: &Limits,
    ) -> Result<Instance, GuestFailure> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let limiter = Limiter::new(limits, &guest);
        let meter = Arc::clone(&guest.meter);
        guest.sleepers = (component.entry == Entry::Direct).then(Sleepers::default);
        let state = InstanceState { guest, wasi, table, limiter, progress: None, looks: 0 };
        let mut store = Store::new(component.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        // What the host makes for one of its calls: a guest that hands over the same bytes again and
        // again has the host make no more of them than it could have itself.
        store.set_hostcall_fuel(limits.memory_bytes.max(limits.message_size_bytes.saturating_mul(2)));
        arm(&mut store, component.entry, Arc::clone(&meter));
        let instantiated = match component.entry {
            Entry::Direct => meter.stretch(|| component.pre.instantiate(&mut store)),
            Entry::Fiber => meter.metered(component.pre.instantiate_async(&mut store)).await,
        };
        let instance = instantiated.map_err(|error| failure(error, &mut store, &meter))?;
        let exports = component.exports;
        let mut typed = || {
            let message = typed(&instance, &mut store, exports.handle_message)?;
            let callback = typed(&instance, &mut store, exports.handle_callback)?;
            let run = exports.handle_messages.map(|index| typed(&instance, &mut store, index)).transpose()?;
            Ok((message, callback, run))
        };
        let (handle_message, handle_callback, handle_messages) =
            typed().map_err(|error| failure(error, &mut store, &meter))?;
        let (entry, component) = (component.entry, component.clone());
        Ok(Instance {
            store,
            entry,
            meter,
            handle_message,
            handle_callback,
            handle_messages,
            component,
            instance,
            returned_at: Instant::now(),
        })
    }

    pub(crate) fn guest(&mut self) -> &mut GuestContext {
        &mut self.store.data_mut().guest
    }

    /// Gives the next message the whole limit on execution time.
    pub(crate) fn new_message(&mut self) {
        self.meter.reset();
        let state = self.store.data_mut();
        // What the guest has survived is no reason of a later failure.
        state.limiter.refused = None;
        drop(state.guest.take_panic());
    }

    pub(crate) async fn initialize(&mut self, config: Vec<(String, String)>) -> Result<(), GuestFailure> {
        let index = self.component.exports.initialize;
        let (answer,): (Result<(), String>,) = self.call_by_index(index, (config,)).await?;
        answer.map_err(|message| GuestFailure::StartRefused { message: cut(message) })
    }

    pub(crate) async fn health(&mut self) -> Result<HealthStatus, GuestFailure> {
        let index = self.component.exports.health;
        let (status,) = self.call_by_index(index, ()).await?;
        Ok(status)
    }

    pub(crate) async fn shutdown(&mut self) -> Result<(), GuestFailure> {
        self.call_by_index(self.component.exports.shutdown, ()).await
    }

    /// Hands over a message, now.
    pub(crate) async fn handle_message(
        &mut self,
        id: u64,
        body: Bytes,
        now: Instant,
    ) -> Result<Outcome, GuestFailure> {
        let (outcome,) = self.call(self.handle_message, (id, body), now).await?;
        Ok(outcome)
    }

    /// When its last call returned.
    pub(crate) fn returned_at(&self) -> Instant {
        self.returned_at
    }

    /// Whether it takes several messages at once, and shows which of them it is on.
    pub(crate) fn has_runs(&self) -> bool {
        self.handle_messages.is_some() && self.store.data().progress.is_some()
    }

    /// It gets messages one by one from now on.
    pub(crate) fn without_runs(&mut self) {
        self.handle_messages = None;
    }

    /// The message of a run that it says it is on.
    pub(crate) fn progress(&self) -> Option<u64> {
        Some(self.store.data().progress.as_ref()?.read((&self.store).into()))
    }

    /// Hands over several messages with ids from `first` on, now.
    pub(crate) async fn handle_messages(
        &mut self,
        first: u64,
        (lengths, bodies): (Vec<u32>, Bytes),
        now: Instant,
    ) -> Result<RunEnd, GuestFailure> {
        let messages = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
        let Some(function) = self.handle_messages else { return Err(GuestFailure::Abandoned) };
        let (end,) = self.call(function, (first, lengths, bodies), now).await?;
        match end.begun {
            begun if (1..=messages).contains(&begun) => Ok(end),
            begun => Err(GuestFailure::FalseRun { begun, messages }),
        }
    }

    pub(crate) async fn handle_callback(&mut self, id: u64, what: Callback) -> Result<(), GuestFailure> {
        self.call(self.handle_callback, (id, what), Instant::now()).await
    }

    async fn call_by_index<P, R>(&mut self, index: ComponentExportIndex, params: P) -> Result<R, GuestFailure>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = typed(&self.instance, &mut self.store, index);
        let function = function.map_err(|error| failure(error, &mut self.store, &self.meter))?;
        self.call(function, params, Instant::now()).await
    }

    async fn call<P, R>(
        &mut self,
        function: TypedFunc<P, R>,
        params: P,
        now: Instant,
    ) -> Result<R, GuestFailure>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.guest().sent_at.look();
        let result = match self.entry {
            Entry::Direct => {
                self.store.data_mut().looks = 0;
                self.store.set_epoch_deadline(ticks(self.meter.remaining()).min(LOOK_TICKS));
                let store = &mut self.store;
                let (result, returned_at) = self.meter.stretch_from(now, || function.call(store, params));
                self.returned_at = returned_at;
                self.guest().sleepers.iter_mut().for_each(Sleepers::returned);
                result
            }
            Entry::Fiber => {
                self.store.set_epoch_deadline(1);
                let call = function.call_async(&mut self.store, params);
                let result = self.meter.metered(call).await;
                self.returned_at = Instant::now();
                result
            }
        };
        result.map_err(|error| failure(error, &mut self.store, &self.meter))
    }
}

/// Interrupts the guest when its time is up. A guest on a fiber also makes way for others at every
/// tick; one that holds its worker gives it away when it is looked at.
fn arm(store: &mut Store<InstanceState>, entry: Entry, meter: Arc<Meter>) {
    store.set_epoch_deadline(match entry {
        Entry::Direct => ticks(meter.limit()).min(LOOK_TICKS),
        Entry::Fiber => 1,
    });
    store.epoch_deadline_callback(move |mut store| {
        note_progress(&mut store, &meter);
        let state = store.data_mut();
        state.looks += 1;
        state.guest.sent_at.look();
        match (meter.left(), entry) {
            _ if state.guest.router.has_ended() => Err(wasmtime::Error::from(Ended)),
            (None, _) => Err(wasmtime::Error::from(OutOfTime)),
            (Some(left), Entry::Direct) => {
                state.guest.sleepers.iter_mut().for_each(Sleepers::wake_elsewhere);
                if state.looks.is_multiple_of(GIVE_AWAY_LOOKS) {
                    meter.pause(give_worker_away);
                }
                Ok(UpdateDeadline::Continue(ticks(left).min(LOOK_TICKS)))
            }
            (Some(_), Entry::Fiber) => Ok(UpdateDeadline::Yield(1)),
        }
    });
}

/// Gives the message of a run that the guest is on the whole limit, if it was not on it at the last
/// look.
fn note_progress(store: &mut StoreContextMut<'_, InstanceState>, meter: &Meter) {
    if !store.data().guest.run.is_together() {
        return;
    }
    let Some(at) = store.data().progress.as_ref().map(|progress| progress.read(store.as_context())) else {
        return;
    };
    let state = store.data_mut();
    state.guest.run.reached(at, 1, Instant::now());
    if state.guest.run.is_further(at) {
        meter.restart();
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(EPOCH_TICK.as_nanos())).unwrap_or(u64::MAX / 2) + 1
}

fn typed<P, R>(
    instance: &WasmInstance,
    store: &mut Store<InstanceState>,
    index: ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance.get_typed_func(store, index)
}

/// What the error of a call means to the component's supervisor.
fn failure(error: wasmtime::Error, store: &mut Store<InstanceState>, meter: &Meter) -> GuestFailure {
    let state = store.data_mut();
    if error.is::<OutOfTime>() {
        return GuestFailure::OutOfTime { limit: meter.limit() };
    }
    if error.is::<Ended>() {
        return GuestFailure::Ended;
    }
    if let Some(message) = state.guest.take_panic() {
        return GuestFailure::Panicked { message: cut(message) };
    }
    if let Some((what, limit_bytes)) = state.limiter.refused {
        return GuestFailure::OutOfMemory { what, limit_bytes };
    }
    if error.is::<wasmtime_wasi::I32Exit>() {
        return GuestFailure::Exited;
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => GuestFailure::Trapped { trap: trap.to_string() },
        None => GuestFailure::Trapped { trap: cut(format!("{error:#}")) },
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(), table: &mut self.table }
    }
}

/// Keeps an instance's memories and tables within its limits, and remembers what it refused.
struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    used_bytes: usize,
    used_elements: usize,
    refused: Option<(&'static str, usize)>,
    memory: Arc<MemoryGauge>,
    gauges: Arc<Gauges>,
}

impl Limiter {
    fn new(limits: &Limits, guest: &GuestContext) -> Limiter {
        Limiter {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            used_bytes: 0,
            used_elements: 0,
            refused: None,
            memory: Arc::clone(&guest.memory),
            gauges: Arc::clone(&guest.gauges),
        }
    }
}

impl Drop for Limiter {
    /// The store is gone, and its memories and tables with it.
    fn drop(&mut self) {
        self.memory.set_bytes(0);
        self.gauges.table_elements.store(0, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    /// The limit is on all memories of the instance together.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used_bytes + desired.saturating_sub(current);
        if used > self.memory_bytes {
            self.refused = Some(("memory", self.memory_bytes));
            return Ok(false);
        }
        self.used_bytes = used;
        self.memory.set_bytes(used);
        Ok(true)
    }

    /// The limit is on all tables of the instance together.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used_elements + desired.saturating_sub(current);
        if used > self.table_elements {
            self.refused = Some(("table_elements", self.table_elements));
            return Ok(false);
        }
        self.used_elements = used;
        self.gauges.table_elements.store(used, Ordering::Relaxed);
        Ok(true)
    }
}
