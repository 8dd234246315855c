//! The store of an instance: its state, its memory limits and its interruption by the epoch.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use airssys_spec::Limits;
use wasmtime::component::ResourceTable;
use wasmtime::{AsContext, ResourceLimiter, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::guest::context::GuestContext;
use crate::guest::deferred_wakeups::DeferredWakeups;
use crate::guest::meter::{Meter, Moment};
use crate::guest::progress::Progress;
use crate::guest::start_deadline::StillRunning;
use crate::guest::ticker::{Hold, Ticker};
use crate::guest::wasi::Wasi;
use crate::guest::worker::LongRun;
use crate::observe::memory::MemoryGauge;
use crate::observe::usage::Gauges;

/// The way in which a component's exports are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// On the worker's stack, because no function that it imports can wait.
    Direct,
    /// On a stack of its own, so that its calls can be suspended.
    Fiber,
}

/// The most WASI resources (streams, pollables) that an instance can hold.
pub(crate) const MAX_RESOURCES: usize = 4_096;

/// The host's data in an instance's store. Functions of services work on it.
pub struct GuestState {
    pub(crate) guest: GuestContext,
    wasi: Wasi,
    pub(crate) table: ResourceTable,
    /// The data of the services that the component imports.
    pub(crate) services: Vec<Box<dyn Any + Send>>,
    pub(crate) limiter: Limiter,
    /// The number at which the guest shows its progress within a batch, if it does.
    pub(crate) progress: Option<Progress>,
    /// The time at which this call began, or last handed over its worker's run queue.
    pub(crate) kept_worker_since: Instant,
    /// Taken by a directly entered guest at its first epoch check, and given back when it returns.
    pub(crate) hold: Option<Hold>,
    /// Taken by a directly entered guest when it hands over its worker, and given back when it returns.
    pub(crate) long_run: Option<LongRun>,
}

/// Raised in a guest that has used up its execution time.
#[derive(Debug, thiserror::Error)]
#[error("out of time")]
pub(crate) struct OutOfTime;

/// Raised in a guest that still runs at the end of its app's shutdown.
#[derive(Debug, thiserror::Error)]
#[error("ended")]
pub(crate) struct AppEnded;

/// The ticks between two checks of a running guest. A check measures its execution time, wakes the
/// receivers of its messages, and notes its progress within a batch.
pub(crate) const TICKS_PER_CHECK: u64 = 1;

/// The time after which a directly entered guest hands over its worker's run queue. Counted in time rather
/// than in checks, because no check interrupts a call of the host.
const HAND_OVER_AFTER: Duration = Duration::from_millis(10);

impl GuestState {
    pub(crate) fn new(guest: GuestContext, wasi: Wasi, services: Vec<Box<dyn Any + Send>>) -> GuestState {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let limiter = Limiter::new(&guest);
        GuestState {
            guest,
            wasi,
            table,
            services,
            limiter,
            progress: None,
            kept_worker_since: Instant::now(),
            hold: None,
            long_run: None,
        }
    }
}

/// Sets up the check of a running guest by the epoch. It interrupts the guest when its execution time
/// is used up or its app has ended. A guest on a fiber also yields at every tick. A directly entered
/// guest cannot yield, so it offers its run queue, and hands it over if it runs long.
pub(crate) fn arm(store: &mut Store<GuestState>, entry: Entry, meter: Arc<Meter>, ticker: Arc<Ticker>) {
    store.set_epoch_deadline(TICKS_PER_CHECK);
    store.epoch_deadline_callback(move |mut store| {
        let now = Instant::now();
        meter.check(now);
        note_progress(&mut store, &meter, meter.moment(now));
        let state = store.data_mut();
        state.guest.send_clock.expire();
        let passed = state.guest.passed_deadline(now);
        match (meter.left(), passed, entry) {
            _ if state.guest.instance.router.app.has_ended() => Err(wasmtime::Error::from(AppEnded)),
            (None, _, _) => Err(wasmtime::Error::from(OutOfTime)),
            (Some(_), Some(deadline), _) => Err(wasmtime::Error::from(StillRunning(deadline))),
            (Some(_), None, Entry::Direct) => {
                state.hold.get_or_insert_with(|| ticker.hold());
                state.guest.wakeups.iter_mut().for_each(DeferredWakeups::wake_elsewhere);
                if now.saturating_duration_since(state.kept_worker_since) >= HAND_OVER_AFTER {
                    let (before, app) = (state.long_run.take(), &state.guest.instance.router.app);
                    if before.is_none() {
                        meter.ran_long();
                    }
                    state.long_run = meter.pause(|| LongRun::hand_over(before, app));
                    state.kept_worker_since = Instant::now();
                    if app.has_ended() {
                        return Err(wasmtime::Error::from(AppEnded));
                    }
                }
                Ok(UpdateDeadline::Continue(TICKS_PER_CHECK))
            }
            (Some(_), None, Entry::Fiber) => Ok(UpdateDeadline::Yield(TICKS_PER_CHECK)),
        }
    });
}

