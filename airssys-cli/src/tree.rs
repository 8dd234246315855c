//! A running app as rows: its supervision tree, with the figures of components.

use airssys_wasm::{
    ActorSnapshot, ActorState, AppSnapshot, ChildSnapshot, ComponentSnapshot, InstanceSnapshot,
    SupervisorSnapshot,
};

use crate::plain::plain;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What stands before the name: how it hangs in the tree.
    pub(crate) branch: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) state: ActorState,
    pub(crate) mailbox: Option<Mailbox>,
    pub(crate) figures: Figures,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Supervisor,
    /// A component with all its instances.
    Component,
    /// One of several instances of a component.
    Instance,
    /// An actor that is no component.
    Actor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) depth: usize,
    pub(crate) high_water: usize,
    /// Not known of an actor that is no component.
    pub(crate) capacity: Option<usize>,
}

/// Figures; none where there is no such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) received: Option<u64>,
    pub(crate) handled: Option<u64>,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) restarts: Option<u64>,
    pub(crate) denied: Option<u64>,
    pub(crate) refused: Option<u64>,
    pub(crate) dead_lettered: Option<u64>,
    pub(crate) over_quota: Option<u64>,
    pub(crate) late_replies: Option<u64>,
}

/// A row and those below it.
struct Node {
    row: Row,
    below: Vec<Node>,
}

/// The rows of an app, from the root of its tree down. Components that have ended for good are no
/// longer in the tree: they come last.
pub(crate) fn rows(app: &AppSnapshot) -> Vec<Row> {
    let mut missing: Vec<&ComponentSnapshot> = app.components.iter().collect();
    let mut root = supervisor(&app.tree, app, &mut missing);
    root.below.extend(missing.into_iter().map(component));
    let mut rows = Vec::new();
    flatten(root, "", "", &mut rows);
    rows
}

fn flatten(node: Node, branch: &str, below: &str, rows: &mut Vec<Row>) {
    rows.push(Row { branch: branch.to_owned(), ..node.row });
    let last = node.below.len().saturating_sub(1);
    for (index, child) in node.below.into_iter().enumerate() {
        let (own, next) = if index == last { ("└ ", "  ") } else { ("├ ", "│ ") };
        flatten(child, &format!("{below}{own}"), &format!("{below}{next}"), rows);
    }
}

fn supervisor<'a>(
    supervisor: &SupervisorSnapshot,
    app: &'a AppSnapshot,
    missing: &mut Vec<&'a ComponentSnapshot>,
) -> Node {
    let mut below = Vec::new();
    for child in &supervisor.children {
        match child {
            ChildSnapshot::Supervisor(child) => below.push(self::supervisor(child, app, missing)),
            ChildSnapshot::Actor(child) => {
                let has = |c: &ComponentSnapshot| c.instances.iter().any(|i| i.name == child.name);
                // One row for all instances of a component, where the first of them is.
                match missing.iter().position(|component| has(component)) {
                    Some(index) => below.push(component(missing.remove(index))),
                    None if app.components.iter().any(has) => {}
                    None => below.push(actor(child)),
                }
            }
            _ => {}
        }
    }
    let figures = Figures { restarts: Some(supervisor.restarts), ..Figures::default() };
    Node { row: row(name(&supervisor.name), Kind::Supervisor, supervisor.state, None, figures), below }
}

fn row(name: String, kind: Kind, state: ActorState, mailbox: Option<Mailbox>, figures: Figures) -> Row {
    Row { branch: String::new(), name, kind, state, mailbox, figures }
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
    let figures = Figures {
        received: Some(component.received),
        handled: Some(component.handled),
        p50_ns: component.p50_ns,
        p99_ns: component.p99_ns,
        memory_bytes: Some(component.memory_bytes()),
        restarts: Some(component.restarts()),
        denied: Some(component.denied),
        refused: Some(component.refused_total()),
        dead_lettered: Some(component.dead_lettered),
        over_quota: Some(component.over_quota_total()),
        late_replies: Some(component.late_replies),
    };
    let row = row(name, Kind::Component, worst(instances), Some(mailbox), figures);
    Node { row, below: instances.iter().filter(|_| several).map(instance).collect() }
}

