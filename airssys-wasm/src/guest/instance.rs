//! An instance: a component in a store of its own, until it ends or traps.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use airssys_spec::manifest::SettingValue;
use bytes::Bytes;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance as WasmInstance, Lift, Lower, TypedFunc,
};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::contract::{BatchEnd, BoundedText, Callback, Completion, HealthStatus, Outcome};
use crate::guest::component::Component;
use crate::guest::context::{GuestContext, InstanceDependencies};
use crate::guest::deferred_wakeups::DeferredWakeups;
use crate::guest::entry_call::{EntryCall, EntryGuest, EntryTimedOut, TypedEntry};
use crate::guest::failure::GuestFailure;
use crate::guest::located::Located;
use crate::guest::long_stretches::Watch;
use crate::guest::meter::{Meter, Moment};
use crate::guest::settings::Settings;
use crate::guest::start_deadline::{StartDeadline, StillRunning};
use crate::guest::store::{AppEnded, Entry, GuestState, OutOfTime, TICKS_PER_CHECK, arm};
use crate::guest::wasi::Wasi;
use crate::guest::worker::{LongRun, hand_over_worker};

/// The most bytes that one call of the host may be passed, unless the app has large messages. Copying
/// that many takes a few milliseconds.
const MIN_HOSTCALL_BYTES: usize = 16 << 20;

/// A component in its store, with its exported functions.
pub(crate) struct Instance {
    store: Store<GuestState>,
    entry: Entry,
    meter: Arc<Meter>,
    /// `None` if the component does not export the contract.
    handle_message: Option<TypedFunc<(u64, Bytes), (Outcome,)>>,
    /// `None` if the component does not export the contract.
    handle_callback: Option<TypedFunc<(u64, Callback), ()>>,
    /// `None` if it gets messages one at a time.
    handle_messages: Option<HandleMessages>,
    /// The functions that services enter.
    entries: Vec<TypedEntry>,
    component: Component,
    instance: WasmInstance,
    /// The time at which the last call returned.
    returned_at: Instant,
}

type HandleMessages = TypedFunc<(u64, Vec<u32>, Bytes), (BatchEnd,)>;

impl Instance {
    /// Instantiates the component in a new store. Runs none of its handlers.
    pub(crate) async fn new(
        component: &Component,
        mut guest: GuestContext,
        wasi: Wasi,
        services: Vec<Box<dyn Any + Send>>,
    ) -> Result<Instance, GuestFailure> {
        let meter = Arc::clone(&guest.meter);
        guest.wakeups = (component.entry == Entry::Direct).then(DeferredWakeups::default);
        let mut store = Store::new(component.pre.engine(), GuestState::new(guest, wasi, services));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(hostcall_bytes(store.data()));
        let ticker = &component.ticker;
        arm(&mut store, component.entry, Arc::clone(&meter), Arc::clone(ticker));
        let instantiated = match component.entry {
            Entry::Direct => {
                let _hold = ticker.hold();
                meter.stretch(|| component.pre.instantiate(&mut store))
            }
            Entry::Fiber => ticker.held(meter.metered(component.pre.instantiate_async(&mut store))).await,
        };
        store.data_mut().hold = None;
        let instance = instantiated.map_err(|error| failure(error, &mut store, &meter))?;
        let exports = Arc::clone(&component.exports);
        let mut typed = || {
            let contract = exports.contract.as_ref();
            let message = contract.map(|own| typed(&instance, &mut store, own.handle_message)).transpose()?;
            let callback =
                contract.map(|own| typed(&instance, &mut store, own.handle_callback)).transpose()?;
            let batch = contract.and_then(|own| own.handle_messages);
            let batch = batch.map(|index| typed(&instance, &mut store, index)).transpose()?;
            let entries = exports.entries.iter();
            let entries = entries.map(|entry| entry.function.resolve(&instance, &mut store, entry.index));
            Ok((message, callback, batch, entries.collect::<wasmtime::Result<Vec<_>>>()?))
        };
        let (handle_message, handle_callback, handle_messages, entries) =
            typed().map_err(|error| failure(error, &mut store, &meter))?;
        let (entry, component) = (component.entry, component.clone());
        Ok(Instance {
            store,
            entry,
            meter,
            handle_message,
            handle_callback,
            handle_messages,
            entries,
            component,
            instance,
            returned_at: Instant::now(),
        })
    }

