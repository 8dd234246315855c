//! Snapshots of an app and of its components.

use std::sync::Arc;
use std::time::SystemTime;

use crate::guest::context::InstanceDependencies;
use crate::host::{ComponentHost, Registered};
use crate::observe::audit::Audit;
use crate::observe::costs::{ELEMENT_BYTES, HostCosts};
use crate::observe::resident::Residence;
use crate::observe::snapshot::{AppSnapshot, ComponentSnapshot, InstanceSnapshot};
use crate::observe::unix_time::{milliseconds, unix_ms};
use crate::observe::usage;
use crate::policy::name_bytes::{ROUTE_BYTES, SUBSCRIPTION_BYTES};

impl ComponentHost {
    /// Returns a snapshot of the app: its supervision tree, and its components with their stats.
    pub fn snapshot(&self) -> AppSnapshot {
        self.snapshot_with(None)
    }

    /// Returns a snapshot that also has the resident memory of each component
    /// ([`HostCosts::resident_bytes`]).
    ///
    /// It reads the process's page table, as Linux shows it: 8 bytes for each page of a memory. A GiB of
    /// memory takes some milliseconds. The measurement ends after 16 GiB, and later components have no
    /// figure. Instances outside of the engine's pool have no figure either, because their memories move.
    pub fn snapshot_with_resident_memory(&self) -> AppSnapshot {
        self.snapshot_with(Residence::measure().as_mut())
    }

    fn snapshot_with(&self, residence: Option<&mut Residence>) -> AppSnapshot {
        let mut components = self.component_snapshots();
        if let Some(residence) = residence {
            for component in &mut components {
                component.costs.resident_bytes = self.resident_bytes(&component.name, residence);
            }
        }
        AppSnapshot {
            app: self.system().name().to_owned(),
            taken_at_ms: unix_ms(SystemTime::now()),
            uptime_ms: milliseconds(self.uptime()),
            starting: self.start_step(),
            in_flight: self.in_flight(),
            dead_letters: self.dead_letters().total(),
            audit: self.audit().map(Audit::stats),
            components,
            tree: self.system().snapshot().root,
        }
    }

    /// Returns the resident memory of a component, in bytes. Returns `None` if it has an instance whose
    /// memory cannot be measured.
    fn resident_bytes(&self, component: &str, residence: &mut Residence) -> Option<u64> {
        // Reading takes time, so the components are not locked meanwhile.
        let memories: Vec<_> = {
            let components = self.components();
            let instances = components.get(component).into_iter().flat_map(Registered::instances);
            instances.map(|instance| Arc::clone(&instance.memory)).collect()
        };
        let mut resident = memories.iter().map(|memory| memory.resident_bytes(residence));
        resident.try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)))
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
            resident_bytes: None,
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
