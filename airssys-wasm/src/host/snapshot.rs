//! Snapshots of an app and of its components.

use std::time::SystemTime;

use crate::guest::context::InstanceDependencies;
use crate::host::{ComponentHost, Registered};
use crate::observe::audit::Audit;
use crate::observe::costs::{ELEMENT_BYTES, HostCosts};
use crate::observe::snapshot::{AppSnapshot, ComponentSnapshot, InstanceSnapshot};
use crate::observe::unix_time::{milliseconds, unix_ms};
use crate::observe::usage;
use crate::policy::name_bytes::{ROUTE_BYTES, SUBSCRIPTION_BYTES};

impl ComponentHost {
    /// Returns a snapshot of the app: its supervision tree, and its components with their stats.
    pub fn snapshot(&self) -> AppSnapshot {
        AppSnapshot {
            app: self.system().name().to_owned(),
            taken_at_ms: unix_ms(SystemTime::now()),
            uptime_ms: milliseconds(self.uptime()),
            starting: self.start_step(),
            in_flight: self.in_flight(),
            dead_letters: self.dead_letters().total(),
            audit: self.audit().map(Audit::stats),
            components: self.component_snapshots(),
            tree: self.system().snapshot().root,
        }
    }

    /// Returns a snapshot of each component, sorted by name.
    pub fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        let components = self.components();
        components.iter().map(|(name, registered)| self.snapshot_of(name, registered)).collect()
    }

    /// Returns a snapshot of one component. Returns `None` if no component has this name.
    pub fn component_snapshot(&self, name: &str) -> Option<ComponentSnapshot> {
        self.components().get(name).map(|registered| self.snapshot_of(name, registered))
    }

    fn snapshot_of(&self, name: &str, registered: &Registered) -> ComponentSnapshot {
        let router = &self.shared.router;
        let shared = registered.instances().next().map(|instance| {
            let InstanceDependencies { limits, sender, endpoint, .. } = instance;
            let retained = (router.retained_by(name), limits.retained);
            usage::of_component(&sender.quota, &endpoint.account.budget, retained)
        });
        let instances: Vec<_> =
            registered.instances().map(|instance| self.instance_snapshot(instance)).collect();
        let account = &registered.endpoint.account;
        let sum =
            |count: fn(&InstanceSnapshot) -> u64| instances.iter().map(count).fold(0, u64::saturating_add);
        let costs = HostCosts {
            linear_memory_bytes: sum(|instance| instance.memory_bytes),
            table_bytes: sum(InstanceSnapshot::table_elements).saturating_mul(ELEMENT_BYTES),
            mailbox_bytes: account.budget.used().0 as u64,
            retained_bytes: router.retained_bytes_by(name) as u64,
            route_bytes: sum(|instance| instance.used(ROUTE_BYTES)),
            subscription_bytes: sum(|instance| instance.used(SUBSCRIPTION_BYTES)),
            dead_letter_bytes: self.dead_letters().kept_bytes_of(name) as u64,
        };
        let snapshot = account.stats.snapshot(name, shared.unwrap_or_default(), instances);
        ComponentSnapshot { costs, unfinished: account.in_flight.messages() as u64, ..snapshot }
    }

    fn instance_snapshot(&self, instance: &InstanceDependencies) -> InstanceSnapshot {
        let InstanceDependencies { limits, gauges, memory, myself, sender, router, .. } = instance;
        let requests = router.app.wait_graph.in_flight_count(myself.name());
        let subscriptions = router.subscriptions_held(sender, myself);
        let handle = myself.handle();
        let usage = usage::of_instance(limits, gauges, memory, &handle, requests, subscriptions);
        InstanceSnapshot::new(&handle, memory, usage)
    }
}
