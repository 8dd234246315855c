//! How much of its limits a component uses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_rt::ActorHandle;
use airssys_spec::Limits;

use crate::observe::memory::MemoryGauge;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::quota::Quota;

/// How much of one limit is used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct QuotaUsage {
    /// The limit's key in the manifest, such as `memory`; `messages_burst to stock` if it is about
    /// one target. `mailbox`, `mailbox_high_water` and `mailbox_bytes` are those of the mailbox.
    pub name: String,
    /// How much is used now; of a burst, what has not come back yet.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
}

/// How much of its limits an instance uses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct InstanceUsage {
    /// The instance's name.
    pub name: String,
    /// Its limits.
    pub quotas: Vec<QuotaUsage>,
}

/// How much of its limits a component uses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ComponentUsage {
    /// The component's name in the app.
    pub name: String,
    /// What its instances have together: the rates that are limited, and the bytes in the mailboxes.
    pub quotas: Vec<QuotaUsage>,
    /// The limits of each instance.
    pub instances: Vec<InstanceUsage>,
    /// How often it was refused because a limit of its own was reached, by limit.
    pub over_quota: BTreeMap<String, u64>,
}

/// What an incarnation uses, as it and its operator see it.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) table_elements: AtomicUsize,
    pub(crate) routes: AtomicUsize,
}

impl Gauges {
    /// Begins with nothing, for a new incarnation.
    pub(crate) fn reset(&self) {
        for gauge in [&self.table_elements, &self.routes] {
            gauge.store(0, Ordering::Relaxed);
        }
    }
}

impl QuotaUsage {
    fn new(name: impl Into<String>, used: usize, limit: usize) -> QuotaUsage {
        QuotaUsage { name: name.into(), used: used as u64, limit: limit as u64 }
    }
}

/// What an instance uses.
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
        QuotaUsage::new("table_elements", load(&gauges.table_elements), limits.table_elements),
        QuotaUsage::new("concurrent_requests", requests, limits.concurrent_requests),
        QuotaUsage::new("subscriptions", subscriptions, limits.subscriptions),
        QuotaUsage::new("routes", load(&gauges.routes), limits.routes),
        QuotaUsage::new("mailbox", stats.depth, capacity),
        QuotaUsage::new("mailbox_high_water", stats.high_water, capacity),
    ]
}

/// What all instances of a component use together.
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
