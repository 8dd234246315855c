//! The stats of a component: counters and handling times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

use airssys_rt::LogThrottle;
use airssys_spec::Denied;
use crossbeam_utils::CachePadded;

use crate::observe::costs::HostCosts;
use crate::observe::denials::Denials;
use crate::observe::handling_times::HandlingTimes;
use crate::observe::snapshot::{ComponentSnapshot, InstanceSnapshot, LogStats, ServiceCalls};
use crate::observe::usage::QuotaUsage;
use crate::observe::warnings::Warnings;
use crate::policy::quota::QuotaLimit;
use crate::sync::{lock, read, write};

/// The counters of a component: all its instances together, over all incarnations.
#[derive(Debug)]
pub(crate) struct ComponentStats {
    /// On a cache line of its own, because senders write it and the receiver writes the others.
    received: CachePadded<AtomicU64>,
    handled: AtomicU64,
    calls: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    mailbox_full: AtomicU64,
    denied: AtomicU64,
    denials: Denials,
    /// The limits that the component reached itself.
    exceeded: Mutex<BTreeMap<QuotaLimit, ExceededCount>>,
    late_replies: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    times: Mutex<HandlingTimes>,
    /// Locked for writing only by the first call of a function.
    service_calls: RwLock<BTreeMap<(&'static str, &'static str), ServiceCallCounter>>,
    log: LogCounters,
    host_calls_ns: AtomicU64,
    warnings: Warnings,
}

/// The counters of a component's log.
#[derive(Debug, Default)]
struct LogCounters {
    lines: AtomicU64,
    bytes: AtomicU64,
    dropped_lines: AtomicU64,
    dropped_bytes: AtomicU64,
}

/// The calls of one function of a service.
#[derive(Debug, Default)]
struct ServiceCallCounter {
    calls: AtomicU64,
    errors: AtomicU64,
    time_ns: AtomicU64,
}

impl ServiceCallCounter {
    fn add(&self, took: Duration, succeeded: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(!succeeded), Ordering::Relaxed);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.time_ns.fetch_add(took, Ordering::Relaxed);
    }
}

/// The number of times that a limit was reached.
#[derive(Debug, Default)]
struct ExceededCount {
    total: u64,
    throttle: LogThrottle,
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
            service_calls: RwLock::default(),
            log: LogCounters::default(),
            host_calls_ns: zero(),
            warnings: Warnings::default(),
        }
    }

    pub(crate) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts handled messages.
    pub(crate) fn handled(&self, messages: u64) {
        self.handled.fetch_add(messages, Ordering::Relaxed);
    }

    /// Returns the handling times, to record some.
    pub(crate) fn times(&self) -> MutexGuard<'_, HandlingTimes> {
        lock(&self.times)
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

    /// Counts a denial, and retains it for `explain`.
    pub(crate) fn denied(&self, denied: &Denied) {
        self.denials.add(denied);
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the latest denials.
    pub(crate) fn denials(&self) -> &Denials {
        &self.denials
    }

    /// Returns the throttles of log lines about the component.
    pub(crate) fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// Counts that a limit was reached. Returns the number of suppressed log lines if one is due.
    pub(crate) fn exceeded(&self, limit: &QuotaLimit, now_ns: u64) -> Option<u64> {
        let mut exceeded = lock(&self.exceeded);
        let count = exceeded.entry(limit.clone()).or_default();
        count.total += 1;
        count.throttle.pass(now_ns)
    }

    /// Returns how often each limit was reached, by its name.
    pub(crate) fn over_quota(&self) -> BTreeMap<String, u64> {
        let exceeded = lock(&self.exceeded);
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
        if let Some(counter) = read(&self.service_calls).get(&(service, function)) {
            return counter.add(took, succeeded);
        }
        write(&self.service_calls).entry((service, function)).or_default().add(took, succeeded);
    }

    /// Returns the counters of each function of a service that was called.
    pub(crate) fn service_calls(&self) -> Vec<ServiceCalls> {
        let calls = read(&self.service_calls);
        let row = |((service, function), counter): (&(&str, &str), &ServiceCallCounter)| ServiceCalls {
            service: (*service).to_owned(),
            function: (*function).to_owned(),
            calls: counter.calls.load(Ordering::Relaxed),
            errors: counter.errors.load(Ordering::Relaxed),
            time_ns: counter.time_ns.load(Ordering::Relaxed),
        };
        calls.iter().map(row).collect()
    }

    /// Counts a line of the log.
    pub(crate) fn logged(&self, bytes: usize) {
        self.log.lines.fetch_add(1, Ordering::Relaxed);
        self.log.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a line of the log that was dropped.
    pub(crate) fn log_dropped(&self, bytes: usize) {
        self.log.dropped_lines.fetch_add(1, Ordering::Relaxed);
        self.log.dropped_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Makes a call of the host, and counts its time.
    pub(crate) fn host_call<R>(&self, call: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = call();
        self.host_calls_took(began.elapsed());
        result
    }

    /// Counts the time of calls of the host.
    pub(crate) fn host_calls_took(&self, time: Duration) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.host_calls_ns.fetch_add(time_ns, Ordering::Relaxed);
    }

    pub(crate) fn late_reply(&self) {
        self.late_replies.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        let mut refused = lock(&self.refused);
        *refused.entry(reason).or_default() += 1;
    }

    /// Returns a copy of the counters, together with the snapshots of the component's instances.
    pub(crate) fn snapshot(
        &self,
        name: &str,
        usage: Vec<QuotaUsage>,
        instances: Vec<InstanceSnapshot>,
    ) -> ComponentSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused =
            lock(&self.refused).iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        ComponentSnapshot {
            name: name.to_owned(),
            received: load(&self.received),
            handled: load(&self.handled),
            calls: load(&self.calls),
            retried: load(&self.retried),
            refused,
            over_quota: self.over_quota(),
            dead_lettered: load(&self.dead_lettered),
            mailbox_full: load(&self.mailbox_full),
            late_replies: load(&self.late_replies),
            denied: load(&self.denied),
            handling: lock(&self.times).stats(),
            log: LogStats {
                lines: load(&self.log.lines),
                bytes: load(&self.log.bytes),
                dropped_lines: load(&self.log.dropped_lines),
                dropped_bytes: load(&self.log.dropped_bytes),
            },
            host_calls_ns: load(&self.host_calls_ns),
            service_calls: self.service_calls(),
            unfinished: 0,
            costs: HostCosts::default(),
            usage,
            instances,
        }
    }
}
