//! A running app as rows: its supervision tree, with the stats of its components.

use airssys_wasm::{
    ActorSnapshot, ActorState, AppSnapshot, ChildSnapshot, ComponentSnapshot, InstanceSnapshot,
    SupervisionStrategy, SupervisorSnapshot,
};

use crate::plain::plain;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The branches of the tree, drawn before the name.
    pub(crate) branch: String,
    pub(crate) name: String,
    pub(crate) kind: RowKind,
    pub(crate) state: ActorState,
    pub(crate) mailbox: Option<Mailbox>,
    pub(crate) stats: RowStats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowKind {
    Supervisor,
    /// A component with all its instances.
    Component,
    /// One of several instances of a component.
    Instance,
    /// A native actor, not a component.
    Actor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) depth: usize,
    pub(crate) high_water: usize,
    /// `None` for a native actor, because its snapshot has no capacity.
    pub(crate) capacity: Option<usize>,
}

/// The counters of a row; each is `None` if rows of that kind have no such counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowStats {
    pub(crate) received: Option<u64>,
    pub(crate) handled: Option<u64>,
    /// The median time in the guest.
    pub(crate) p50_ns: Option<u64>,
    /// The 99th percentile of the time in the guest.
    pub(crate) p99_ns: Option<u64>,
    /// The 99th percentile of the time of waits for others.
    pub(crate) waits_ns: Option<u64>,
    /// The 99th percentile of the time in the mailbox.
    pub(crate) queued_ns: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) restarts: Option<u64>,
    pub(crate) denied: Option<u64>,
    pub(crate) refused: Option<u64>,
    pub(crate) dead_lettered: Option<u64>,
    pub(crate) over_quota: Option<u64>,
    pub(crate) late_replies: Option<u64>,
    /// The bytes of the log that were written.
    pub(crate) log_bytes: Option<u64>,
    /// The lines of the log that were dropped.
    pub(crate) log_dropped: Option<u64>,
    /// The time of calls of the host.
    pub(crate) host_calls_ns: Option<u64>,
}

/// A row and the rows of its children.
struct Node {
    row: Row,
    children: Vec<Node>,
}

/// The rows of an app, from the root of its tree down.
///
/// Components that have stopped for good come last, because they have left the tree.
pub(crate) fn rows(app: &AppSnapshot) -> Vec<Row> {
    let mut missing: Vec<&ComponentSnapshot> = app.components.iter().collect();
    let mut root = supervisor(&app.tree, app, &mut missing);
    root.children.extend(missing.into_iter().map(component));
    let mut rows = Vec::new();
    flatten(root, "", "", &mut rows);
    rows
}

fn flatten(node: Node, branch: &str, indent: &str, rows: &mut Vec<Row>) {
    rows.push(Row { branch: branch.to_owned(), ..node.row });
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.into_iter().enumerate() {
        let (own, next) = if index == last { ("└ ", "  ") } else { ("├ ", "│ ") };
        flatten(child, &format!("{indent}{own}"), &format!("{indent}{next}"), rows);
    }
}

fn supervisor<'a>(
    supervisor: &SupervisorSnapshot,
    app: &'a AppSnapshot,
    missing: &mut Vec<&'a ComponentSnapshot>,
) -> Node {
    let mut children = Vec::new();
    for child in &supervisor.children {
        match child {
            ChildSnapshot::Supervisor(child) => children.push(self::supervisor(child, app, missing)),
            ChildSnapshot::Actor(child) => {
                let has = |c: &ComponentSnapshot| c.instances.iter().any(|i| i.name == child.name);
                // All instances of a component share one row, at the place of the first of them.
                match missing.iter().position(|component| has(component)) {
                    Some(index) => children.push(component(missing.remove(index))),
                    None if app.components.iter().any(has) => {}
                    None => children.push(actor(child)),
                }
            }
            _ => {}
        }
    }
    let stats = RowStats { restarts: Some(supervisor.restarts), ..RowStats::default() };
    let name = name(&supervisor.name) + strategy(supervisor.strategy);
    Node { row: row(name, RowKind::Supervisor, supervisor.state, None, stats), children }
}

fn row(name: String, kind: RowKind, state: ActorState, mailbox: Option<Mailbox>, stats: RowStats) -> Row {
    Row { branch: String::new(), name, kind, state, mailbox, stats }
}

