//! The store of an instance: its state, its limits and its interruptions.

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
use crate::guest::meter::Meter;
use crate::guest::progress::Progress;
use crate::guest::wasi::Wasi;
use crate::guest::worker::give_worker_away;
use crate::observe::memory::MemoryGauge;
use crate::observe::usage::Gauges;

/// The interval at which a running guest can be interrupted: limits on execution time are this exact.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);

/// The way in which a component's exports are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// On the worker's stack: nothing that it imports can wait.
    Direct,
    /// On a stack of its own: its calls can be suspended.
    Fiber,
}

/// Most handles of WASI resources (streams, pollables) that an instance can hold.
const MAX_RESOURCES: usize = 4_096;

/// The host's part of an instance's store. Functions of services work on it.
pub struct GuestState {
    pub(crate) guest: GuestContext,
    wasi: Wasi,
    pub(crate) table: ResourceTable,
    /// The data of the services that the component imports.
    pub(crate) services: Vec<Box<dyn Any + Send>>,
    pub(crate) limiter: Limiter,
    /// Where the guest shows which message of a run it is on, if it does.
    pub(crate) progress: Option<Progress>,
    /// How often the guest was looked at in this call.
    pub(crate) looks: u64,
}

/// Raised in a guest that has used up its time.
#[derive(Debug, thiserror::Error)]
#[error("out of time")]
pub(crate) struct OutOfTime;

/// Raised in a guest that runs when its app's shutdown is over.
#[derive(Debug, thiserror::Error)]
#[error("ended")]
pub(crate) struct Ended;

/// How often a guest that holds its worker is looked at, in ticks: so that what it has sent is handled,
/// and the messages of a run are told apart.
pub(crate) const LOOK_TICKS: u64 = 1;

/// After so many looks it gives its worker away.
const GIVE_AWAY_LOOKS: u64 = 10;

impl GuestState {
    pub(crate) fn new(guest: GuestContext, wasi: Wasi, services: Vec<Box<dyn Any + Send>>) -> GuestState {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let limiter = Limiter::new(&guest);
        GuestState { guest, wasi, table, services, limiter, progress: None, looks: 0 }
    }
}

/// Interrupts the guest when its time is up. A guest on a fiber also makes way for others at every
/// tick; one that holds its worker gives it away when it is looked at.
pub(crate) fn arm(store: &mut Store<GuestState>, entry: Entry, meter: Arc<Meter>) {
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
            _ if state.guest.instance.router.app.has_ended() => Err(wasmtime::Error::from(Ended)),
            (None, _) => Err(wasmtime::Error::from(OutOfTime)),
            (Some(left), Entry::Direct) => {
                state.guest.wakeups.iter_mut().for_each(DeferredWakeups::wake_elsewhere);
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
fn note_progress(store: &mut StoreContextMut<'_, GuestState>, meter: &Meter) {
    if !store.data().guest.batch.is_together() {
        return;
    }
    let Some(at) = store.data().progress.as_ref().map(|progress| progress.read(store.as_context())) else {
        return;
    };
    let state = store.data_mut();
    state.guest.batch.reached(at, 1, Instant::now());
    if state.guest.batch.is_further(at) {
        meter.restart();
    }
}

pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(EPOCH_TICK.as_nanos())).unwrap_or(u64::MAX / 2) + 1
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(), table: &mut self.table }
    }
}

/// Keeps an instance's memories and tables within its limits, and remembers what it refused.
pub(crate) struct Limiter {
    memory_bytes: usize,
    table_elements: usize,
    used_bytes: usize,
    used_elements: usize,
    pub(crate) refused: Option<(&'static str, usize)>,
    memory: Arc<MemoryGauge>,
    gauges: Arc<Gauges>,
}

impl Limiter {
    fn new(guest: &GuestContext) -> Limiter {
        let limits: &Limits = &guest.instance.limits;
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
