//! What a component did: counters and handling times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use airssys_rt::ActorHandle;
use airssys_spec::Denied;
use crossbeam_utils::CachePadded;

use crate::observe::denials::Denials;
use crate::observe::handling_times::HandlingTimes;
use crate::observe::log_throttle::LogThrottle;
use crate::observe::memory::MemoryGauge;
use crate::observe::snapshot::{ComponentSnapshot, InstanceSnapshot, ServiceCalls};
use crate::policy::quota::QuotaLimit;

/// The counters of a component, of all its instances together, over all incarnations.
#[derive(Debug)]
pub(crate) struct ComponentStats {
    /// Written by senders, the rest by the receiver: a cache line of its own.
    received: CachePadded<AtomicU64>,
    handled: AtomicU64,
    calls: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    mailbox_full: AtomicU64,
    denied: AtomicU64,
    denials: Denials,
    /// The limits of its own that it reached.
    exceeded: Mutex<BTreeMap<QuotaLimit, ExceededCount>>,
    late_replies: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    times: Mutex<HandlingTimes>,
    service_calls: Mutex<BTreeMap<(&'static str, &'static str), ServiceCallCounter>>,
}

/// The calls of one function of a service.
#[derive(Debug, Default)]
struct ServiceCallCounter {
    calls: u64,
    errors: u64,
    time: Duration,
}

/// The number of times that a limit was reached.
#[derive(Debug, Default)]
struct ExceededCount {
    total: u64,
    throttle: LogThrottle,
}

/// What a component did so far: a copy of its counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ComponentSummary {
    /// The component's name in the app.
    pub name: String,
    /// Instances that it runs in.
    pub instances: usize,
    /// Messages that were accepted into its mailbox.
    pub received: u64,
    /// Messages whose handler finished with `done` or a reply.
    pub handled: u64,
    /// How often an instance was called to handle messages: fewer than messages, as several that wait
    /// are handed over with one call.
    pub calls: u64,
    /// Attempts that came to nothing and were followed, or are to be, by another.
    pub retried: u64,
    /// Messages that were refused to their sender at its door, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often it was refused because a limit of its own was reached, by limit.
    pub over_quota: BTreeMap<String, u64>,
    /// Messages that ended in the dead letters.
    pub dead_lettered: u64,
    /// How often a sender found its mailbox full and had to wait or give up.
    pub mailbox_full: u64,
    /// Replies to its requests that came when nobody waited for them any more: after the timeout, a
    /// cancellation, or its restart.
    pub late_replies: u64,
    /// How often it tried what its capabilities do not allow.
    pub denied: u64,
    /// Messages that are in its mailboxes now.
    pub depth: usize,
    /// Most messages that were in a mailbox at once.
    pub high_water: usize,
    /// How often an instance was restarted.
    pub restarts: u64,
    /// Half of the messages were handled in at most this time, in nanoseconds; none if none was.
    pub p50_ns: Option<u64>,
    /// 99 of 100 messages were handled in at most this time, in nanoseconds; none if none was.
    pub p99_ns: Option<u64>,
}

impl ComponentSummary {
    /// Messages refused at its door, for whatever reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

impl ComponentStats {
    pub(crate) fn new() -> ComponentStats {
        let zero = || AtomicU64::new(0);
        ComponentStats {
            received: CachePadded::new(zero()),
            handled: zero(),
            calls: zero(),
            retried: zero(),
            dead_lettered: zero(),
            mailbox_full: zero(),
            denied: zero(),
            denials: Denials::default(),
            exceeded: Mutex::default(),
            late_replies: zero(),
            refused: Mutex::default(),
            times: Mutex::default(),
            service_calls: Mutex::default(),
        }
    }

    pub(crate) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// So many messages were handled.
    pub(crate) fn handled(&self, messages: u64) {
        self.handled.fetch_add(messages, Ordering::Relaxed);
    }