fn name(name: &str) -> String {
    if name.is_empty() { "(unnamed)".to_owned() } else { plain(name).into_owned() }
}

fn component(component: &ComponentSnapshot) -> Node {
    let (instances, several) = (&component.instances, component.instances.len() > 1);
    let name = match instances.len() {
        1 => component.name.clone(),
        count => format!("{} ×{count}", component.name),
    };
    let mailbox = Mailbox {
        depth: instances.iter().map(|instance| instance.depth).sum(),
        high_water: instances.iter().map(|instance| instance.high_water).max().unwrap_or(0),
        capacity: Some(instances.iter().map(|instance| instance.capacity).sum()),
    };
    let stats = RowStats {
        received: Some(component.received),
        handled: Some(component.handled),
        p50_ns: component.handling.guest.p50_ns,
        p99_ns: component.handling.guest.p99_ns,
        waits_ns: component.handling.waits.p99_ns,
        queued_ns: component.handling.mailbox.p99_ns,
        memory_bytes: Some(component.memory_bytes()),
        restarts: Some(component.restarts()),
        denied: Some(component.denied),
        refused: Some(component.refused_total()),
        dead_lettered: Some(component.dead_lettered),
        over_quota: Some(component.over_quota_total()),
        late_replies: Some(component.late_replies),
        log_bytes: Some(component.log.bytes),
        log_dropped: Some(component.log.dropped_lines),
        host_calls_ns: Some(component.host_calls_ns),
    };
    let row = row(name, RowKind::Component, worst_state(instances), Some(mailbox), stats);
    Node { row, children: instances.iter().filter(|_| several).map(instance).collect() }
}

/// The state of the instance that is farthest from running.
fn worst_state(instances: &[InstanceSnapshot]) -> ActorState {
    let rank = |state: &ActorState| match state {
        ActorState::Running => 0,
        ActorState::Starting => 1,
        ActorState::Stopping => 2,
        ActorState::Stopped => 3,
        ActorState::Quarantined => 5,
        _ => 4,
    };
    instances.iter().map(|instance| instance.state).max_by_key(rank).unwrap_or(ActorState::Stopped)
}

fn instance(instance: &InstanceSnapshot) -> Node {
    let mailbox =
        Mailbox { depth: instance.depth, high_water: instance.high_water, capacity: Some(instance.capacity) };
    let stats = RowStats {
        received: Some(instance.received),
        handled: Some(instance.handled),
        memory_bytes: Some(instance.memory_bytes),
        restarts: Some(instance.restarts),
        ..RowStats::default()
    };
    let row = row(instance.name.clone(), RowKind::Instance, instance.state, Some(mailbox), stats);
    Node { row, children: Vec::new() }
}

fn actor(actor: &ActorSnapshot) -> Node {
    let counters = &actor.stats;
    let mailbox = Mailbox { depth: counters.depth, high_water: counters.high_water, capacity: None };
    let stats = RowStats {
        received: Some(counters.accepted),
        handled: Some(counters.handled),
        restarts: Some(counters.restarts),
        ..RowStats::default()
    };
    Node {
        row: row(name(&actor.name), RowKind::Actor, counters.state, Some(mailbox), stats),
        children: Vec::new(),
    }
}

/// A strategy as manifests write it, behind a name. The default is left out, to leave a narrow
/// terminal room for other columns.
fn strategy(strategy: SupervisionStrategy) -> &'static str {
    match strategy {
        SupervisionStrategy::OneForOne => "",
        SupervisionStrategy::OneForAll => " (one-for-all)",
        SupervisionStrategy::RestForOne => " (rest-for-one)",
    }
}

