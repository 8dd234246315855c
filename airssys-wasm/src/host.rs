//! Components as children of an actor system, beside native actors.

mod error;
mod grants;
mod health;
mod in_trace;
mod operate;
mod snapshot;
pub(crate) mod spec;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use airssys_rt::{ActorRef, ActorSystem, ChildSpec, Prepared, ShutdownReport, SupervisorRef, Topic};
use airssys_spec::pattern::check_component_name;
use airssys_spec::{Access, Capabilities, HOST_NAME, Limits, Subject};
use bytes::Bytes;

pub use error::{CallError, SpawnError};
pub use in_trace::InTrace;

use crate::actor::ComponentActor;
use crate::actor::recovery::Recovery;
use crate::actor::template::InstanceTemplate;
use crate::contract::{RequestError, SendError};
use crate::guest::component::Component;
use crate::guest::context::InstanceDependencies;
use crate::guest::services::{Connections, ServiceConfigs, ServiceError};
use crate::host::spec::ComponentSpec;
use crate::observe::audit::{Audit, Trail};
use crate::observe::dead_letters::DeadLetters;
use crate::observe::memory::MemoryGauge;
use crate::observe::stats::ComponentStats;
use crate::observe::trace::{MessageTracer, TraceContext};
use crate::policy::byte_budget::ByteBudget;
use crate::policy::grants::Grants;
use crate::policy::quota::Quota;
use crate::routing::account::Account;
use crate::routing::app::App;
use crate::routing::draft::{Draft, Origin};
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::{Envelope, ReplyTo};
use crate::routing::identity::Identity;
use crate::routing::router::{Mode, PendingWakeup, Router};
use crate::routing::sender::Sender;
use crate::routing::state_folder::{StateError, StateFolder};
use crate::routing::topic_route::TopicRoute;

/// Components as children of an actor system, beside native actors. Cheap to clone.
#[derive(Clone)]
pub struct ComponentHost {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    system: ActorSystem,
    app: Arc<str>,
    pub(crate) router: Arc<Router>,
    outside: Sender,
    connections: Arc<Connections>,
    components: Mutex<BTreeMap<String, Registered>>,
    began: Instant,
}

#[derive(Clone)]
pub(crate) struct Registered {
    endpoint: Arc<Endpoint>,
    pub(crate) templates: Vec<Arc<InstanceTemplate>>,
}

/// What a host has beside its components. Default: nothing.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// What is denied and refused is recorded in this audit, which [`ComponentHost::shutdown`] ends.
    pub audit: Option<Audit>,
    /// The folder for what outlives the host: the subscriptions that instances make by themselves.
    /// It is made if it is not there, and left to others by [`ComponentHost::shutdown`], or when
    /// the last clone of the host is dropped.
    pub state: Option<PathBuf>,
    /// The configurations of services. One that has none is configured with an empty table when a
    /// component that imports it starts.
    pub services: ServiceConfigs,
}

/// The most of a shutdown's time that is kept for the audit to be written.
const MOST_FOR_AUDIT: Duration = Duration::from_millis(500);

/// A component whose mailboxes exist, and that has not started: it can be sent to.
pub struct PreparedComponent {
    name: String,
    supervisor: SupervisorRef,
    seats: Vec<(Prepared<Envelope>, Arc<InstanceTemplate>)>,
}

impl Registered {
    /// Returns the dependencies of each instance.
    fn instances(&self) -> impl Iterator<Item = &InstanceDependencies> {
        self.templates.iter().map(|template| &*template.instance)
    }
}

