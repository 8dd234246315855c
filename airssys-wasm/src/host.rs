//! Components and native actors in one actor system.

mod calls;
pub(crate) mod entrance;
pub(crate) mod error;
mod grants;
mod health;
pub(crate) mod in_trace;
pub(crate) mod native;
mod operate;
mod outside;
pub(crate) mod prepare;
pub(crate) mod quarantine;
pub(crate) mod reload;
mod snapshot;
pub(crate) mod spec;
mod target;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use airssys_rt::{ActorRef, ActorSystem, ShutdownReport, SupervisorRef};
use airssys_spec::{Capabilities, HOST_NAME, Limits, Subject};

use crate::actor::template::InstanceTemplate;
use crate::backend::set::BackendSet;
use crate::guest::component::Component;
use crate::guest::context::InstanceDependencies;
use crate::guest::services::{Connections, ServiceConfigs, ServiceError};
use crate::observe::audit::{Audit, Trail};
use crate::observe::dead_letters::DeadLetters;
use crate::observe::snapshot::StartStep;
use crate::observe::stats::ComponentStats;
use crate::observe::trace::MessageTracer;
use crate::policy::grants::Grants;
use crate::policy::quota::Quota;
use crate::routing::app::App;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::router::Router;
use crate::routing::sender::Sender;
use crate::routing::state_folder::{StateError, StateFolder};
use crate::sync::lock;

/// Runs components as children of an actor system, beside native actors. Cheap to clone.
///
/// [`ComponentHost::spawn`] starts a component and [`ComponentHost::spawn_native`] a native actor
/// that components can send to, both under any supervisor of the system. Names are unique among
/// both.
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
    /// The step of the app's start. `None` if it has started, or has no manifest.
    start_step: Mutex<Option<StartStep>>,
    /// Held by the one reload at a time.
    reloading: tokio::sync::Mutex<()>,
    /// The groups of the app's manifest.
    groups: Mutex<Vec<SupervisorRef>>,
    /// Set when the first component or native actor gets its name.
    began: OnceLock<Instant>,
}

#[derive(Clone)]
pub(crate) struct Registered {
    endpoint: Arc<Endpoint>,
    instances: Vec<Arc<InstanceDependencies>>,
    /// Empty for a native actor.
    pub(crate) templates: Vec<Arc<InstanceTemplate>>,
}

/// Options of a [`ComponentHost`]. Default: no audit, no state folder, no configurations.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// The audit of denials, refusals and changes. [`ComponentHost::shutdown`] ends it.
    pub audit: Option<Audit>,
    /// The folder of the values that outlive the host: the subscriptions that instances make by
    /// themselves. The host makes it if it does not exist, and unlocks it at its
    /// [`ComponentHost::shutdown`], or when its last clone is dropped.
    pub state: Option<PathBuf>,
    /// The configurations of services, by [`Services::configure`](crate::Services::configure). A
    /// service without one reads an empty table when the first component that imports it starts.
    pub services: ServiceConfigs,
    /// The backends that serve the labels of services, by [`Backends::configure`](crate::Backends::configure).
    pub backends: BackendSet,
}

/// The longest deadline of a shutdown: a year.
const MAX_SHUTDOWN: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The most of a shutdown's time in which aborted actors give their messages back.
const MOST_FOR_ABORTED: Duration = Duration::from_millis(500);

/// The most of a shutdown's time that is reserved for writing the audit.
const MOST_FOR_AUDIT: Duration = Duration::from_millis(500);

/// The time for which a shutdown waits for an audit that writes nothing, because its disk is stuck or
/// another program keeps its lock.
const MOST_FOR_STUCK_AUDIT: Duration = Duration::from_secs(1);

/// Ends the audit. Returns false if it writes nothing for [`MOST_FOR_STUCK_AUDIT`], or is not done within
/// the given time.
async fn end_audit(audit: &Audit, within: Duration) -> bool {
    let began = Instant::now();
    loop {
        let (lines, left) = (audit.stats().lines, within.saturating_sub(began.elapsed()));
        if audit.end(left.min(MOST_FOR_STUCK_AUDIT)).await {
            return true;
        }
        if began.elapsed() >= within || audit.stats().lines == lines {
            return false;
        }
    }
}

