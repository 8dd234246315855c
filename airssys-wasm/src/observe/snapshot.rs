//! Snapshots: copies of an app's counters at one moment.

use std::collections::BTreeMap;

use airssys_rt::{ActorHandle, ActorState, SupervisorSnapshot};
use serde::{Deserialize, Serialize};

use crate::observe::audit::AuditStats;
use crate::observe::costs::HostCosts;
use crate::observe::handling_times::HandlingStats;
use crate::observe::memory::MemoryGauge;
use crate::observe::usage::{QuotaUsage, TABLE_ELEMENTS};

/// A snapshot of an app, made by [`ComponentHost::snapshot`](crate::ComponentHost::snapshot).
///
/// Its parts are copied one after another. A change in between may show in one part and not in
/// another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AppSnapshot {
    /// The app's name.
    pub app: String,
    /// The time of the snapshot, in milliseconds since 1970.
    pub taken_at_ms: u64,
    /// The uptime of the app, in milliseconds.
    pub uptime_ms: u64,
    /// The step of the app's start; `None` if it has started.
    #[serde(default)]
    pub starting: Option<StartStep>,
    /// The number of messages, callbacks and restarts in flight.
    pub in_flight: usize,
    /// The number of messages that could not be handled.
    pub dead_letters: u64,
    /// The counters of the app's audit; `None` if no audit is kept.
    #[serde(default)]
    pub audit: Option<AuditStats>,
    /// The components, sorted by name.
    pub components: Vec<ComponentSnapshot>,
    /// The root supervisor and its children: the instances of components, and native actors.
    pub tree: SupervisorSnapshot,
}

/// A step of the start of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StartStep {
    /// The components are built and loaded.
    Loading,
    /// This component is started. Those behind it in the order of the start wait.
    Starting(String),
}

/// A snapshot of a component: all its instances together, over all incarnations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentSnapshot {
    /// The component's name in the app.
    pub name: String,
    /// Messages that were accepted into its mailboxes.
    pub received: u64,
    /// Messages whose handler finished with `done` or a reply.
    pub handled: u64,
    /// Calls of an instance to handle messages: fewer than messages, because one call hands over a
    /// batch of waiting messages.
    #[serde(default)]
    pub calls: u64,
    /// Attempts without a result that another attempt followed or will follow.
    pub retried: u64,
    /// Messages to it that were refused to their sender, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Calls of its own that were refused because it had reached a limit, by limit.
    #[serde(default)]
    pub over_quota: BTreeMap<String, u64>,
    /// Messages to it that became dead letters.
    pub dead_lettered: u64,
    /// Times that a sender found its mailbox full, and had to wait or give up.
    pub mailbox_full: u64,
    /// Replies that came after its request had ended: by a timeout, a cancellation or its restart.
    #[serde(default)]
    pub late_replies: u64,
    /// Messages to it that have not ended: in its mailboxes, being handled, or waiting for another
    /// attempt. After a shutdown, those of actors that were ended and have not given them back.
    #[serde(default)]
    pub unfinished: u64,
    /// Attempts that its capabilities do not allow.
    pub denied: u64,
    /// The times of its handled messages.
    pub handling: HandlingStats,
    /// Its log: lines that its instances logged or printed.
    #[serde(default)]
    pub log: LogStats,
    /// The time that its calls of the host took, in nanoseconds, without waits. It is part of the guest's
    /// time. Short calls are timed by samples.
    #[serde(default)]
    pub host_calls_ns: u64,
    /// Its calls of services, sorted by service and function.
    #[serde(default)]
    pub service_calls: Vec<ServiceCalls>,
    /// Its costs for the host.
    #[serde(default)]
    pub costs: HostCosts,
    /// The usage of the limits that its instances share.
    #[serde(default)]
    pub usage: Vec<QuotaUsage>,
    /// Its instances, sorted by number.
    pub instances: Vec<InstanceSnapshot>,
}

/// The log of a component: all its instances together, over all incarnations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogStats {
    /// Lines that were written.
    pub lines: u64,
    /// Bytes of the lines that were written.
    pub bytes: u64,
    /// Lines that were dropped, because the component logged more than its limits allow.
    pub dropped_lines: u64,
    /// Bytes of the lines that were dropped.
    pub dropped_bytes: u64,
}

/// The calls of one function of a service by a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceCalls {
    /// The service.
    pub service: String,
    /// The function, as the service counts it.
    pub function: String,
    /// The number of calls.
    pub calls: u64,
    /// The number of calls that failed.
    pub errors: u64,
    /// The time of all calls together, in nanoseconds.
    pub time_ns: u64,
}

/// A snapshot of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceSnapshot {
    /// The instance's name: the component's, followed by `/1`, `/2` and so on if there are several.
    pub name: String,
    /// The state of its lifecycle.
    pub state: ActorState,
    /// Messages that were accepted into its mailbox.
    pub received: u64,
    /// Messages whose handler returned without a failure.
    pub handled: u64,
    /// Messages in its mailbox.
    pub depth: usize,
    /// The most messages that its mailbox held at once.
    pub high_water: usize,
    /// The capacity of its mailbox, in messages.
    pub capacity: usize,
    /// The number of its restarts.
    pub restarts: u64,
    /// The size of its linear memory, in bytes; 0 while the instance is down.
    pub memory_bytes: u64,
    /// The limit of its linear memory, in bytes.
    pub memory_limit_bytes: u64,
    /// The usage of its own limits.
    #[serde(default)]
    pub usage: Vec<QuotaUsage>,
}

impl ComponentSnapshot {
    /// Returns the number of messages to it that were refused, for any reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Returns the number of its calls that were refused because it had reached a limit.
    pub fn over_quota_total(&self) -> u64 {
        self.over_quota.values().sum()
    }

    /// Returns the number of restarts of its instances.
    pub fn restarts(&self) -> u64 {
        self.instances.iter().map(|instance| instance.restarts).sum()
    }

    /// Returns the number of messages in the mailboxes of its instances.
    pub fn depth(&self) -> usize {
        self.instances.iter().map(|instance| instance.depth).sum()
    }

    /// Returns the most messages that a mailbox of one of its instances held at once.
    pub fn high_water(&self) -> usize {
        self.instances.iter().map(|instance| instance.high_water).max().unwrap_or(0)
    }

    /// Returns the size of the linear memory of its instances, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.instances.iter().map(|instance| instance.memory_bytes).sum()
    }
}

impl InstanceSnapshot {
    /// Returns the number of elements in all its tables together.
    pub(crate) fn table_elements(&self) -> u64 {
        self.used(TABLE_ELEMENTS)
    }

    /// Returns the amount in use of one of its limits.
    pub(crate) fn used(&self, limit: &str) -> u64 {
        self.usage.iter().find(|usage| usage.name == limit).map_or(0, |usage| usage.used)
    }

    pub(crate) fn new(actor: &ActorHandle, memory: &MemoryGauge, usage: Vec<QuotaUsage>) -> InstanceSnapshot {
        let stats = actor.stats();
        InstanceSnapshot {
            name: actor.name().to_owned(),
            state: stats.state,
            received: stats.accepted,
            handled: stats.handled,
            depth: stats.depth,
            high_water: stats.high_water,
            capacity: actor.capacity(),
            restarts: stats.restarts,
            memory_bytes: memory.used_bytes(),
            memory_limit_bytes: memory.limit_bytes(),
            usage,
        }
    }
}
