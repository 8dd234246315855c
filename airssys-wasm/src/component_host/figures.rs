//! What components did, what they use and how they are.

use std::sync::Arc;
use std::time::Duration;

use super::{ComponentHost, Registered};
use crate::actor::{Blueprint, Health, ask_health};
use crate::host::Links;
use crate::quota::Quota;
use crate::snapshot::ComponentSnapshot;
use crate::stats::ComponentSummary;
use crate::usage::{self, ComponentUsage, InstanceUsage};

impl Registered {
    /// What its instances share.
    fn quota(&self) -> Option<&Quota> {
        self.blueprints.first().map(|blueprint| &*blueprint.links.sender.quota)
    }
}

impl ComponentHost {
    /// What each component did, in the order of their names.
    pub fn summaries(&self) -> Vec<ComponentSummary> {
        let components = self.components();
        let summary = |(name, registered): (&String, &Registered)| {
            let over_quota = registered.quota().map(Quota::refusals).unwrap_or_default();
            ComponentSummary { over_quota, ..registered.endpoint.summary(name) }
        };
        components.iter().map(summary).collect()
    }

    /// How much of its limits each component uses, in the order of their names.
    pub fn usage(&self) -> Vec<ComponentUsage> {
        let usage = |(name, registered): (&String, &Registered)| self.usage_of(name, registered);
        self.components().iter().map(usage).collect()
    }

    fn usage_of(&self, name: &str, registered: &Registered) -> ComponentUsage {
        let router = &self.shared.router;
        let instance = |blueprint: &Arc<Blueprint>| {
            let Links { limits, gauges, memory, myself, sender, .. } = &blueprint.links;
            let requests = router.waits.under_way(myself.name());
            let subscriptions = router.subscriptions_held(sender, myself);
            let quotas = usage::of_instance(limits, gauges, memory, myself, requests, subscriptions);
            InstanceUsage { name: myself.name().to_owned(), quotas }
        };
        let links = registered.blueprints.first().map(|blueprint| &blueprint.links);
        let shared = links.map(|Links { limits, sender, endpoint, .. }| {
            let retained = (router.retained_by(name), limits.retained);
            usage::of_component(&sender.quota, &endpoint.budget, retained)
        });
        ComponentUsage {
            name: name.to_owned(),
            quotas: shared.unwrap_or_default(),
            instances: registered.blueprints.iter().map(instance).collect(),
            over_quota: registered.quota().map(Quota::refusals).unwrap_or_default(),
        }
    }

    /// What each component did and uses, with its instances, in the order of their names.
    pub(crate) fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        let components = self.components();
        let snapshot = |(name, registered): (&String, &Registered)| {
            let Registered { endpoint, blueprints } = registered;
            let memories = blueprints.iter().map(|blueprint| &*blueprint.links.memory);
            let mut snapshot = endpoint.stats.snapshot(name, endpoint.members.iter().zip(memories));
            let usage = self.usage_of(name, registered);
            (snapshot.over_quota, snapshot.usage) = (usage.over_quota, usage.quotas);
            for (instance, usage) in snapshot.instances.iter_mut().zip(usage.instances) {
                instance.usage = usage.quotas;
            }
            snapshot
        };
        components.iter().map(snapshot).collect()
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Asks each instance of a component how it is: its name, and the answer, or none if it ended
    /// before it answered. Empty if there is no such component. Cancel safe.
    pub async fn health(&self, component: &str) -> Vec<(String, Option<Health>)> {
        let registered = self.components().get(component).cloned();
        let mut healths = Vec::new();
        for (blueprint, actor) in registered.iter().flat_map(|r| r.blueprints.iter().zip(&r.endpoint.members))
        {
            healths.push((actor.name().to_owned(), ask_health(blueprint, actor).await));
        }
        healths
    }
}