impl Registered {
    /// Returns the dependencies of each instance.
    fn instances(&self) -> impl Iterator<Item = &InstanceDependencies> {
        self.instances.iter().map(|instance| &**instance)
    }
}

impl Shared {
    pub(crate) fn components(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        lock(&self.components)
    }
}

impl ComponentHost {
    /// Makes a host that runs components in this actor system.
    pub fn new(system: ActorSystem) -> ComponentHost {
        ComponentHost::with_router(system, Trail::default(), None, Connections::default())
    }

    /// As [`ComponentHost::new`], with options. Blocks on the disk if there is a state folder.
    ///
    /// # Errors
    /// [`StateError`] if the folder cannot be used, another host uses it, or its contents were not
    /// written by a host.
    pub fn with_options(system: ActorSystem, options: HostOptions) -> Result<ComponentHost, StateError> {
        let state = options.state.as_deref().map(StateFolder::open).transpose()?;
        let connections = Connections::new(options.services, options.backends);
        Ok(ComponentHost::with_router(system, Trail::new(options.audit), state, connections))
    }

    fn with_router(
        system: ActorSystem,
        trail: Trail,
        state: Option<StateFolder>,
        connections: Connections,
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
        let (components, began) = (Mutex::default(), OnceLock::new());
        let connections = Arc::new(connections);
        let (groups, start_step) = (Mutex::default(), Mutex::default());
        let shared = Shared {
            system,
            app,
            router,
            outside,
            connections,
            components,
            start_step,
            reloading: tokio::sync::Mutex::default(),
            groups,
            began,
        };
        ComponentHost { shared: Arc::new(shared) }
    }

    /// Returns the audit, or `None` if the host keeps none.
    pub fn audit(&self) -> Option<&Audit> {
        self.shared.router.app.trail.audit()
    }

    /// Returns the actor system that the components run in.
    pub fn system(&self) -> &ActorSystem {
        &self.shared.system
    }

    /// Makes a span of each message that is handled from now on. Only the first call counts.
    pub fn trace_with(&self, tracer: Arc<dyn MessageTracer>) {
        self.shared.router.app.trace_with(tracer);
    }

    /// Connects the services that a component imports. An unreachable backend then shows before
    /// anything starts; otherwise it shows when the first instance starts.
    ///
    /// # Errors
    /// [`ServiceError`] if a service is not configured or cannot connect.
    pub async fn connect(&self, component: &Component) -> Result<(), ServiceError> {
        for service in &component.services {
            self.shared.connections.connect(&**service).await?;
        }
        Ok(())
    }

    /// Waits until no message, no callback and no restart of a failed component instance is in
    /// flight. Cancel safe.
    ///
    /// Restarts of native actors count as well. Those of neighbours that a group restarts with the failed
    /// actor do not, nor those after a failure without a message, such as a kill.
    pub async fn drained(&self) {
        self.shared.router.app.in_flight.none().await;
    }