    pub(crate) fn guest(&mut self) -> &mut GuestContext {
        &mut self.store.data_mut().guest
    }

    /// Begins a message, callback or lifecycle call. It gets the whole limit on execution time.
    pub(crate) fn begin_message(&mut self) {
        self.meter.reset();
        let state = self.store.data_mut();
        // Forgets limits and panics of earlier messages, so that they are not reported as the cause of
        // a later trap.
        state.limiter.refused = None;
        drop(state.guest.take_panic());
    }

    pub(crate) async fn initialize(&mut self, settings: &Settings) -> Result<(), GuestFailure> {
        let Some(index) = self.component.exports.contract.map(|own| own.initialize) else { return Ok(()) };
        let own = |(key, value): &(String, SettingValue)| (key.clone(), value.as_str().to_owned());
        let config: Vec<(String, String)> = settings.iter().map(own).collect();
        let (answer,): (Result<(), String>,) = match self.memory_stays() {
            true => {
                let memory = Arc::clone(&self.guest().instance.memory);
                self.call_by_index(index, (Located { value: config, memory },)).await?
            }
            false => self.call_by_index(index, (config,)).await?,
        };
        answer.map_err(|message| GuestFailure::StartRefused { message: message.into() })
    }

    /// Returns true if the instance's memory stays at its address when it grows: in the engine's pool.
    fn memory_stays(&self) -> bool {
        self.component.pre.engine().pooling_allocator_metrics().is_some()
    }

    pub(crate) async fn health(&mut self) -> Result<HealthStatus, GuestFailure> {
        let Some(index) = self.component.exports.contract.map(|own| own.health) else {
            return Ok(HealthStatus::Healthy);
        };
        let (status,) = self.call_by_index(index, ()).await?;
        Ok(status)
    }

    pub(crate) async fn shutdown(&mut self) -> Result<(), GuestFailure> {
        let Some(index) = self.component.exports.contract.map(|own| own.shutdown) else { return Ok(()) };
        self.call_by_index(index, ()).await
    }

    /// Enters the guest with a call from a service, on a fiber.
    pub(crate) async fn enter(&mut self, call: &mut dyn EntryCall) -> Result<(), GuestFailure> {
        let watch = self.meter.begin_call();
        self.begin_entry(watch);
        let running = call.run(EntryGuest { store: &mut self.store, entries: &self.entries });
        let result = self.component.ticker.held(self.meter.metered(running)).await;
        self.returned_at = Instant::now();
        self.end_entry(result)
    }

    /// Prepares the store and the worker for an entry into the guest. Returns true if the worker was
    /// handed over, which takes time.
    fn begin_entry(&mut self, watch: Watch) -> bool {
        self.guest().send_clock.expire();
        self.store.set_epoch_deadline(TICKS_PER_CHECK);
        let bytes = hostcall_bytes(self.store.data());
        self.store.set_hostcall_fuel(bytes);
        if watch.hands_over {
            hand_over_worker();
        }
        watch.hands_over
    }

    /// Returns the result of an entry. One that overran the limit where nothing could interrupt it failed.
    fn end_entry<R>(&mut self, result: wasmtime::Result<R>) -> Result<R, GuestFailure> {
        match result {
            Ok(_) if self.meter.has_overrun() => Err(GuestFailure::OutOfTime { limit: self.meter.limit() }),
            result => result.map_err(|error| failure(error, &mut self.store, &self.meter)),
        }
    }

    /// Calls the handler of a message at `now`.
    pub(crate) async fn handle_message(
        &mut self,
        id: u64,
        body: Bytes,
        now: Instant,
    ) -> Result<Outcome, GuestFailure> {
        let Some(function) = self.handle_message else { return Ok(takes_no_messages()) };
        let (outcome,) = self.call(function, (id, body), now).await?;
        Ok(outcome)
    }

    /// Returns the moment at which the last call returned.
    pub(crate) fn returned(&self) -> Moment {
        self.meter.moment(self.returned_at)
    }

    /// Returns a moment at which the guest does not run.
    pub(crate) fn moment(&self, at: Instant) -> Moment {
        self.meter.moment(at)
    }

    /// Returns true if the guest accepts batches and shows its progress within them.
    pub(crate) fn takes_batches(&self) -> bool {
        self.handle_messages.is_some() && self.store.data().progress.is_some()
    }

    /// Makes the instance get messages one at a time from now on.
    pub(crate) fn disable_batches(&mut self) {
        self.handle_messages = None;
    }