    /// So many messages took this time each.
    pub(crate) fn took(&self, messages: u64, took: Duration) {
        if messages == 0 {
            return;
        }
        self.times.lock().unwrap_or_else(PoisonError::into_inner).record(messages, took);
    }

    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dead_lettered(&self) {
        self.dead_lettered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn mailbox_full(&self) {
        self.mailbox_full.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a denial, and keeps it to be explained.
    pub(crate) fn denied(&self, denied: &Denied) {
        self.denials.add(denied);
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the latest denials.
    pub(crate) fn denials(&self) -> &Denials {
        &self.denials
    }

    /// Counts that a limit was reached. Returns the number of suppressed log lines if one is due.
    pub(crate) fn exceeded(&self, limit: &QuotaLimit, now_ns: u64) -> Option<u64> {
        let mut exceeded = self.exceeded.lock().unwrap_or_else(PoisonError::into_inner);
        let count = exceeded.entry(limit.clone()).or_default();
        count.total += 1;
        count.throttle.pass(now_ns)
    }

    /// Returns how often each limit was reached, by its name.
    pub(crate) fn over_quota(&self) -> BTreeMap<String, u64> {
        let exceeded = self.exceeded.lock().unwrap_or_else(PoisonError::into_inner);
        exceeded.iter().map(|(limit, count)| (limit.to_string(), count.total)).collect()
    }

    /// Counts a call of a service's function, with the time that it took.
    pub(crate) fn service_called(
        &self,
        service: &'static str,
        function: &'static str,
        took: Duration,
        succeeded: bool,
    ) {
        let mut calls = self.service_calls.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = calls.entry((service, function)).or_default();
        counter.calls += 1;
        counter.errors += u64::from(!succeeded);
        counter.time += took;
    }

    /// Returns the counters of each function of a service that was called.
    pub(crate) fn service_calls(&self) -> Vec<ServiceCalls> {
        let calls = self.service_calls.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |((service, function), counter): (&(&str, &str), &ServiceCallCounter)| ServiceCalls {
            service: (*service).to_owned(),
            function: (*function).to_owned(),
            calls: counter.calls,
            errors: counter.errors,
            time_ns: u64::try_from(counter.time.as_nanos()).unwrap_or(u64::MAX),
        };
        calls.iter().map(row).collect()
    }

    pub(crate) fn late_reply(&self) {
        self.late_replies.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(reason).or_default() += 1;
    }

    /// Returns a copy of the counters, with those of the component's instances.
    pub(crate) fn summary(&self, name: &str, members: &[ActorHandle]) -> ComponentSummary {
        let mut summary = self.counters(name);
        summary.instances = members.len();
        for stats in members.iter().map(ActorHandle::stats) {
            summary.restarts += stats.restarts;
            summary.depth += stats.depth;
            summary.high_water = summary.high_water.max(stats.high_water);
        }
        summary
    }

    fn counters(&self, name: &str) -> ComponentSummary {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        ComponentSummary {
            name: name.to_owned(),
            received: load(&self.received),
            handled: load(&self.handled),
            calls: load(&self.calls),
            retried: load(&self.retried),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            over_quota: self.over_quota(),
            dead_lettered: load(&self.dead_lettered),
            mailbox_full: load(&self.mailbox_full),
            late_replies: load(&self.late_replies),
            denied: load(&self.denied),
            p50_ns: times.quantile(0.50),
            p99_ns: times.quantile(0.99),
            ..ComponentSummary::default()
        }
    }

    /// A copy, with what is known of the component's instances but their usage.
    pub(crate) fn snapshot<'a>(
        &self,
        name: &str,
        instances: impl Iterator<Item = (&'a ActorHandle, &'a MemoryGauge)>,
    ) -> ComponentSnapshot {
        let summary = self.counters(name);
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        ComponentSnapshot {
            name: summary.name,
            received: summary.received,
            handled: summary.handled,
            retried: summary.retried,
            refused: summary.refused.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
            over_quota: self.over_quota(),
            dead_lettered: summary.dead_lettered,
            mailbox_full: summary.mailbox_full,
            late_replies: summary.late_replies,
            denied: summary.denied,
            handling: times.histogram(),
            p50_ns: summary.p50_ns,
            p99_ns: summary.p99_ns,
            service_calls: self.service_calls(),
            usage: Vec::new(),
            instances: instances.map(|(actor, memory)| InstanceSnapshot::of(actor, memory)).collect(),
        }
    }
}
