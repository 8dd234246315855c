//! The wait-for graph: searched for a deadlock cycle when a wait has timed out.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use airssys_rt::ActorHandle;
use dashmap::DashMap;

use crate::observe::warnings::{Warning, Warnings};
use crate::routing::account::Account;

/// The longest cycle that is searched for, in instances.
const MAX_CYCLE: usize = 32;

/// The most waits that one search follows. A search that has found no cycle by then ends without one.
const MAX_STEPS: usize = 1_000;

/// The receiver that can end a wait.
#[derive(Clone)]
pub(crate) enum AwaitedTarget {
    /// Any instance of a component.
    Component(Arc<Account>),
    /// One instance.
    Instance(ActorHandle),
}

impl AwaitedTarget {
    fn members(&self) -> &[ActorHandle] {
        match self {
            AwaitedTarget::Component(account) => &account.members,
            AwaitedTarget::Instance(actor) => std::slice::from_ref(actor),
        }
    }
}

/// The requests and waits of one incarnation of an instance.
pub(crate) trait WaitNode: Send + Sync {
    /// Returns the number of requests and waits that are open, or resolved and not delivered.
    fn in_flight_count(&self) -> usize;

    /// Returns the targets that can end the waits, `most` of them at most. Empty unless a handler is blocked
    /// on them.
    fn awaited_targets(&self, most: usize) -> Vec<AwaitedTarget>;
}

/// The wait-for graph of an app.
#[derive(Default)]
pub(crate) struct WaitGraph {
    /// The waits of each instance, by its name.
    nodes: DashMap<String, Weak<dyn WaitNode>>,
}

impl WaitGraph {
    /// Adds the waits of an incarnation, in place of those of the incarnation before it.
    pub(crate) fn add(&self, instance: &str, node: Weak<dyn WaitNode>) {
        self.nodes.insert(instance.to_owned(), node);
    }

    /// Returns the number of requests and waits of an instance that are in flight.
    pub(crate) fn in_flight_count(&self, instance: &str) -> usize {
        self.node(instance).map_or(0, |node| node.in_flight_count())
    }

    pub(crate) fn remove(&self, instance: &str) {
        self.nodes.remove(instance);
    }

    /// Returns the number of requests and waits of all instances that are in flight.
    pub(crate) fn total_in_flight(&self) -> usize {
        self.nodes.iter().filter_map(|entry| entry.value().upgrade()).map(|node| node.in_flight_count()).sum()
    }

    /// Logs the deadlock cycle, if an instance whose wait has timed out waits for itself through
    /// others. The lines are throttled by those of its component.
    pub(crate) fn report(&self, instance: &str, awaited: &AwaitedTarget, warnings: &Warnings) {
        let mut search = Search { to: instance, visited: HashSet::new(), steps_left: MAX_STEPS };
        let Some(cycle) = self.path_back(&mut search, awaited, MAX_CYCLE) else { return };
        let Some(more) = warnings.pass(Warning::Deadlock) else { return };
        // The path is in reverse order.
        let others: String = cycle.iter().rev().map(|name| format!(" waits for `{name}`, which")).collect();
        let others = others.trim_end_matches(", which");
        tracing::warn!(target: "airssys::deadlock", instance, "deadlock, ended by a timeout: `{instance}`{others}{more}");
    }

    /// Searches for a path from the awaited target back to the waiting instance, depth first. Returns the
    /// path in reverse order.
    fn path_back(
        &self,
        search: &mut Search<'_>,
        awaited: &AwaitedTarget,
        depth_left: usize,
    ) -> Option<Vec<String>> {
        for member in awaited.members() {
            // Each instance that is looked at counts, because many can wait for the same ones.
            search.steps_left = search.steps_left.checked_sub(1)?;
            let name = member.name();
            if name == search.to {
                return Some(vec![name.to_owned()]);
            }
            if depth_left == 0 || search.visited.contains(name) {
                continue;
            }
            let next = self.node(name).map(|node| node.awaited_targets(search.steps_left));
            let next = next.unwrap_or_default();
            if next.is_empty() {
                continue;
            }
            search.visited.insert(name.to_owned());
            let path = next.iter().find_map(|awaited| self.path_back(search, awaited, depth_left - 1));
            if let Some(mut path) = path {
                path.push(name.to_owned());
                return Some(path);
            }
        }
        None
    }

    fn node(&self, instance: &str) -> Option<Arc<dyn WaitNode>> {
        self.nodes.get(instance)?.upgrade()
    }
}

/// A search for a path back to a waiting instance.
struct Search<'a> {
    to: &'a str,
    /// The waiting instances that it has followed.
    visited: HashSet<String>,
    steps_left: usize,
}

#[cfg(test)]
mod tests;
