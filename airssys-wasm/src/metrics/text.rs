//! A snapshot in Prometheus' text format.

use std::fmt::{Display, Write};

use airssys_rt::ActorState;

use crate::observe::handling_times::{BUCKET_BOUNDS_NS, HandlingStats, TimeHistogram};
use crate::observe::snapshot::{AppSnapshot, ComponentSnapshot, InstanceSnapshot, ServiceCalls};

/// The media type of the text, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states of an instance, with the values of the label `state`.
const STATES: [(ActorState, &str); 6] = [
    (ActorState::Starting, "starting"),
    (ActorState::Running, "running"),
    (ActorState::Restarting, "restarting"),
    (ActorState::Quarantined, "quarantined"),
    (ActorState::Stopping, "stopping"),
    (ActorState::Stopped, "stopped"),
];

/// Reads a counter of a component.
type OfComponent = fn(&ComponentSnapshot) -> u64;

/// Reads a counter or gauge of an instance.
type OfInstance = fn(&InstanceSnapshot) -> u64;

/// Reads a counter of a service's function.
type OfServiceCalls = fn(&ServiceCalls) -> f64;

/// Reads one of the handling times of a component.
type OfTimes = fn(&HandlingStats) -> &TimeHistogram;

const HANDLING_TIMES: [(&str, &str, OfTimes); 4] = [
    ("airssys_handling_duration_seconds", "Time from delivery to completion.", |times| &times.total),
    ("airssys_guest_duration_seconds", "Part of the handling in which the guest ran.", |times| &times.guest),
    ("airssys_wait_duration_seconds", "Part of the handling that waited for others.", |times| &times.waits),
    ("airssys_mailbox_wait_duration_seconds", "Time in the mailbox before delivery.", |times| &times.mailbox),
];

const COMPONENT_COUNTERS: [(&str, &str, OfComponent); 11] = [
    ("airssys_messages_received_total", "Messages accepted into the component's mailboxes.", |c| c.received),
    ("airssys_messages_handled_total", "Messages whose handler finished.", |c| c.handled),
    ("airssys_messages_retried_total", "Attempts that were followed by another.", |c| c.retried),
    ("airssys_messages_dead_lettered_total", "Messages that became dead letters.", |c| c.dead_lettered),
    ("airssys_mailbox_full_total", "Times that a sender found a mailbox full.", |c| c.mailbox_full),
    ("airssys_late_replies_total", "Replies that came after their request had ended.", |c| c.late_replies),
    ("airssys_denials_total", "Attempts that the capabilities do not allow.", |c| c.denied),
    ("airssys_log_lines_total", "Lines that the component logged or printed.", |c| c.log.lines),
    ("airssys_log_bytes_total", "Bytes of these lines.", |c| c.log.bytes),
    ("airssys_log_dropped_lines_total", "Lines dropped because of the limits.", |c| c.log.dropped_lines),
    ("airssys_log_dropped_bytes_total", "Bytes of these lines.", |c| c.log.dropped_bytes),
];

const INSTANCE_COUNTERS: [(&str, &str, OfInstance); 1] =
    [("airssys_restarts_total", "Restarts of the instance.", |i| i.restarts)];

const SERVICE_COUNTERS: [(&str, &str, OfServiceCalls); 3] = [
    ("airssys_service_calls_total", "Calls of the service's function.", |s| s.calls as f64),
    ("airssys_service_call_errors_total", "Calls that failed.", |s| s.errors as f64),
    ("airssys_service_call_seconds_total", "Time of all calls together.", |s| s.time_ns as f64 / 1e9),
];

const INSTANCE_GAUGES: [(&str, &str, OfInstance); 5] = [
    ("airssys_mailbox_depth", "Messages in the mailbox.", |i| i.depth as u64),
    ("airssys_mailbox_high_water", "The most messages in the mailbox so far.", |i| i.high_water as u64),
    ("airssys_mailbox_capacity", "The capacity of the mailbox, in messages.", |i| i.capacity as u64),
    ("airssys_linear_memory_bytes", "The instance's linear memory.", |i| i.memory_bytes),
    ("airssys_linear_memory_limit_bytes", "The limit of the instance's linear memory.", |i| {
        i.memory_limit_bytes
    }),
];