    /// Returns the id of the message of the present batch that the guest has reached. A batch ends when its
    /// last message is taken, so this is asked before.
    pub(crate) fn reached(&mut self) -> Option<u64> {
        let shown = self.progress()?;
        Some(self.guest().batch.reached(shown))
    }

    /// Returns the id that the guest shows, which can be any number.
    pub(crate) fn progress(&self) -> Option<u64> {
        Some(self.store.data().progress.as_ref()?.read((&self.store).into()))
    }

    /// Calls the batch handler at `now`. The messages have consecutive ids from `first` on.
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

    pub(crate) async fn handle_callback(
        &mut self,
        request: u64,
        callback: Callback,
    ) -> Result<(), GuestFailure> {
        // A component without the contract asked for a reply that it cannot take.
        let Some(function) = self.handle_callback else { return Ok(()) };
        self.call(function, (request, callback), Instant::now()).await
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
        let watch = self.meter.begin_call();
        let mut now = now;
        if self.entry == Entry::Direct && (watch.awaits_permit || watch.hands_over) {
            // Waits here, because a guest that waits later keeps a thread meanwhile.
            let router = Arc::clone(&self.guest().instance.router);
            self.store.data_mut().long_run = Some(LongRun::permit(&router.app).await);
            now = Instant::now();
        }
        if self.begin_entry(watch) {
            now = Instant::now();
        }
        let result = match self.entry {
            Entry::Direct => {
                self.store.data_mut().kept_worker_since = now;
                self.component.ticker.wake();
                let store = &mut self.store;
                let (result, returned_at) = self.meter.stretch_from(now, || function.call(store, params));
                self.returned_at = returned_at;
                self.store.data_mut().hold = None;
                self.store.data_mut().long_run = None;
                self.guest().wakeups.iter_mut().for_each(DeferredWakeups::guest_returned);
                result
            }
            Entry::Fiber => {
                let call = function.call_async(&mut self.store, params);
                let result = self.component.ticker.held(self.meter.metered(call)).await;
                self.returned_at = Instant::now();
                result
            }
        };
        self.end_entry(result)
    }
}

/// Returns the end of a message to a component without the contract. Senders are refused before, so a
/// message comes here only if it was accepted in another way.
fn takes_no_messages() -> Outcome {
    Outcome::Completed(Completion::Rejected("the component exports no message handler".to_owned()))
}

/// Returns the most bytes that one call of the host may be passed.
///
/// It bounds the host's copies of the arguments, because a guest can pass the same bytes in many list
/// elements, and nothing interrupts a copy. The host copies no more than the guest's own memory could
/// hold, and no more than the largest message of the app needs.
fn hostcall_bytes(state: &GuestState) -> usize {
    let InstanceDependencies { limits, router, .. } = &*state.guest.instance;
    let own = limits.memory_bytes.max(limits.message_size_bytes.saturating_mul(2));
    own.min(router.app.largest_message().saturating_mul(2).max(MIN_HOSTCALL_BYTES))
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

/// Converts the error of a call to the failure of the instance.
fn failure(error: wasmtime::Error, store: &mut Store<GuestState>, meter: &Meter) -> GuestFailure {
    let state = store.data_mut();
    if error.is::<OutOfTime>() {
        return GuestFailure::OutOfTime { limit: meter.limit() };
    }
    if let Some(StillRunning(StartDeadline { call, limit, .. })) = error.downcast_ref() {
        return GuestFailure::StillRan { call, limit: *limit };
    }
    if error.is::<AppEnded>() {
        return GuestFailure::Ended;
    }
    if let Some(EntryTimedOut { limit }) = error.downcast_ref::<EntryTimedOut>() {
        return GuestFailure::EntryTimedOut { limit: *limit };
    }
    if let Some(message) = state.guest.take_panic() {
        return GuestFailure::Panicked { message };
    }
    if let Some((what, limit_bytes)) = state.limiter.refused {
        return GuestFailure::OutOfMemory { what, limit_bytes };
    }
    if error.is::<wasmtime_wasi::I32Exit>() {
        return GuestFailure::Exited;
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return GuestFailure::NoRoom { limit: BoundedText::of(full) };
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => GuestFailure::Trapped { trap: BoundedText::of(trap) },
        None => GuestFailure::Trapped { trap: BoundedText::of(&format_args!("{error:#}")) },
    }
}
