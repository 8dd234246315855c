//! What components did, what they use and how they are.

use std::time::Duration;

use crate::actor::health::Health;
use crate::actor::template::ask_health;
use crate::guest::context::InstanceDependencies;
use crate::host::{ComponentHost, Registered};
use crate::observe::snapshot::ComponentSnapshot;
use crate::observe::stats::ComponentSummary;
use crate::observe::usage::{self, ComponentUsage, InstanceUsage};

impl ComponentHost {
    /// Returns the counters of each component, in the order of their names.
    pub fn summaries(&self) -> Vec<ComponentSummary> {
        let components = self.components();
        let summary = |(name, registered): (&String, &Registered)| {
            let account = &registered.endpoint.account;
            account.stats.summary(name, &account.members)
        };
        components.iter().map(summary).collect()
    }

    /// Returns how much of its limits each component uses, in the order of their names.
    pub fn usage(&self) -> Vec<ComponentUsage> {
        let usage = |(name, registered): (&String, &Registered)| self.usage_of(name, registered);
        self.components().iter().map(usage).collect()
    }

    fn usage_of(&self, name: &str, registered: &Registered) -> ComponentUsage {
        let router = &self.shared.router;
        let of_instance = |instance: &InstanceDependencies| {
            let InstanceDependencies { limits, gauges, memory, myself, sender, .. } = instance;
            let requests = router.app.wait_graph.under_way(myself.name());
            let subscriptions = router.subscriptions_held(sender, myself);
            let handle = myself.handle();
            let quotas = usage::of_instance(limits, gauges, memory, &handle, requests, subscriptions);
            InstanceUsage { name: myself.name().to_owned(), quotas }
        };
        let shared = registered.instances().next().map(|instance| {
            let InstanceDependencies { limits, sender, endpoint, .. } = instance;
            let retained = (router.retained_by(name), limits.retained);
            usage::of_component(&sender.quota, &endpoint.account.budget, retained)
        });
        ComponentUsage {
            name: name.to_owned(),
            quotas: shared.unwrap_or_default(),
            instances: registered.instances().map(of_instance).collect(),
            over_quota: registered.endpoint.account.stats.over_quota(),
        }
    }

    /// Returns a snapshot of each component with its instances, in the order of their names.
    pub(super) fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        let components = self.components();
        let snapshot = |(name, registered): (&String, &Registered)| {
            let account = &registered.endpoint.account;
            let memories = registered.instances().map(|instance| &*instance.memory);
            let mut snapshot = account.stats.snapshot(name, account.members.iter().zip(memories));
            let usage = self.usage_of(name, registered);
            snapshot.usage = usage.quotas;
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

    /// Asks each instance of a component for its health; returns its name with the answer, or with
    /// `None` if it ended before it answered. A native actor is healthy until it ends. Returns
    /// nothing if the component is unknown. Cancel safe.
    pub async fn health(&self, component: &str) -> Vec<(String, Option<Health>)> {
        let Some(registered) = self.components().get(component).cloned() else { return Vec::new() };
        let mut healths = Vec::new();
        for (number, actor) in registered.endpoint.members.iter().enumerate() {
            let health = match registered.templates.get(number) {
                Some(template) => ask_health(template, actor).await,
                None => (!actor.is_closed()).then_some(Health::Healthy),
            };
            healths.push((actor.name().to_owned(), health));
        }
        healths
    }
}