impl Shared {
    pub(crate) fn components(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.components.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ComponentHost {
    /// Runs components in this actor system.
    pub fn new(system: ActorSystem) -> ComponentHost {
        ComponentHost::with_router(system, Trail::default(), None, ServiceConfigs::default())
    }

    /// As [`ComponentHost::new`], with an audit or a state folder. Blocks on the disk if there is a
    /// folder.
    ///
    /// # Errors
    /// [`StateError`] if the folder cannot be used, another host uses it, or what is in it is not
    /// what a host has written.
    pub fn with_options(system: ActorSystem, options: HostOptions) -> Result<ComponentHost, StateError> {
        let state = options.state.as_deref().map(StateFolder::open).transpose()?;
        Ok(ComponentHost::with_router(system, Trail::new(options.audit), state, options.services))
    }

    fn with_router(
        system: ActorSystem,
        trail: Trail,
        state: Option<StateFolder>,
        services: ServiceConfigs,
    ) -> ComponentHost {
        let (trail, name): (Arc<Trail>, Arc<str>) = (Arc::new(trail), Arc::from(HOST_NAME));
        let outside = Sender {
            subject: Subject::new(HOST_NAME, HOST_NAME),
            instance: Arc::clone(&name),
            accepts: None,
            stats: Arc::new(ComponentStats::new()),
            grants: Arc::new(Grants::new(Capabilities::default(), Capabilities::everything(), Vec::new())),
            quota: Arc::new(Quota::new(&Limits::DEFAULT, trail.clock())),
            trail: Arc::clone(&trail),
        };
        let (app, router) = (Arc::from(system.name()), Arc::new(Router::new(App::new(trail, state))));
        let (components, began) = (Mutex::default(), Instant::now());
        let connections = Arc::new(Connections::new(services));
        let shared = Shared { system, app, router, outside, connections, components, began };
        ComponentHost { shared: Arc::new(shared) }
    }

    /// The audit that is kept, if one is.
    pub fn audit(&self) -> Option<&Audit> {
        self.shared.router.app.trail.audit()
    }

    /// The actor system that the components run in.
    pub fn system(&self) -> &ActorSystem {
        &self.shared.system
    }

    /// Has a span made of each message that is handled from now on. Only the first call counts.
    pub fn trace_with(&self, tracer: Arc<dyn MessageTracer>) {
        self.shared.router.app.trace_with(tracer);
    }

    /// Connects the services that a component imports, so that a backend that is out of reach shows
    /// before anything starts. Otherwise they are connected when the first instance starts.
    ///
    /// # Errors
    /// [`ServiceError`] if a service is not configured or cannot connect.
    pub async fn connect(&self, component: &Component) -> Result<(), ServiceError> {
        for service in &component.services {
            self.shared.connections.connect(&**service).await?;
        }
        Ok(())
    }

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

    /// Sends a message (codec prefix and body) from outside; waits for room.
    ///
    /// Cancel safe: if dropped before it returns, the message was sent or it was not.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the component is unknown, has ended, or does not take it.
    pub async fn send(&self, target: &str, message: impl Into<Bytes>) -> Result<(), CallError> {
        self.send_in(target, message.into(), None).await
    }

    async fn send_in(
        &self,
        target: &str,
        message: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<(), CallError> {
        let result = self.deliver(target, Mode::Send, &message, trace, || None).await;
        result.map_err(|error| CallError::refused(target, &error))
    }

    /// Sends a request from outside and waits for its reply: codec prefix and body, or nothing.
    ///
    /// Cancel safe: if dropped, the reply is dropped.
    ///
    /// # Errors
    /// [`CallError`] if it was not taken, rejected, or not answered within `timeout`.
    pub async fn request(
        &self,
        target: &str,
        message: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        self.request_in(target, message.into(), timeout, None).await
    }

    async fn request_in(
        &self,
        target: &str,
        message: Bytes,
        timeout: Duration,
        trace: Option<TraceContext>,
    ) -> Result<Bytes, CallError> {
        let mut answer = None;
        let answered = async {
            let make = || {
                let (reply, waiter) = ReplyTo::outside();
                answer = Some(waiter);
                Some(reply)
            };
            let sent = self.deliver(target, Mode::Request, &message, trace, make).await;
            sent.map_err(|error| CallError::refused(target, &error))?;
            let reply = match answer {
                Some(waiter) => waiter.await.unwrap_or(Err(RequestError::TargetStopped)),
                None => Err(RequestError::TargetStopped),
            };
            reply.map_err(|error| CallError::no_reply(target, &error))
        };
        let timed_out = |_| CallError::TimedOut { target: target.to_owned(), timeout };
        tokio::time::timeout(timeout, answered).await.map_err(timed_out)?
    }

    /// Publishes a message (codec prefix and body) from outside; how many subscribers took it.
    /// Does not wait for room.
    ///
    /// # Errors
    /// [`CallError`] if the topic is not one, or a subscriber that waits has no room.
    pub fn publish(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        self.publish_in(topic, message.into(), None)
    }

    fn publish_in(&self, topic: &str, message: Bytes, trace: Option<TraceContext>) -> Result<u32, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        self.on_topic(topic, |route| router.publish(outside, None, route, message, trace))
    }

    /// As [`ComponentHost::publish`], and keeps the message as the topic's last: whoever subscribes
    /// later gets it at once.
    ///
    /// # Errors
    /// [`CallError`], also if more is retained from outside than [`Limits::HOST_MAX`] allows.
    pub fn publish_retained(&self, topic: &str, message: impl Into<Bytes>) -> Result<u32, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        let limits = &Limits::HOST_MAX;
        let message = message.into();
        self.on_topic(topic, |route| router.publish_retained(outside, None, limits, route, message, None))
    }

    /// Forgets the message that is retained of a topic, whoever published it; false if there is none.
    ///
    /// # Errors
    /// [`CallError::InvalidTopic`].
    pub fn clear_retained(&self, topic: &str) -> Result<bool, CallError> {
        let Shared { router, outside, .. } = &*self.shared;
        self.on_topic(topic, |route| router.clear_retained(outside, route))
    }

    fn on_topic<R>(
        &self,
        topic: &str,
        act: impl FnOnce(&mut TopicRoute) -> Result<R, SendError>,
    ) -> Result<R, CallError> {
        let parsed: Topic =
            topic.parse().map_err(|source| CallError::InvalidTopic { topic: topic.to_owned(), source })?;
        let route = self.shared.router.resolve_topic(&self.shared.outside, parsed);
        let done = route.and_then(|mut route| act(&mut route));
        done.map_err(|error| CallError::refused(topic, &error))
    }

    /// Waits until no message and no callback is under way, and no instance that failed is yet to be
    /// restarted. Cancel safe.
    pub async fn drained(&self) {
        self.shared.router.app.in_flight.none().await;
    }

    /// How many messages, callbacks and restarts are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.router.app.in_flight.get()
    }

