//! Components as children of an actor system, beside native actors.

mod error;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airssys_rt::{ActorRef, ActorSystem, ChildSpec, Overflow, Prepared, ShutdownReport, Topic};
use bytes::Bytes;
use tokio::sync::oneshot;

pub use error::{CallError, SpawnError};

use crate::actor::{Blueprint, ComponentActor, Health, ask_health};
use crate::bindings::{RequestError, SendError};
use crate::byte_budget::ByteBudget;
use crate::capability::{Access, Capabilities, Subject};
use crate::component_spec::ComponentSpec;
use crate::dead_letters::DeadLetters;
use crate::endpoint::Endpoint;
use crate::host::{Identity, Links};
use crate::manifest::HOST_NAME;
use crate::message::{Envelope, ReplyTo};
use crate::pattern::check_component_name;
use crate::recovery::Recovery;
use crate::router::{Mode, Router, Sender};
use crate::stats::{ComponentStats, ComponentSummary};

/// Components as children of an actor system, beside native actors. Cheap to clone.
#[derive(Clone)]
pub struct ComponentHost {
    shared: Arc<Shared>,
}

struct Shared {
    system: ActorSystem,
    app: Arc<str>,
    router: Arc<Router>,
    outside: Sender,
    components: Mutex<BTreeMap<String, Registered>>,
}

#[derive(Clone)]
struct Registered {
    endpoint: Arc<Endpoint>,
    blueprints: Vec<Arc<Blueprint>>,
}

/// A component whose mailboxes exist, and that has not started: it can be sent to.
pub struct PreparedComponent {
    name: String,
    seats: Vec<(Prepared<Envelope>, Arc<Blueprint>)>,
}

impl ComponentHost {
    /// Runs components in this actor system.
    pub fn new(system: ActorSystem) -> ComponentHost {
        let outside = Sender {
            subject: Subject::new(HOST_NAME, HOST_NAME),
            instance: Arc::from(HOST_NAME),
            capabilities: Arc::new(Capabilities::everything()),
            accepts: None,
        };
        let (app, components) = (Arc::from(system.name()), Mutex::default());
        ComponentHost {
            shared: Arc::new(Shared { system, app, router: Arc::default(), outside, components }),
        }
    }

    /// The actor system that the components run in.
    pub fn system(&self) -> &ActorSystem {
        &self.shared.system
    }

    /// Starts a component: [`ComponentHost::prepare`] and [`ComponentHost::start`].
    ///
    /// # Errors
    /// [`SpawnError`] if its name is taken, a subscription is denied, or an instance does not start.
    pub async fn spawn(&self, spec: ComponentSpec) -> Result<(), SpawnError> {
        let prepared = self.prepare(spec)?;
        self.start(prepared).await
    }