/// Returns a snapshot in Prometheus' text format, version 0.0.4.
pub fn text(snapshot: &AppSnapshot) -> String {
    let mut page = Page::default();
    page.family("airssys_info", "gauge", "The app, and the version of the program that runs it.");
    let about = [("app", snapshot.app.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    page.sample("airssys_info", &about, 1);
    page.family("airssys_uptime_seconds", "gauge", "Uptime of the app.");
    page.sample("airssys_uptime_seconds", &[], snapshot.uptime_ms as f64 / 1e3);
    page.family("airssys_in_flight", "gauge", "Messages, callbacks and restarts in flight.");
    page.sample("airssys_in_flight", &[], snapshot.in_flight);
    for (name, help, read) in COMPONENT_COUNTERS {
        page.family(name, "counter", help);
        for component in &snapshot.components {
            page.sample(name, &[("component", &component.name)], read(component));
        }
    }
    page.host_calls(snapshot);
    page.refusals(snapshot);
    page.over_quota(snapshot);
    for (name, help, read) in HANDLING_TIMES {
        page.times(snapshot, (name, help), read);
    }
    for (name, help, read) in SERVICE_COUNTERS {
        page.by_service(snapshot, (name, help), read);
    }
    for (name, help, read) in INSTANCE_COUNTERS {
        page.by_instance(snapshot, (name, "counter", help), read);
    }
    for (name, help, read) in INSTANCE_GAUGES {
        page.by_instance(snapshot, (name, "gauge", help), read);
    }
    page.states(snapshot);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.line(format_args!("{}{label}=\"", if index == 0 { '{' } else { ',' }));
            self.escaped(text);
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.line(format_args!(" {value}\n"));
    }

    fn host_calls(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_host_call_seconds_total";
        self.family(name, "counter", "Time that the component's calls of the host took.");
        for component in &snapshot.components {
            self.sample(name, &[("component", &component.name)], component.host_calls_ns as f64 / 1e9);
        }
    }

    fn over_quota(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_over_quota_total";
        self.family(name, "counter", "Calls of the component refused because it had reached a limit.");
        for component in &snapshot.components {
            for (limit, count) in &component.over_quota {
                self.sample(name, &[("component", &component.name), ("limit", limit)], count);
            }
        }
    }

    fn refusals(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_messages_refused_total";
        self.family(name, "counter", "Messages to the component that were refused to their sender.");
        for component in &snapshot.components {
            for (reason, count) in &component.refused {
                self.sample(name, &[("component", &component.name), ("reason", reason)], count);
            }
        }
    }

    fn times(&mut self, snapshot: &AppSnapshot, (name, help): (&str, &str), read: OfTimes) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for component in &snapshot.components {
            let (own, times) = (("component", component.name.as_str()), read(&component.handling));
            let mut buckets = times.buckets.iter().peekable();
            let mut within = 0;
            for bound_ns in BUCKET_BOUNDS_NS {
                let filled = buckets.next_if(|bucket| bucket.up_to_ns == Some(bound_ns));
                within += filled.map_or(0, |bucket| bucket.messages);
                let bound = (bound_ns as f64 / 1e9).to_string();
                self.sample(&bucket, &[own, ("le", &bound)], within);
            }
            let all = times.count();
            self.sample(&bucket, &[own, ("le", "+Inf")], all);
            self.sample(&format!("{name}_sum"), &[own], times.sum_ns as f64 / 1e9);
            self.sample(&format!("{name}_count"), &[own], all);
        }
    }

    fn by_service(&mut self, snapshot: &AppSnapshot, (name, help): (&str, &str), read: OfServiceCalls) {
        self.family(name, "counter", help);
        for component in &snapshot.components {
            for calls in &component.service_calls {
                let labels = [
                    ("component", component.name.as_str()),
                    ("service", &calls.service),
                    ("function", &calls.function),
                ];
                self.sample(name, &labels, read(calls));
            }
        }
    }

    fn by_instance(
        &mut self,
        snapshot: &AppSnapshot,
        (name, kind, help): (&str, &str, &str),
        read: OfInstance,
    ) {
        self.family(name, kind, help);
        for component in &snapshot.components {
            for instance in &component.instances {
                let labels = [("component", component.name.as_str()), ("instance", &instance.name)];
                self.sample(name, &labels, read(instance));
            }
        }
    }

    /// Writes one sample for each state: 1 for the current state of the instance, 0 for the others.
    fn states(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_instance_state";
        self.family(name, "gauge", "State of the instance: 1 for the current state, 0 for the others.");
        for component in &snapshot.components {
            for instance in &component.instances {
                for (state, text) in STATES {
                    let labels = [
                        ("component", component.name.as_str()),
                        ("instance", instance.name.as_str()),
                        ("state", text),
                    ];
                    self.sample(name, &labels, u8::from(instance.state == state));
                }
            }
        }
    }

    /// Writes a text within quotes.
    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        self.0.write_fmt(text).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_line() {
        let mut page = Page::default();
        page.sample("name", &[("app", "a\"b\\c\nd"), ("other", "é")], 1.5);
        assert_eq!(page.0, "name{app=\"a\\\"b\\\\c\\nd\",other=\"é\"} 1.5\n");
    }

    #[test]
    fn bounds_are_short_numbers_of_seconds() {
        let bounds = BUCKET_BOUNDS_NS.map(|bound| (bound as f64 / 1e9).to_string());
        assert_eq!(bounds[..4], ["0.000001", "0.0000025", "0.000005", "0.00001"]);
        assert_eq!(bounds[18..], ["1", "2.5", "5", "10"]);
    }

    #[test]
    fn service_calls_have_a_sample_for_each_function() {
        let supervisor = serde_json::json!({
            "name": "shop", "id": 0, "state": "running", "strategy": "one-for-one", "dynamic": false,
            "restarts": 0, "children_restarted": 0, "children": [],
        });
        let component = serde_json::json!({
            "name": "cart", "received": 0, "handled": 0, "retried": 0, "refused": {}, "dead_lettered": 0,
            "mailbox_full": 0, "denied": 0, "handling": HandlingStats::default(), "instances": [], "service_calls": [
                { "service": "keyvalue", "function": "get", "calls": 4, "errors": 1, "time_ns": 2_500_000_000_u64 },
                { "service": "keyvalue", "function": "set", "calls": 2, "errors": 0, "time_ns": 0 },
            ],
        });
        let snapshot: AppSnapshot = serde_json::from_value(serde_json::json!({
            "app": "shop", "taken_at_ms": 0, "uptime_ms": 0, "in_flight": 0, "dead_letters": 0,
            "components": [component], "tree": supervisor,
        }))
        .unwrap();
        let page = text(&snapshot);
        let samples: Vec<&str> = page.lines().filter(|line| line.starts_with("airssys_service")).collect();
        assert_eq!(
            samples,
            [
                "airssys_service_calls_total{component=\"cart\",service=\"keyvalue\",function=\"get\"} 4",
                "airssys_service_calls_total{component=\"cart\",service=\"keyvalue\",function=\"set\"} 2",
                "airssys_service_call_errors_total{component=\"cart\",service=\"keyvalue\",function=\"get\"} 1",
                "airssys_service_call_errors_total{component=\"cart\",service=\"keyvalue\",function=\"set\"} 0",
                "airssys_service_call_seconds_total{component=\"cart\",service=\"keyvalue\",function=\"get\"} 2.5",
                "airssys_service_call_seconds_total{component=\"cart\",service=\"keyvalue\",function=\"set\"} 0",
            ]
        );
        assert!(page.contains("# TYPE airssys_service_calls_total counter\n"), "{page}");
    }
}
