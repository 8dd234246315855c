//! The usage of limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_rt::ActorHandle;
use airssys_spec::Limits;

use crate::observe::memory::MemoryGauge;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::name_bytes::{ROUTE_BYTES, SUBSCRIPTION_BYTES, most_bytes};
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

/// Amounts in use by an instance, read by the guest and by the operator. Each store takes its own off when
/// it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) table_elements: AtomicUsize,
    pub(crate) routes: AtomicUsize,
    /// The bytes of the host that the routes take.
    pub(crate) route_bytes: AtomicUsize,
}

/// The subscriptions of an instance that count against its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionsHeld {
    pub(crate) count: usize,
    /// The bytes of the host that they take.
    pub(crate) bytes: usize,
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
    subscriptions: SubscriptionsHeld,
) -> Vec<QuotaUsage> {
    let load = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed);
    let (stats, capacity, most_bytes) = (actor.stats(), actor.capacity(), most_bytes(limits));
    vec![
        QuotaUsage::new("memory", memory.used_bytes() as usize, limits.memory_bytes),
        QuotaUsage::new(TABLE_ELEMENTS, load(&gauges.table_elements), limits.table_elements),
        QuotaUsage::new("concurrent_requests", requests, limits.concurrent_requests),
        QuotaUsage::new("subscriptions", subscriptions.count, limits.subscriptions),
        QuotaUsage::new(SUBSCRIPTION_BYTES, subscriptions.bytes, most_bytes),
        QuotaUsage::new("routes", load(&gauges.routes), limits.routes),
        QuotaUsage::new(ROUTE_BYTES, load(&gauges.route_bytes), most_bytes),
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