    /// Makes a component's mailboxes and subscriptions, so that others can send to it before it
    /// has started.
    ///
    /// # Errors
    /// [`SpawnError`] if its name is taken or a subscription is denied.
    pub fn prepare(&self, spec: ComponentSpec) -> Result<PreparedComponent, SpawnError> {
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
            let prepared = self.shared.system.prepare::<Envelope>(child);
            seats
                .push((prepared.map_err(|source| SpawnError::Prepare { name: name.clone(), source })?, name));
        }
        let members = seats.iter().map(|(seat, _)| seat.actor_ref()).collect();
        let endpoint = self.endpoint(&spec, members);
        let capabilities = Arc::new(spec.capabilities.clone());
        let mut blueprints = Vec::with_capacity(seats.len());
        for (seat, instance) in &seats {
            let own = match spec.instances {
                1 => Arc::clone(&endpoint),
                _ => Arc::new(endpoint.alone(seat.actor_ref())),
            };
            let sender = Sender {
                subject: Subject::new(&spec.name, instance),
                instance: Arc::from(instance.as_str()),
                capabilities: Arc::clone(&capabilities),
                accepts: Some(spec.accepts),
            };
            if let Err(denied) = self.set_up(&spec, &sender, &seat.actor_ref(), &own) {
                for (seat, _) in &seats {
                    self.shared.router.unsubscribe_all(&seat.actor_ref());
                }
                return Err(denied);
            }
            blueprints.push(Arc::new(self.blueprint(&spec, sender, &seat.actor_ref(), own)));
        }
        self.register(&spec.name, endpoint, &blueprints);
        let seats = seats.into_iter().map(|(seat, _)| seat).zip(blueprints).collect();
        Ok(PreparedComponent { name: spec.name, seats })
    }

    /// Starts the instances of a prepared component, in order. If one does not start, the
    /// component is taken away.
    ///
    /// # Errors
    /// [`SpawnError::Start`] with what the instance said.
    pub async fn start(&self, component: PreparedComponent) -> Result<(), SpawnError> {
        let name = component.name;
        for (seat, blueprint) in component.seats {
            let recovery = Recovery::default();
            let make = move || ComponentActor::new(Arc::clone(&blueprint), recovery.clone());
            if let Err(source) = self.shared.system.start(seat, make).await {
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
        let message = message.into();
        let result = self.deliver(target, Mode::Send, &message, || None).await;
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
        let (message, mut answer) = (message.into(), None);
        let answered = async {
            let make = || {
                let (reply, waiter) = oneshot::channel();
                answer = Some(waiter);
                Some(ReplyTo::Outside(reply))
            };
            let sent = self.deliver(target, Mode::Request, &message, make).await;
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
        let parsed: Topic =
            topic.parse().map_err(|source| CallError::InvalidTopic { topic: topic.to_owned(), source })?;
        let published = self.shared.router.publish(&self.shared.outside, None, &parsed, message.into());
        published.map_err(|error| CallError::refused(topic, &error))
    }

    /// Waits until no message and no callback is under way, and no instance that failed is yet to be
    /// restarted. Cancel safe.
    pub async fn drained(&self) {
        self.shared.router.in_flight.none().await;
    }

    /// How many messages, callbacks and restarts are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.router.in_flight.get()
    }

    /// How many requests and waits of components are open, or decided and not delivered yet.
    pub fn requests_under_way(&self) -> usize {
        self.shared.router.waits.under_way()
    }

    /// Messages that could not be handled.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.shared.router.dead_letters
    }

    /// What each component did, in the order of their names.
    pub fn summaries(&self) -> Vec<ComponentSummary> {
        let components = self.components();
        components.iter().map(|(name, registered)| registered.endpoint.summary(name)).collect()
    }

    /// Stops all components and actors, the last started first, within `deadline`. A guest that
    /// still runs when nine tenths of it are over is ended, so that no guest holds its worker
    /// longer. To be preferred to the actor system's own shutdown, which cannot do that.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.shared.router.end_at(std::time::Instant::now() + deadline.mul_f64(0.9));
        self.shared.system.shutdown(deadline).await
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

    /// The actors behind a component, one per instance; empty if there is no such component.
    pub fn actors(&self, component: &str) -> Vec<ActorRef<Envelope>> {
        self.components().get(component).map_or_else(Vec::new, |r| r.endpoint.members.clone())
    }

    fn components(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Registered>> {
        self.shared.components.lock().unwrap_or_else(PoisonError::into_inner)
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
        Arc::new(Endpoint {
            name: Arc::from(spec.name.as_str()),
            members,
            accepts: spec.accepts,
            max_message_bytes: spec.limits.message_size_bytes as u64,
            budget: ByteBudget::new(spec.limits.memory_bytes, spec.limits.message_size_bytes),
            waits: spec.overflow == Overflow::Wait,
            stats: Arc::new(ComponentStats::new()),
            dead_letters: Arc::clone(&router.dead_letters),
            in_flight: router.in_flight.clone(),
        })
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
        Ok(())
    }

    fn blueprint(
        &self,
        spec: &ComponentSpec,
        sender: Sender,
        actor: &ActorRef<Envelope>,
        endpoint: Arc<Endpoint>,
    ) -> Blueprint {
        let identity = Identity { app: Arc::clone(&self.shared.app), instance: Arc::clone(&sender.instance) };
        let links = Links {
            identity: Arc::new(identity),
            limits: spec.limits.clone(),
            router: Arc::clone(&self.shared.router),
            sender,
            myself: actor.clone(),
            endpoint,
        };
        Blueprint {
            component: spec.component.clone(),
            links,
            config: spec.config.clone(),
            input: spec.input.clone(),
            delivery: spec.delivery,
            health_requests: Mutex::default(),
        }
    }

    fn register(&self, name: &str, endpoint: Arc<Endpoint>, blueprints: &[Arc<Blueprint>]) {
        if blueprints.len() > 1 {
            for blueprint in blueprints {
                self.shared
                    .router
                    .add(&blueprint.links.identity.instance, Arc::clone(&blueprint.links.endpoint));
            }
        }
        self.shared.router.add(name, Arc::clone(&endpoint));
        let registered = Registered { endpoint, blueprints: blueprints.to_vec() };
        self.components().insert(name.to_owned(), registered);
    }

    /// Stops a component in order and takes its name away; false if there is no such component.
    /// Waits until its instances have ended.
    pub async fn retire(&self, name: &str) -> bool {
        let actors = self.actors(name);
        self.forget(name);
        for actor in &actors {
            actor.closed().await;
        }
        !actors.is_empty()
    }

    fn forget(&self, name: &str) {
        let Some(registered) = self.components().remove(name) else { return };
        for actor in &registered.endpoint.members {
            self.shared.router.unsubscribe_all(actor);
            self.shared.router.remove(actor.name());
            self.shared.router.waits.remove(actor.name());
            actor.terminate();
        }
        self.shared.router.remove(name);
    }

    /// Sends as soon as there is room.
    async fn deliver(
        &self,
        target: &str,
        mode: Mode,
        message: &Bytes,
        mut reply: impl FnMut() -> Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let Shared { router, outside, .. } = &*self.shared;
        loop {
            let route = router.resolve(outside, target)?;
            match router.send(outside, &route, mode, message.clone(), reply()) {
                Err(SendError::MailboxFull) => {
                    route.endpoint.least_loaded().room().await;
                    route.endpoint.budget.room().await;
                }
                result => return result,
            }
        }
    }
}