/// A state in one word.
pub(crate) fn state_name(state: ActorState) -> &'static str {
    match state {
        ActorState::Starting => "starting",
        ActorState::Running => "running",
        ActorState::Restarting => "restarting",
        ActorState::Quarantined => "quarantined",
        ActorState::Stopping => "stopping",
        ActorState::Stopped => "stopped",
        _ => "?",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An app with a pool, a stopped component, and native actors.
    pub(crate) fn app() -> AppSnapshot {
        let used = |name: &str, used: u64| {
            serde_json::json!([
                { "name": name, "used": used, "limit": 64 << 20 }, { "name": "mailbox", "used": 1, "limit": 1024 },
            ])
        };
        let instance = |name: &str, state: &str, depth: usize| {
            serde_json::json!({
                "name": name, "state": state, "depth": depth, "high_water": depth + 2, "capacity": 1024,
                "received": 60, "handled": 50, "restarts": 1, "memory_bytes": 1_114_112,
                "memory_limit_bytes": 67_108_864, "usage": if name == "parse" { used("memory", 32 << 20) } else { used("routes", 0) },
            })
        };
        let times = |p50: u64, p99: u64| serde_json::json!({ "p50_ns": p50, "p99_ns": p99, "sum_ns": 0, "buckets": [] });
        let component = |name: &str, instances: Vec<serde_json::Value>| {
            serde_json::json!({
                "name": name, "received": 120, "handled": 100, "retried": 0, "refused": { "codec-refused": 3 },
                "dead_lettered": 4, "mailbox_full": 5, "denied": 6, "late_replies": 8,
                "over_quota": { "routes": 1, "messages_per_second": 9 }, "usage": match name {
                    "pool" => used("mailbox_bytes", 1_024),
                    "parse" => serde_json::json!([{ "name": "messages_burst to pool", "used": 9, "limit": 10 }]),
                    _ => serde_json::json!([]),
                }, "handling": {
                    "total": times(13_000, 3_500_000), "guest": times(12_000, 3_400_000),
                    "waits": times(0, 1_000), "mailbox": times(500, 70_000),
                }, "instances": instances,
            })
        };
        let actor = |name: &str| {
            serde_json::json!({
                "kind": "actor", "name": name, "id": 7, "state": "running", "accepted": 9, "rejected": 0,
                "waited": 0, "overflowed": 0, "handled": 8, "failed": 0, "restarts": 0, "dropped": 0, "depth": 1,
                "high_water": 1, "ticks": 0, "busy": { "secs": 0, "nanos": 0 },
            })
        };
        let supervisor = |name: &str, children: Vec<serde_json::Value>| {
            serde_json::json!({
                "kind": "supervisor", "name": name, "id": 0, "state": "running", "strategy": "one-for-one",
                "dynamic": false, "restarts": 0, "children_restarted": 2, "children": children,
            })
        };
        let children = vec![
            actor("pool/1"),
            supervisor("bridges", vec![actor("mail")]),
            actor("pool/2"),
            actor("parse"),
        ];
        serde_json::from_value(serde_json::json!({
            "app": "shop", "taken_at_ms": 1_700_000_000_000_u64, "uptime_ms": 62_000, "in_flight": 3,
            "dead_letters": 4, "audit": { "lines": 1_200, "messages_dropped": 7, "failures": 0, "waiting": 3 }, "tree": supervisor("shop", children), "components": [
                component("feed", vec![instance("feed", "stopped", 0)]),
                component("parse", vec![instance("parse", "running", 0)]),
                component("pool", vec![instance("pool/1", "running", 7), instance("pool/2", "restarting", 5)]),
            ],
        }))
        .expect("a snapshot")
    }

    #[test]
    fn instances_are_drawn_below_their_component() {
        let rows = rows(&app());
        let drawn: Vec<String> = rows.iter().map(|row| format!("{}{}", row.branch, row.name)).collect();
        assert_eq!(
            drawn,
            ["shop", "├ pool ×2", "│ ├ pool/1", "│ └ pool/2", "├ bridges", "│ └ mail", "├ parse", "└ feed",]
        );
    }

    #[test]
    fn component_row_sums_up_its_instances() {
        let pool = &rows(&app())[1];
        assert_eq!((pool.kind, pool.state), (RowKind::Component, ActorState::Restarting));
        assert_eq!(pool.mailbox, Some(Mailbox { depth: 12, high_water: 9, capacity: Some(2_048) }));
        let stats = pool.stats;
        assert_eq!((stats.received, stats.handled), (Some(120), Some(100)));
        assert_eq!((stats.memory_bytes, stats.restarts), (Some(2_228_224), Some(2)));
        assert_eq!((stats.denied, stats.refused, stats.dead_lettered), (Some(6), Some(3), Some(4)));
        assert_eq!((stats.over_quota, stats.late_replies), (Some(10), Some(8)));
    }

    #[test]
    fn stopped_component_comes_last_as_stopped() {
        let rows = rows(&app());
        assert_eq!((rows[7].name.as_str(), rows[7].state), ("feed", ActorState::Stopped));
    }
}
