//! An app as it is at a moment, to be looked at or sent away.

use std::collections::BTreeMap;

use airssys_rt::{ActorHandle, ActorState, SupervisorSnapshot};
use serde::{Deserialize, Serialize};

use crate::observe::audit::AuditStats;
use crate::observe::handling_times::HandlingHistogram;
use crate::observe::memory::MemoryGauge;
use crate::observe::usage::QuotaUsage;

/// An app as it is at a moment, by [`ComponentHost::snapshot`](crate::ComponentHost::snapshot).
///
/// The parts are looked at one after another: what changes meanwhile may show in one and not in
/// another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AppSnapshot {
    /// The app's name.
    pub app: String,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at_ms: u64,
    /// How long the app has run, in milliseconds.
    pub uptime_ms: u64,
    /// Messages, callbacks and restarts that are under way.
    pub in_flight: usize,
    /// Messages that could not be handled.
    pub dead_letters: u64,
    /// What became of what the app's audit was told; none if none is kept.
    #[serde(default)]
    pub audit: Option<AuditStats>,
    /// The components, in the order of their names.
    pub components: Vec<ComponentSnapshot>,
    /// The supervisor at the root, and what is below it: the instances of components, and native
    /// actors.
    pub tree: SupervisorSnapshot,
}

/// A component as it is at a moment: all its instances together, over all incarnations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentSnapshot {
    /// Its name in the app.
    pub name: String,
    /// Messages that were accepted into its mailboxes.
    pub received: u64,
    /// Messages whose handler finished with `done` or a reply.
    pub handled: u64,
    /// Attempts that came to nothing and were followed, or are to be, by another.
    pub retried: u64,
    /// Messages that were refused to their sender at its door, by reason.
    pub refused: BTreeMap<String, u64>,
    /// How often it was refused because a limit of its own was reached, by limit.
    #[serde(default)]
    pub over_quota: BTreeMap<String, u64>,
    /// Messages that ended in the dead letters.
    pub dead_lettered: u64,
    /// How often a sender found its mailbox full.
    pub mailbox_full: u64,
    /// Replies to its requests that came when nobody waited for them any more.
    #[serde(default)]
    pub late_replies: u64,
    /// How often it tried what its capabilities do not allow.
    pub denied: u64,
    /// How long its messages took to handle.
    pub handling: HandlingHistogram,
    /// Half of the messages were handled in at most this time, in nanoseconds; none if none was.
    pub p50_ns: Option<u64>,
    /// 99 of 100 messages were handled in at most this time, in nanoseconds; none if none was.
    pub p99_ns: Option<u64>,
    /// Its calls of services, in the order of services and functions.
    #[serde(default)]
    pub service_calls: Vec<ServiceCalls>,
    /// How much of the limits that its instances share is used.
    #[serde(default)]
    pub usage: Vec<QuotaUsage>,
    /// Its instances, in the order of their numbers.
    pub instances: Vec<InstanceSnapshot>,
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

/// An instance as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceSnapshot {
    /// Its name: the component's, followed by `/1`, `/2` and so on if there are several.
    pub name: String,
    /// Where it is in its life.
    pub state: ActorState,
    /// Messages that were accepted into its mailbox.
    pub received: u64,
    /// Messages whose handler returned without a failure.
    pub handled: u64,
    /// Messages in its mailbox.
    pub depth: usize,
    /// The most messages that were in its mailbox at once.
    pub high_water: usize,
    /// Messages that its mailbox takes.
    pub capacity: usize,
    /// How often it was restarted.
    pub restarts: u64,
    /// Its linear memory, in bytes; 0 while it does not live.
    pub memory_bytes: u64,
    /// The most linear memory that it may have, in bytes.
    pub memory_limit_bytes: u64,
    /// How much of its own limits is used.
    #[serde(default)]
    pub usage: Vec<QuotaUsage>,
}

impl ComponentSnapshot {
    /// Messages refused at its door, for whatever reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// How often it was refused because a limit of its own was reached, whichever.
    pub fn over_quota_total(&self) -> u64 {
        self.over_quota.values().sum()
    }

    /// How often its instances were restarted.
    pub fn restarts(&self) -> u64 {
        self.instances.iter().map(|instance| instance.restarts).sum()
    }

    /// The linear memory of its instances, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.instances.iter().map(|instance| instance.memory_bytes).sum()
    }
}

impl InstanceSnapshot {
    /// Without its usage.
    pub(crate) fn of(actor: &ActorHandle, memory: &MemoryGauge) -> InstanceSnapshot {
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
            usage: Vec::new(),
        }
    }
}