/// Gives the present message of a batch the whole limit, if the guest has reached it since the last
/// check.
fn note_progress(store: &mut StoreContextMut<'_, GuestState>, meter: &Meter, now: Moment) {
    if !store.data().guest.batch.is_batch() {
        return;
    }
    let progress = store.data().progress.as_ref();
    let Some(id) = progress.map(|progress| progress.read(store.as_context())) else { return };
    let state = store.data_mut();
    let id = state.guest.batch.reached(id);
    state.guest.batch.advance(id, 1, now);
    if state.guest.batch.is_new_progress(id) {
        meter.restart();
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(), table: &mut self.table }
    }
}

/// Keeps an instance's memories and tables within its limits.
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    used_bytes: usize,
    used_elements: usize,
    /// The key and value of the limit that refused growth last.
    pub(crate) refused: Option<(&'static str, usize)>,
    memory: Arc<MemoryGauge>,
    gauges: Arc<Gauges>,
}

impl Limiter {
    fn new(guest: &GuestContext) -> Limiter {
        let limits: &Limits = &guest.instance.limits;
        guest.instance.memory.store_begun();
        Limiter {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            used_bytes: 0,
            used_elements: 0,
            refused: None,
            memory: Arc::clone(&guest.instance.memory),
            gauges: Arc::clone(&guest.instance.gauges),
        }
    }
}

impl Drop for Limiter {
    /// Takes this store's memories and tables off the gauges, because they are dropped with it.
    fn drop(&mut self) {
        self.memory.dropped(self.used_bytes);
        self.gauges.table_elements.fetch_sub(self.used_elements, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    /// Checks the limit on all memories of the instance together.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = grown(current, desired, maximum);
        let Some(used) = grown.and_then(|bytes| within(self.memory_bytes, self.used_bytes, bytes)) else {
            self.refused = grown.map(|_| ("memory", self.memory_bytes)).or(self.refused);
            return Ok(false);
        };
        self.memory.grown(used - self.used_bytes);
        self.used_bytes = used;
        Ok(true)
    }

    /// Checks the limit on all tables of the instance together.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = grown(current, desired, maximum);
        let used = grown.and_then(|elements| within(self.table_elements, self.used_elements, elements));
        let Some(used) = used else {
            self.refused = grown.map(|_| ("table_elements", self.table_elements)).or(self.refused);
            return Ok(false);
        };
        self.gauges.table_elements.fetch_add(used - self.used_elements, Ordering::Relaxed);
        self.used_elements = used;
        Ok(true)
    }
}

/// Returns the amount by which a memory or table grows. Returns `None` beyond its own maximum, because
/// that growth fails. Counting it would count what is not there.
fn grown(current: usize, desired: usize, maximum: Option<usize>) -> Option<usize> {
    match maximum {
        Some(maximum) if desired > maximum => None,
        _ => Some(desired.saturating_sub(current)),
    }
}

/// Returns the amount in use after growth. Returns `None` if it is more than the limit. The guest
/// chooses `grown`, so that the sum can be larger than any number.
fn within(limit: usize, used: usize, grown: usize) -> Option<usize> {
    used.checked_add(grown).filter(|used| *used <= limit)
}
