//! Starting components: their mailboxes first, then their instances.

use std::sync::{Arc, Mutex};

use airssys_rt::{ActorRef, ChildSpec, Prepared, SupervisorRef};
use airssys_spec::Subject;

use crate::actor::ComponentActor;
use crate::actor::recovery::Recovery;
use crate::actor::template::InstanceTemplate;
use crate::guest::context::InstanceDependencies;
use crate::host::ComponentHost;
use crate::host::error::SpawnError;
use crate::host::spec::ComponentSpec;
use crate::observe::memory::MemoryGauge;
use crate::policy::grants::Grants;
use crate::policy::quota::Quota;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::identity::Identity;
use crate::routing::sender::Sender;

/// A component whose mailboxes exist, and that has not started: it can be sent to.
pub struct PreparedComponent {
    name: String,
    supervisor: SupervisorRef,
    seats: Vec<(Prepared<Envelope>, Arc<InstanceTemplate>)>,
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
        self.check_name(&spec.name)?;
        if spec.instances == 0 {
            return Err(SpawnError::NoInstances { name: spec.name });
        }
        let mut seats = Vec::with_capacity(spec.instances);
        for number in 1..=spec.instances {
            let name = match spec.instances {
                1 => spec.name.clone(),
                _ => format!("{}/{number}", spec.name),
            };
            let child = ChildSpec::new(name.clone())
                .restart(spec.restart)
                .capacity(spec.capacity)
                .overflow(spec.overflow);
            let prepared = supervisor.prepare::<Envelope>(child);
            seats
                .push((prepared.map_err(|source| SpawnError::Prepare { name: name.clone(), source })?, name));
        }
        let members = seats.iter().map(|(seat, _)| seat.actor_ref()).collect();
        let endpoint = self.endpoint(&spec, members);
        let asked = spec.asks.as_ref().unwrap_or(&spec.capabilities).clone();
        let grants = Arc::new(Grants::new(asked, spec.capabilities.clone(), spec.subscribes.clone()));
        let trail = &self.shared.router.app.trail;
        let quota = Arc::new(Quota::new(&spec.limits, trail.clock()));
        let mut templates = Vec::with_capacity(seats.len());
        for (seat, instance) in &seats {
            let own = match spec.instances {
                1 => Arc::clone(&endpoint),
                _ => Arc::new(endpoint.of_member(seat.actor_ref())),
            };
            let sender = Sender {
                subject: Subject::new(&spec.name, instance),
                instance: Arc::from(instance.as_str()),
                accepts: Some(spec.accepts),
                stats: Arc::clone(&endpoint.account.stats),
                grants: Arc::clone(&grants),
                quota: Arc::clone(&quota),
                trail: Arc::clone(trail),
            };
            if let Err(denied) = self.set_up(&spec, &sender, &seat.actor_ref(), &own) {
                for (seat, _) in &seats {
                    self.shared.router.unsubscribe_all(&seat.actor_ref());
                }
                return Err(denied);
            }
            templates.push(Arc::new(self.template(&spec, sender, &seat.actor_ref(), own)));
        }
        self.register(&spec.name, endpoint, &templates);
        let seats = seats.into_iter().map(|(seat, _)| seat).zip(templates).collect();
        Ok(PreparedComponent { name: spec.name, supervisor: supervisor.clone(), seats })
    }

    /// Starts the instances of a prepared component, in order. If one does not start, the
    /// component is taken away.
    ///
    /// # Errors
    /// [`SpawnError::Start`] with what the instance said.
    pub async fn start(&self, component: PreparedComponent) -> Result<(), SpawnError> {
        let PreparedComponent { name, supervisor, seats } = component;
        for (seat, template) in seats {
            let recovery = Recovery::default();
            let make = move || ComponentActor::new(Arc::clone(&template), recovery.clone());
            if let Err(source) = supervisor.start(seat, make).await {
                self.forget(&name);
                return Err(SpawnError::Start(source));
            }
        }
        Ok(())
    }

    fn template(
        &self,
        spec: &ComponentSpec,
        sender: Sender,
        actor: &ActorRef<Envelope>,
        endpoint: Arc<Endpoint>,
    ) -> InstanceTemplate {
        let instance = InstanceDependencies {
            identity: Identity { app: Arc::clone(&self.shared.app), instance: Arc::clone(&sender.instance) },
            limits: Arc::new(spec.limits.clone()),
            router: Arc::clone(&self.shared.router),
            sender,
            myself: actor.clone(),
            endpoint,
            gauges: Arc::default(),
            memory: Arc::new(MemoryGauge::new(spec.limits.memory_bytes)),
        };
        InstanceTemplate {
            component: spec.component.clone(),
            instance: Arc::new(instance),
            connections: Arc::clone(&self.shared.connections),
            config: spec.config.clone(),
            input: spec.input.clone(),
            delivery: spec.delivery,
            batch_size: spec.batch_size,
            health_requests: Mutex::default(),
        }
    }
}