    /// How many requests and waits of components are open, or decided and not delivered yet.
    pub fn requests_under_way(&self) -> usize {
        self.shared.router.app.wait_graph.total_in_flight()
    }

    /// Messages that could not be handled.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.shared.router.app.dead_letters
    }

    /// The names of the components, in order.
    pub fn names(&self) -> Vec<String> {
        self.components().keys().cloned().collect()
    }

    /// Stops all components and actors, the last started first, within `deadline`. A guest that
    /// still runs when nine tenths of it are over is ended, so that no guest holds its worker
    /// longer. To be preferred to the actor system's own shutdown, which cannot do that.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let began = Instant::now();
        self.shared.router.app.end_at(began + deadline.mul_f64(0.9));
        let trail = &self.shared.router.app.trail;
        // The audit has something to write until all others have ended.
        let for_audit = trail.audit().map_or(Duration::ZERO, |_| MOST_FOR_AUDIT.min(deadline / 20));
        let report = self.shared.system.shutdown(deadline - for_audit).await;
        trail.log_suppressed();
        self.dead_letters().log_suppressed(None);
        self.close_state(deadline.saturating_sub(began.elapsed())).await;
        if let Some(audit) = trail.audit() {
            let left = deadline.saturating_sub(began.elapsed());
            if !audit.end(left).await {
                let waiting = audit.stats().waiting;
                tracing::error!(target: "airssys::audit", "the audit did not end in time: {waiting} are not written");
            }
        }
        report
    }

    /// Saves what is not saved yet; a disk that takes longer is left to itself.
    async fn close_state(&self, within: Duration) {
        let router = Arc::clone(&self.shared.router);
        if router.app.state().is_none() {
            return;
        }
        let close = tokio::task::spawn_blocking(move || router.app.state().map(StateFolder::close));
        if tokio::time::timeout(within, close).await.is_err() {
            tracing::error!("the state folder was not saved within the shutdown's deadline");
        }
    }

    /// The actors behind a component, one per instance; empty if there is no such component.
    pub fn actors(&self, component: &str) -> Vec<ActorRef<Envelope>> {
        self.components().get(component).map_or_else(Vec::new, |r| r.endpoint.members.clone())
    }

    fn components(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.shared.components()
    }

    fn check_name(&self, name: &str) -> Result<(), SpawnError> {
        check_component_name(name)
            .map_err(|source| SpawnError::InvalidName { name: name.to_owned(), source })?;
        match name == HOST_NAME || self.components().contains_key(name) {
            true => Err(SpawnError::NameTaken { name: name.to_owned() }),
            false => Ok(()),
        }
    }

    fn endpoint(&self, spec: &ComponentSpec, members: Vec<ActorRef<Envelope>>) -> Arc<Endpoint> {
        let router = &self.shared.router;
        let account = Account {
            name: Arc::from(spec.name.as_str()),
            members: members.iter().map(ActorRef::handle).collect(),
            accepts: spec.accepts,
            max_message_bytes: spec.limits.message_size_bytes as u64,
            budget: ByteBudget::new(spec.limits.memory_bytes, spec.limits.message_size_bytes),
            overflow: spec.overflow,
            stats: Arc::new(ComponentStats::new()),
            dead_letters: Arc::clone(&router.app.dead_letters),
            in_flight: router.app.in_flight.part(),
        };
        Arc::new(Endpoint { account: Arc::new(account), members })
    }

    /// Subscribes an instance from the start, and looks whether it may do what it is set up for.
    fn set_up(
        &self,
        spec: &ComponentSpec,
        sender: &Sender,
        actor: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<(), SpawnError> {
        let denied = |source| SpawnError::Denied { name: spec.name.clone(), source };
        if spec.input.is_some() {
            sender.allows(&Access::Input).map_err(denied)?;
        }
        for pattern in &spec.subscribes {
            self.shared.router.subscribe(sender, pattern.clone(), actor, endpoint).map_err(denied)?;
        }
        self.restore(sender, spec.limits.subscriptions, actor, endpoint);
        Ok(())
    }

    /// Subscribes an instance to what it had subscribed to by itself in earlier runs, as far as it
    /// still may; forgets the rest.
    fn restore(&self, sender: &Sender, limit: usize, actor: &ActorRef<Envelope>, endpoint: &Arc<Endpoint>) {
        let router = &self.shared.router;
        let Some(state) = router.app.state() else { return };
        for pattern in state.subscriptions(&sender.instance) {
            let has_room = router.subscriptions(actor).len() < limit;
            // Decided first: that it is not allowed any more is no denial of something it tried.
            let access = Access::Subscribe { pattern: &pattern };
            let may = has_room && sender.grants.decide(&sender.subject, &access).is_ok();
            if !may || router.subscribe(sender, pattern.clone(), actor, endpoint).is_err() {
                tracing::warn!(
                    instance = %sender.instance, %pattern,
                    "a subscription of an earlier run is not allowed any more: it is forgotten"
                );
                state.unsubscribed(&sender.instance, &pattern);
            }
        }
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

    fn register(&self, name: &str, endpoint: Arc<Endpoint>, templates: &[Arc<InstanceTemplate>]) {
        if templates.len() > 1 {
            for template in templates {
                self.shared
                    .router
                    .add(&template.instance.identity.instance, Arc::clone(&template.instance.endpoint));
            }
        }
        self.shared.router.add(name, Arc::clone(&endpoint));
        let registered = Registered { endpoint, templates: templates.to_vec() };
        self.components().insert(name.to_owned(), registered);
    }

    /// Stops a component in order and takes its name away, with what it has in the state folder; false if there is no such component.
    /// Waits until its instances have ended.
    pub async fn retire(&self, name: &str) -> bool {
        let actors = self.actors(name);
        self.forget(name);
        for actor in &actors {
            actor.closed().await;
            // What its last handler may have subscribed to meanwhile.
            self.shared.router.unsubscribe_all(actor);
            self.shared.router.app.state().into_iter().for_each(|state| state.forget(actor.name()));
        }
        self.dead_letters().log_suppressed(Some(name));
        !actors.is_empty()
    }

    fn forget(&self, name: &str) {
        let Some(registered) = self.components().remove(name) else { return };
        for actor in &registered.endpoint.members {
            self.shared.router.unsubscribe_all(actor);
            self.shared.router.remove(actor.name());
            self.shared.router.app.wait_graph.remove(actor.name());
            actor.terminate();
        }
        self.shared.router.remove(name);
        self.shared.router.app.trail.forget(name);
    }

    /// Sends as soon as there is room.
    async fn deliver(
        &self,
        target: &str,
        mode: Mode,
        message: &Bytes,
        trace: Option<TraceContext>,
        mut reply: impl FnMut() -> Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let Shared { router, outside, .. } = &*self.shared;
        let origin = Origin::of(&outside.instance, trace);
        loop {
            let route = router.resolve(outside, target, mode.into())?;
            let draft = Draft { body: message.clone(), origin: Arc::clone(&origin) };
            match router.send(outside, &route, mode, draft, reply(), tokio::time::Instant::now()) {
                Err(SendError::MailboxFull) => {
                    route.endpoint.least_loaded().room().await;
                    route.endpoint.account.budget.room().await;
                }
                result => return result.map(PendingWakeup::wake),
            }
        }
    }
}