    /// Returns the number of messages, callbacks and restarts in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.router.app.in_flight.get()
    }

    /// Returns the time since its first component or native actor got its name, or zero if it has none.
    pub fn uptime(&self) -> Duration {
        self.shared.began.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Returns the number of requests and waits of components that are open, or decided and not
    /// delivered.
    pub fn requests_in_flight(&self) -> usize {
        self.shared.router.app.wait_graph.total_in_flight()
    }

    /// Returns the messages that could not be handled.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.shared.router.app.dead_letters
    }

    /// Sets the step of the app's start, or `None` if that is over.
    pub(crate) fn set_start_step(&self, step: Option<StartStep>) {
        *lock(&self.shared.start_step) = step;
    }

    /// Returns the step of the app's start. Returns `None` if it has started, or has no manifest.
    pub(crate) fn start_step(&self) -> Option<StartStep> {
        lock(&self.shared.start_step).clone()
    }

    /// Returns the names of the components and native actors, in order.
    pub fn names(&self) -> Vec<String> {
        self.components().keys().cloned().collect()
    }

    /// Stops all components and actors, the last started first, within `deadline`. After nine tenths
    /// of it, a guest that still runs is ended, so that it does not hold its worker longer. The actor
    /// system's own shutdown cannot do that. A deadline beyond a year counts as a year.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        // A later moment may not exist.
        let (began, deadline) = (Instant::now(), deadline.min(MAX_SHUTDOWN));
        self.shared.router.app.end_at(began + deadline.mul_f64(0.9));
        let trail = &self.shared.router.app.trail;
        // The audit has something to write until all others have ended.
        let for_audit = trail.audit().map_or(Duration::ZERO, |_| MOST_FOR_AUDIT.min(deadline / 20));
        let report = self.shared.system.shutdown(deadline - for_audit).await;
        if !report.late.is_empty() {
            // An aborted actor gives its messages back when its task is dropped, which takes a moment.
            // The state folder and the audit get the rest.
            let most = MOST_FOR_ABORTED.min(deadline.saturating_sub(began.elapsed()) / 2);
            drop(tokio::time::timeout(most, self.drained()).await);
        }
        trail.log_suppressed();
        let components = self.components().clone();
        for (name, registered) in &components {
            registered.endpoint.account.stats.warnings().log_suppressed(name);
        }
        self.dead_letters().log_suppressed(None);
        self.close_state(deadline.saturating_sub(began.elapsed())).await;
        if let Some(audit) = trail.audit() {
            let left = deadline.saturating_sub(began.elapsed());
            if !end_audit(audit, left).await {
                let waiting = audit.stats().waiting;
                tracing::error!(target: "airssys::audit", "the audit did not end in time: {waiting} are not written");
            }
        }
        report
    }

    /// Saves the state folder. Stops waiting for a disk that takes longer.
    async fn close_state(&self, within: Duration) {
        let router = Arc::clone(&self.shared.router);
        if router.app.state().is_none() {
            return;
        }
        let close = tokio::task::spawn_blocking(move || {
            let Some(state) = router.app.state() else { return };
            state.close(|| router.app.dead_letters.kept());
        });
        if tokio::time::timeout(within, close).await.is_err() {
            tracing::error!("the state folder was not saved within the shutdown's deadline");
        }
    }

    /// Returns the actors behind a component, one per instance, or the native actor. Returns nothing
    /// if the name is unknown.
    pub fn actors(&self, component: &str) -> Vec<ActorRef<Envelope>> {
        self.components().get(component).map_or_else(Vec::new, |r| r.endpoint.members.clone())
    }

    fn components(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.shared.components()
    }

    /// Stops a component or a native actor in order, waits until its instances have ended, and frees
    /// its name. Its entries in the state folder are removed. Returns false if the name is unknown.
    pub async fn retire(&self, name: &str) -> bool {
        let Some(Registered { endpoint, .. }) = self.components().get(name).cloned() else { return false };
        let actors = &endpoint.members;
        self.forget(name);
        for actor in actors {
            actor.closed().await;
            // Its last handler may have subscribed meanwhile.
            self.shared.router.unsubscribe_all(actor);
            self.shared.router.app.state().into_iter().for_each(|state| state.forget(actor.name()));
        }
        endpoint.account.stats.warnings().log_suppressed(name);
        self.dead_letters().log_suppressed(Some(name));
        !actors.is_empty()
    }

    fn forget(&self, name: &str) {
        let Some(registered) = self.components().remove(name) else { return };
        for actor in &registered.endpoint.members {
            self.shared.router.unsubscribe_all(actor);
            self.shared.router.remove(actor.name());
            self.shared.router.app.wait_graph.remove(actor.name());
            actor.stop();
        }
        self.shared.router.remove(name);
        self.shared.router.app.trail.forget(name);
    }
}
