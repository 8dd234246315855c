//! Starting components: their mailboxes first, then their instances.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use airssys_rt::{Prepared, SupervisorRef};

use crate::actor::ComponentActor;
use crate::actor::load::Load;
use crate::actor::recovery::Recovery;
use crate::actor::template::InstanceTemplate;
use crate::guest::context::InstanceDependencies;
use crate::host::ComponentHost;
use crate::host::error::SpawnError;
use crate::host::spec::ComponentSpec;
use crate::host::target::{Seat, TargetSpec};
use crate::routing::envelope::Envelope;

/// A component whose mailboxes exist, and that has not started: it can be sent to. Dropped, it is taken
/// away, and its name is free again.
pub struct PreparedComponent {
    registration: Registration,
    supervisor: SupervisorRef,
    seats: Vec<(Prepared<Envelope>, Arc<InstanceTemplate>)>,
}

/// The name of a component in its host. Dropped before it is kept, the component is taken away.
struct Registration {
    host: ComponentHost,
    name: Option<String>,
}

impl Registration {
    fn keep(mut self) {
        self.name = None;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.name.iter().for_each(|name| self.host.forget(name));
    }
}

impl ComponentHost {
    /// Starts a component: [`ComponentHost::prepare`] and [`ComponentHost::start`].
    ///
    /// # Errors
    /// [`SpawnError`] if its name is taken, a subscription is denied, or an instance does not start.
    pub async fn spawn(&self, spec: ComponentSpec) -> Result<(), SpawnError> {
        self.spawn_under(self.system().root(), spec).await
    }

    /// As [`ComponentHost::spawn`], under a supervisor of the same actor system.
    ///
    /// # Errors
    /// As [`ComponentHost::spawn`].
    pub async fn spawn_under(
        &self,
        supervisor: &SupervisorRef,
        spec: ComponentSpec,
    ) -> Result<(), SpawnError> {
        let prepared = self.prepare_under(supervisor, spec)?;
        self.start(prepared).await
    }

    /// Makes a component's mailboxes and subscriptions, so that others can send to it before it
    /// has started.
    ///
    /// # Errors
    /// [`SpawnError`] if its name is taken or a subscription is denied.
    pub fn prepare(&self, spec: ComponentSpec) -> Result<PreparedComponent, SpawnError> {
        self.prepare_under(self.system().root(), spec)
    }

    /// As [`ComponentHost::prepare`], under a supervisor of the same actor system.
    ///
    /// # Errors
    /// As [`ComponentHost::prepare`].
    pub fn prepare_under(
        &self,
        supervisor: &SupervisorRef,
        spec: ComponentSpec,
    ) -> Result<PreparedComponent, SpawnError> {
        if spec.per_request.is_some() && spec.component.takes_messages() {
            return Err(SpawnError::PerRequest { name: spec.name });
        }
        let target = self.target(supervisor, &target_spec(&spec))?;
        let template = |seat: &Seat| Arc::new(self.template(&spec, &seat.instance));
        let templates: Vec<_> = target.seats.iter().map(template).collect();
        self.register(&spec.name, &target, templates.clone());
        let seats = target.seats.into_iter().map(|seat| seat.prepared).zip(templates).collect();
        let registration = Registration { host: self.clone(), name: Some(spec.name) };
        Ok(PreparedComponent { registration, supervisor: supervisor.clone(), seats })
    }

    /// Starts the instances of a prepared component, in order. If one does not start, the
    /// component is taken away.
    ///
    /// Cancel safety: if dropped before it resolves, the component is taken away.
    ///
    /// # Errors
    /// [`SpawnError::Start`] with what the instance said.
    pub async fn start(&self, component: PreparedComponent) -> Result<(), SpawnError> {
        let PreparedComponent { registration, supervisor, seats } = component;
        for (seat, template) in seats {
            let recovery = Recovery::default();
            let make = move || ComponentActor::new(Arc::clone(&template), recovery.clone());
            supervisor.start(seat, make).await.map_err(SpawnError::Start)?;
        }
        registration.keep();
        Ok(())
    }

    fn template(&self, spec: &ComponentSpec, instance: &Arc<InstanceDependencies>) -> InstanceTemplate {
        InstanceTemplate {
            component: spec.component.clone(),
            instance: Arc::clone(instance),
            connections: Arc::clone(&self.shared.connections),
            input: spec.input.clone(),
            delivery: spec.delivery,
            batch_size: spec.batch_size,
            per_request: spec.per_request,
            health_requests: Mutex::default(),
            load: Load::new(Instant::now()),
        }
    }
}

fn target_spec(spec: &ComponentSpec) -> TargetSpec<'_> {
    TargetSpec {
        name: &spec.name,
        accepts: spec.accepts,
        capabilities: &spec.capabilities,
        asks: spec.asks.as_ref().unwrap_or(&spec.capabilities),
        subscribes: &spec.subscribes,
        limits: &spec.limits,
        memory_bytes: spec.limits.memory_bytes,
        capacity: spec.capacity,
        overflow: spec.overflow,
        restart: spec.restart,
        on_limit: spec.on_limit,
        stop_timeout: spec.stop_timeout,
        instances: spec.instances,
        reads_input: spec.input.is_some(),
        takes_messages: spec.component.takes_messages(),
        settings: &spec.config,
    }
}
