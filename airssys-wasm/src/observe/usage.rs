//! The usage of limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_rt::ActorHandle;
use airssys_spec::Limits;

use crate::observe::memory::MemoryGauge;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::quota::Quota;

/// The name of the usage of table elements.
pub(crate) const TABLE_ELEMENTS: &str = "table_elements";

/// The usage of one limit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct QuotaUsage {
    /// The limit's key in the manifest, such as `memory`, or `messages_burst to stock` for a
    /// per-target limit. `mailbox`, `mailbox_high_water` and `mailbox_bytes` describe the mailbox.
    pub name: String,
    /// The amount in use; for a burst, the part that has not been refilled yet.
    pub used: u64,
    /// The maximum.
    pub limit: u64,
}

/// Amounts in use by an incarnation, read by the guest and by the operator.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) table_elements: AtomicUsize,
    pub(crate) routes: AtomicUsize,
}

impl Gauges {
    /// Sets the gauge of routes to 0, for a new incarnation. Each store takes its tables off by itself.
    pub(crate) fn reset(&self) {
        self.routes.store(0, Ordering::Relaxed);
    }
}

impl QuotaUsage {
    fn new(name: impl Into<String>, used: usize, limit: usize) -> QuotaUsage {
        QuotaUsage { name: name.into(), used: used as u64, limit: limit as u64 }
    }
}

/// Returns the usage of the limits that each instance has for itself.
pub(crate) fn of_instance(
    limits: &Limits,
    gauges: &Gauges,
    memory: &MemoryGauge,
    actor: &ActorHandle,
    requests: usize,
    subscriptions: usize,
) -> Vec<QuotaUsage> {
    let load = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed);
    let (stats, capacity) = (actor.stats(), actor.capacity());
    vec![
        QuotaUsage::new("memory", memory.used_bytes() as usize, limits.memory_bytes),
        QuotaUsage::new(TABLE_ELEMENTS, load(&gauges.table_elements), limits.table_elements),
        QuotaUsage::new("concurrent_requests", requests, limits.concurrent_requests),
        QuotaUsage::new("subscriptions", subscriptions, limits.subscriptions),
        QuotaUsage::new("routes", load(&gauges.routes), limits.routes),
        QuotaUsage::new("mailbox", stats.depth, capacity),
        QuotaUsage::new("mailbox_high_water", stats.high_water, capacity),
    ]
}

/// Returns the usage of the limits that the instances of a component share.
pub(crate) fn of_component(
    quota: &Quota,
    budget: &Arc<ByteBudget>,
    retained: (usize, usize),
) -> Vec<QuotaUsage> {
    let (used, limit) = budget.used();
    let bytes = QuotaUsage::new("mailbox_bytes", used, limit);
    let retained = QuotaUsage::new("retained", retained.0, retained.1);
    let rates = quota.used().into_iter().map(|(name, used, limit)| QuotaUsage { name, used, limit });
    [bytes, retained].into_iter().chain(rates).collect()
}
