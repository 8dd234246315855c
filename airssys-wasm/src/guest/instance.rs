//! An instance: one store, in which a component lives until it ends or traps.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance as WasmInstance, Lift, Lower, TypedFunc,
};
use wasmtime::{Store, Trap};

use crate::contract::{BatchEnd, Callback, HealthStatus, Outcome, cut};
use crate::guest::component::Component;
use crate::guest::context::GuestContext;
use crate::guest::deferred_wakeups::DeferredWakeups;
use crate::guest::meter::Meter;
use crate::guest::store::{Ended, Entry, GuestState, LOOK_TICKS, OutOfTime, arm, ticks};
use crate::guest::wasi::Wasi;

/// A component that lives: its memory, and the way into it.
pub(crate) struct Instance {
    store: Store<GuestState>,
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

type HandleMessages = TypedFunc<(u64, Vec<u32>, Bytes), (BatchEnd,)>;

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
    /// The guest said of a batch what cannot be.
    #[error("said that it had begun {begun} of {messages} messages")]
    FalseBatch {
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

impl Instance {
    /// Makes a new store with the component in it. No code of the component's handlers runs yet.
    pub(crate) async fn new(
        component: &Component,
        mut guest: GuestContext,
        wasi: Wasi,
        services: Vec<Box<dyn Any + Send>>,
    ) -> Result<Instance, GuestFailure> {
        let meter = Arc::clone(&guest.meter);
        guest.wakeups = (component.entry == Entry::Direct).then(DeferredWakeups::default);
        let limits = Arc::clone(&guest.instance.limits);
        let mut store = Store::new(component.pre.engine(), GuestState::new(guest, wasi, services));
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
    pub(crate) fn takes_batches(&self) -> bool {
        self.handle_messages.is_some() && self.store.data().progress.is_some()
    }

    /// It gets messages one by one from now on.
    pub(crate) fn without_batches(&mut self) {
        self.handle_messages = None;
    }

    /// The message of a batch that it says it is on.
    pub(crate) fn progress(&self) -> Option<u64> {
        Some(self.store.data().progress.as_ref()?.read((&self.store).into()))
    }

    /// Hands over several messages with ids from `first` on, now.
    pub(crate) async fn handle_messages(
        &mut self,
        first: u64,
        (lengths, bodies): (Vec<u32>, Bytes),
        now: Instant,
    ) -> Result<BatchEnd, GuestFailure> {
        let messages = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
        let Some(function) = self.handle_messages else { return Err(GuestFailure::Abandoned) };
        let (end,) = self.call(function, (first, lengths, bodies), now).await?;
        match end.begun {
            begun if (1..=messages).contains(&begun) => Ok(end),
            begun => Err(GuestFailure::FalseBatch { begun, messages }),
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
                self.guest().wakeups.iter_mut().for_each(DeferredWakeups::returned);
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

fn typed<P, R>(
    instance: &WasmInstance,
    store: &mut Store<GuestState>,
    index: ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance.get_typed_func(store, index)
}

/// What the error of a call means to the component's supervisor.
fn failure(error: wasmtime::Error, store: &mut Store<GuestState>, meter: &Meter) -> GuestFailure {
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
