//! The wait-for graph: searched for a deadlock cycle when a wait has timed out.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use airssys_rt::ActorHandle;
use dashmap::DashMap;

use crate::routing::account::Account;

/// Longest cycle that is looked for, in instances.
const MAX_CYCLE: usize = 32;

/// Most waiting instances that are looked at for one cycle.
const MAX_LOOKED_AT: usize = 1_000;

/// Whose doing it is that a wait ends.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// That of any instance of a component.
    Component(Arc<Account>),
    /// That of one instance.
    Instance(ActorHandle),
}

impl Awaited {
    fn members(&self) -> &[ActorHandle] {
        match self {
            Awaited::Component(account) => &account.members,
            Awaited::Instance(actor) => std::slice::from_ref(actor),
        }
    }
}

/// The requests and waits of one incarnation of an instance.
pub(crate) trait Waiting: Send + Sync {
    /// Returns the number of requests and waits that are open, or decided and not delivered.
    fn under_way(&self) -> usize;

    /// Returns the targets that can end the waits, if the handler goes on only then.
    fn awaits(&self) -> Vec<Awaited>;
}

/// The wait-for graph of an app: the waits of each instance, by its name.
#[derive(Default)]
pub(crate) struct WaitGraph(DashMap<String, Weak<dyn Waiting>>);

impl WaitGraph {
    /// Adds the waits of an incarnation, in place of those of the incarnation before it.
    pub(crate) fn add(&self, instance: &str, waiting: Weak<dyn Waiting>) {
        self.0.insert(instance.to_owned(), waiting);
    }

    /// How many requests and waits of an instance are under way.
    pub(crate) fn under_way(&self, instance: &str) -> usize {
        let callbacks = self.0.get(instance).and_then(|callbacks| callbacks.upgrade());
        callbacks.map_or(0, |callbacks| callbacks.under_way())
    }

    pub(crate) fn remove(&self, instance: &str) {
        self.0.remove(instance);
    }

    /// How many requests and waits of all instances are under way.
    pub(crate) fn all_under_way(&self) -> usize {
        self.0.iter().filter_map(|entry| entry.value().upgrade()).map(|callbacks| callbacks.under_way()).sum()
    }

    /// Logs who waits for whom, if an instance has waited in vain because it waits for itself
    /// through others.
    pub(crate) fn report(&self, instance: &str, awaited: &Awaited) {
        let Some(cycle) = self.way_back(instance, awaited, &mut HashSet::new(), MAX_CYCLE) else { return };
        // The way was found from its end.
        let others: String = cycle.iter().rev().map(|name| format!(" waits for `{name}`, which")).collect();
        let others = others.trim_end_matches(", which");
        tracing::warn!(target: "airssys::deadlock", instance, "deadlock, ended by a timeout: `{instance}`{others}");
    }

    /// The way from what is awaited to the instance that waits, from its end.
    fn way_back(
        &self,
        to: &str,
        awaited: &Awaited,
        seen: &mut HashSet<String>,
        left: usize,
    ) -> Option<Vec<String>> {
        for member in awaited.members() {
            let name = member.name();
            if name == to {
                return Some(vec![name.to_owned()]);
            }
            let callbacks = self.0.get(name).and_then(|callbacks| callbacks.upgrade());
            let next = callbacks.map(|callbacks| callbacks.awaits()).unwrap_or_default();
            if next.is_empty() || left == 0 || seen.len() >= MAX_LOOKED_AT || !seen.insert(name.to_owned()) {
                continue;
            }
            let way = next.iter().find_map(|awaited| self.way_back(to, awaited, seen, left - 1));
            if let Some(mut way) = way {
                way.push(name.to_owned());
                return Some(way);
            }
        }
        None
    }
}
