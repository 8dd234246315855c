//! A snapshot in Prometheus' text format.

use std::fmt::{Display, Write};

use airssys_rt::ActorState;

use crate::observe::handling_times::BUCKET_BOUNDS_NS;
use crate::observe::snapshot::{AppSnapshot, ComponentSnapshot, InstanceSnapshot};

/// The type of the text, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where an instance can be in its life, by the names that the label `state` has.
const STATES: [(ActorState, &str); 5] = [
    (ActorState::Starting, "starting"),
    (ActorState::Running, "running"),
    (ActorState::Restarting, "restarting"),
    (ActorState::Stopping, "stopping"),
    (ActorState::Stopped, "stopped"),
];

/// A figure of a component.
type OfComponent = fn(&ComponentSnapshot) -> u64;

/// A figure of an instance.
type OfInstance = fn(&InstanceSnapshot) -> u64;

const COMPONENT_COUNTERS: [(&str, &str, OfComponent); 7] = [
    ("airssys_messages_received_total", "Messages accepted into the component's mailboxes.", |c| c.received),
    ("airssys_messages_handled_total", "Messages whose handler finished.", |c| c.handled),
    ("airssys_messages_retried_total", "Attempts that were followed by another.", |c| c.retried),
    ("airssys_messages_dead_lettered_total", "Messages that became dead letters.", |c| c.dead_lettered),
    ("airssys_mailbox_full_total", "How often a sender found the mailbox full.", |c| c.mailbox_full),
    ("airssys_late_replies_total", "Replies that nobody waited for any more.", |c| c.late_replies),
    ("airssys_denials_total", "How often the component tried what it may not do.", |c| c.denied),
];

const INSTANCE_COUNTERS: [(&str, &str, OfInstance); 1] =
    [("airssys_restarts_total", "How often the instance was restarted.", |i| i.restarts)];

const INSTANCE_GAUGES: [(&str, &str, OfInstance); 5] = [
    ("airssys_mailbox_depth", "Messages in the mailbox.", |i| i.depth as u64),
    ("airssys_mailbox_high_water", "The most messages that were in the mailbox.", |i| i.high_water as u64),
    ("airssys_mailbox_capacity", "Messages that the mailbox takes.", |i| i.capacity as u64),
    ("airssys_linear_memory_bytes", "The instance's linear memory.", |i| i.memory_bytes),
    ("airssys_linear_memory_limit_bytes", "The most linear memory it may have.", |i| i.memory_limit_bytes),
];

/// A snapshot in Prometheus' text format, version 0.0.4.
pub fn text(snapshot: &AppSnapshot) -> String {
    let mut page = Page::default();
    page.family("airssys_info", "gauge", "The app, and the version of the program that runs it.");
    let about = [("app", snapshot.app.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    page.sample("airssys_info", &about, 1);
    page.family("airssys_uptime_seconds", "gauge", "How long the app has run.");
    page.sample("airssys_uptime_seconds", &[], snapshot.uptime_ms as f64 / 1e3);
    page.family("airssys_in_flight", "gauge", "Messages, callbacks and restarts under way.");
    page.sample("airssys_in_flight", &[], snapshot.in_flight);
    for (name, help, figure) in COMPONENT_COUNTERS {
        page.family(name, "counter", help);
        for component in &snapshot.components {
            page.sample(name, &[("component", &component.name)], figure(component));
        }
    }
    page.refusals(snapshot);
    page.over_quota(snapshot);
    page.times(snapshot);
    for (name, help, figure) in INSTANCE_COUNTERS {
        page.by_instance(snapshot, (name, "counter", help), figure);
    }
    for (name, help, figure) in INSTANCE_GAUGES {
        page.by_instance(snapshot, (name, "gauge", help), figure);
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

    fn over_quota(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_over_quota_total";
        self.family(name, "counter", "How often the component was refused for a limit of its own.");
        for component in &snapshot.components {
            for (limit, count) in &component.over_quota {
                self.sample(name, &[("component", &component.name), ("limit", limit)], count);
            }
        }
    }

    fn refusals(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_messages_refused_total";
        self.family(name, "counter", "Messages refused to their sender at the component's door.");
        for component in &snapshot.components {
            for (reason, count) in &component.refused {
                self.sample(name, &[("component", &component.name), ("reason", reason)], count);
            }
        }
    }

    fn times(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_handling_duration_seconds";
        self.family(name, "histogram", "From delivery to completion, waits of the handler included.");
        let bucket = format!("{name}_bucket");
        for component in &snapshot.components {
            let (own, handling) = (("component", component.name.as_str()), &component.handling);
            let mut within = 0;
            for (count, bound_ns) in handling.buckets.iter().zip(BUCKET_BOUNDS_NS) {
                within += count;
                let bound = (bound_ns as f64 / 1e9).to_string();
                self.sample(&bucket, &[own, ("le", &bound)], within);
            }
            let all = handling.count();
            self.sample(&bucket, &[own, ("le", "+Inf")], all);
            self.sample(&format!("{name}_sum"), &[own], handling.sum_ns as f64 / 1e9);
            self.sample(&format!("{name}_count"), &[own], all);
        }
    }

    fn by_instance(
        &mut self,
        snapshot: &AppSnapshot,
        (name, kind, help): (&str, &str, &str),
        figure: OfInstance,
    ) {
        self.family(name, kind, help);
        for component in &snapshot.components {
            for instance in &component.instances {
                let labels = [("component", component.name.as_str()), ("instance", &instance.name)];
                self.sample(name, &labels, figure(instance));
            }
        }
    }

    /// One sample for each state that there is: 1 for the one that the instance is in.
    fn states(&mut self, snapshot: &AppSnapshot) {
        let name = "airssys_instance_state";
        self.family(name, "gauge", "Where the instance is in its life: 1 for that state, 0 for the others.");
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

    /// Text within quotes.
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

    fn line(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.0.write_fmt(what).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_is_called_cannot_break_a_line() {
        let mut page = Page::default();
        page.sample("name", &[("app", "a\"b\\c\nd"), ("other", "é")], 1.5);
        assert_eq!(page.0, "name{app=\"a\\\"b\\\\c\\nd\",other=\"é\"} 1.5\n");
    }

    #[test]
    fn bounds_are_written_as_short_numbers_of_seconds() {
        let bounds = BUCKET_BOUNDS_NS.map(|bound| (bound as f64 / 1e9).to_string());
        assert_eq!(bounds[..4], ["0.000001", "0.0000025", "0.000005", "0.00001"]);
        assert_eq!(bounds[18..], ["1", "2.5", "5", "10"]);
    }
}