/// The state of the instance that is farthest from running.
fn worst(instances: &[InstanceSnapshot]) -> ActorState {
    let rank = |state: &ActorState| match state {
        ActorState::Running => 0,
        ActorState::Starting => 1,
        ActorState::Stopping => 2,
        ActorState::Stopped => 3,
        _ => 4,
    };
    instances.iter().map(|instance| instance.state).max_by_key(rank).unwrap_or(ActorState::Stopped)
}

fn instance(instance: &InstanceSnapshot) -> Node {
    let mailbox =
        Mailbox { depth: instance.depth, high_water: instance.high_water, capacity: Some(instance.capacity) };
    let figures = Figures {
        received: Some(instance.received),
        handled: Some(instance.handled),
        memory_bytes: Some(instance.memory_bytes),
        restarts: Some(instance.restarts),
        ..Figures::default()
    };
    let row = row(instance.name.clone(), Kind::Instance, instance.state, Some(mailbox), figures);
    Node { row, below: Vec::new() }
}

fn actor(actor: &ActorSnapshot) -> Node {
    let stats = &actor.stats;
    let mailbox = Mailbox { depth: stats.depth, high_water: stats.high_water, capacity: None };
    let figures = Figures {
        received: Some(stats.accepted),
        handled: Some(stats.handled),
        restarts: Some(stats.restarts),
        ..Figures::default()
    };
    Node { row: row(name(&actor.name), Kind::Actor, stats.state, Some(mailbox), figures), below: Vec::new() }
}

/// A state in a word.
pub(crate) fn state(state: ActorState) -> &'static str {
    match state {
        ActorState::Starting => "starting",
        ActorState::Running => "running",
        ActorState::Restarting => "restarting",
        ActorState::Stopping => "stopping",
        ActorState::Stopped => "stopped",
        _ => "?",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An app with a pool, a component that has ended, and actors of its own.
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
        let component = |name: &str, instances: Vec<serde_json::Value>| {
            serde_json::json!({
                "name": name, "received": 120, "handled": 100, "retried": 0, "refused": { "codec-refused": 3 },
                "dead_lettered": 4, "mailbox_full": 5, "denied": 6, "late_replies": 8,
                "over_quota": { "routes": 1, "messages_per_second": 9 }, "usage": match name {
                    "pool" => used("mailbox_bytes", 1_024),
                    "parse" => serde_json::json!([{ "name": "messages_burst to pool", "used": 9, "limit": 10 }]),
                    _ => serde_json::json!([]),
                }, "p50_ns": 12_000, "p99_ns": 3_400_000,
                "handling": { "buckets": [], "sum_ns": 0 }, "instances": instances,
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
    fn the_tree_is_drawn_with_instances_below_their_component() {
        let rows = rows(&app());
        let drawn: Vec<String> = rows.iter().map(|row| format!("{}{}", row.branch, row.name)).collect();
        assert_eq!(
            drawn,
            ["shop", "├ pool ×2", "│ ├ pool/1", "│ └ pool/2", "├ bridges", "│ └ mail", "├ parse", "└ feed",]
        );
    }

    #[test]
    fn a_component_has_the_figures_of_all_its_instances() {
        let pool = &rows(&app())[1];
        assert_eq!((pool.kind, pool.state), (Kind::Component, ActorState::Restarting));
        assert_eq!(pool.mailbox, Some(Mailbox { depth: 12, high_water: 9, capacity: Some(2_048) }));
        let figures = pool.figures;
        assert_eq!((figures.received, figures.handled), (Some(120), Some(100)));
        assert_eq!((figures.memory_bytes, figures.restarts), (Some(2_228_224), Some(2)));
        assert_eq!((figures.denied, figures.refused, figures.dead_lettered), (Some(6), Some(3), Some(4)));
        assert_eq!((figures.over_quota, figures.late_replies), (Some(10), Some(8)));
    }

    #[test]
    fn who_has_ended_is_shown_as_stopped() {
        let rows = rows(&app());
        assert_eq!((rows[7].name.as_str(), rows[7].state), ("feed", ActorState::Stopped));
    }
}
