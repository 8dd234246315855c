//! The actor system, which starts, finds and stops actors.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use airssys_core::{ExitReason, SupervisorConfig, SupervisorFailure};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actor::Actor;
use crate::actor_ref::ActorRef;
use crate::child::Registered;
use crate::child_spec::ChildSpec;
use crate::errors::{PrepareError, StartError};
use crate::events::EventStream;
use crate::groups::Groups;
use crate::prepared::Prepared;
use crate::registry::Registry;
use crate::services::Services;
use crate::shutdown::{ShutdownDeadlines, ShutdownOrder, ShutdownReport};
use crate::snapshot::SystemSnapshot;
use crate::stats::ActorStats;
use crate::supervisor::node::{Health, SupervisorNode};
use crate::supervisor::reference::SupervisorRef;
use crate::supervisor::runner::Root;
use crate::supervisor::spec::SupervisorSpec;
use crate::sync::lock;

/// A tree of supervised actors.
///
/// Its root is a supervisor, which by default restarts each child on its own, up to 3 times within
/// 5 s; a child that fails more often ends, and the others go on. Actors and supervisors are started
/// there; [`supervise`](Self::supervise) grows the tree.
///
/// Cheap to clone: the clones are one system. **The actors live as long as a clone does**, and an
/// [`ActorRef`] is not one. When the last clone is dropped without a [`shutdown`](Self::shutdown), the
/// actors are stopped in order, in the background, and a warning is logged. To run until the system
/// ends, await [`ended`](Self::ended). An actor that holds a clone keeps the system alive.
#[derive(Clone)]
pub struct ActorSystem {
    shared: Arc<Shared>,
}

struct Shared {
    root: SupervisorRef,
    health: watch::Receiver<Health>,
    /// The root's task, until a shutdown joins it.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ActorSystem {
    /// The system that these services belong to, unless it has been dropped.
    pub(crate) fn of(services: &Services) -> Option<Self> {
        let shared = services.system.get()?.upgrade()?.downcast().ok()?;
        Some(Self { shared })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let children = self.root.children().len();
        // Actors that are being stopped already, as their owner asked, need no warning.
        if children > 0 && !self.root.is_stopping() {
            tracing::warn!(
                system = %self.root.name(), children,
                "the last handle of an actor system was dropped, so its actors are being stopped; \
                 keep an `ActorSystem`, or call `shutdown`"
            );
        }
        self.root.stop();
    }
}

/// Configures and starts an [`ActorSystem`].
#[derive(Debug, Clone)]
pub struct ActorSystemBuilder {
    name: Arc<str>,
    config: SupervisorConfig,
}

impl ActorSystemBuilder {
    /// The way in which the root restarts its children. With [`SupervisorConfig::default`], one child
    /// that fails too often ends the system, as in OTP: [`ActorSystem::failed`].
    pub fn supervisor(mut self, config: SupervisorConfig) -> Self {
        self.config = config;
        self
    }

    /// Starts the system.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub fn build(self) -> ActorSystem {
        let (health, watched) = watch::channel(Health::Sound);
        let services = Arc::new(Services::new(Handle::current()));
        let registry = Registry::new(services.clone());
        let node = SupervisorNode::root(self.name, self.config, Arc::new(registry), health);
        let node = Arc::new(node);
        let task = tokio::spawn(Root::new(node.clone()).run());
        let root = SupervisorRef::new(node);
        let shared = Shared { root, health: watched, task: Mutex::new(Some(task)) };
        let shared = Arc::new(shared);
        let erased: Arc<dyn Any + Send + Sync> = shared.clone();
        let _ = services.system.set(Arc::downgrade(&erased));
        ActorSystem { shared }
    }
}

/// An actor's name and stats.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorSummary {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number, as [`ActorRef::id`].
    pub id: u64,
    /// Its stats.
    pub stats: ActorStats,
}

impl ActorSystem {
    /// Starts a system with this name, whose root restarts its children by
    /// [`SupervisorConfig::independent`]: a child of the root that fails too often ends alone.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).build()
    }

    /// Configures a system with this name, and otherwise as [`new`](Self::new) does.
    pub fn builder(name: impl Into<Arc<str>>) -> ActorSystemBuilder {
        ActorSystemBuilder { name: name.into(), config: SupervisorConfig::independent() }
    }

    /// The system's name.
    pub fn name(&self) -> &str {
        self.shared.root.name()
    }

    /// The supervisor at the root of the tree.
    pub fn root(&self) -> &SupervisorRef {
        &self.shared.root
    }

    /// Starts a supervisor below the root.
    ///
    /// Cancel safety: if dropped before it resolves, the supervisor may start all the same.
    pub async fn supervise(&self, spec: SupervisorSpec) -> Result<SupervisorRef, StartError> {
        self.shared.root.supervise(spec).await
    }

    /// Takes a name and makes a mailbox for an actor that is started later.
    ///
    /// So actors can get references to each other before any of them runs.
    pub fn prepare<M: Send + 'static>(&self, spec: ChildSpec) -> Result<Prepared<M>, PrepareError> {
        self.shared.root.prepare(spec)
    }

    /// Starts a prepared actor; resolves once its first incarnation has started.
    ///
    /// `make` makes the actor's state, once for each incarnation. It runs in the actor's own task,
    /// where a panic is a failure of that incarnation. If the first start fails, the actor has ended
    /// and is not restarted.
    ///
    /// Cancel safety: if dropped before it resolves, the actor may start all the same.
    pub async fn start<A, F>(
        &self,
        prepared: Prepared<A::Message>,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        self.shared.root.start(prepared, make).await
    }

    /// Prepares an actor and starts it.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn<A, F>(&self, spec: ChildSpec, make: F) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        self.shared.root.spawn(spec, make).await
    }

    /// Starts an actor that runs once: `actor` is its state, and is moved into its task. For a state that
    /// cannot be made again, such as a connection.
    ///
    /// It is [temporary](airssys_core::RestartPolicy::Temporary), whatever `spec` says: when it ends or
    /// fails, it has ended for good. Resolves as [`spawn`](Self::spawn) does. If it does not start, the
    /// state is dropped.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn_once<A: Actor>(
        &self,
        spec: ChildSpec,
        actor: A,
    ) -> Result<ActorRef<A::Message>, StartError> {
        self.shared.root.spawn_once(spec, actor).await
    }

    /// As [`start`](Self::start), with one state that runs once, as [`spawn_once`](Self::spawn_once).
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn start_once<A: Actor>(
        &self,
        prepared: Prepared<A::Message>,
        actor: A,
    ) -> Result<ActorRef<A::Message>, StartError> {
        self.shared.root.start_once(prepared, actor).await
    }

    /// As [`spawn`](Self::spawn), and does not wait for the hooks of the start. The mailbox takes
    /// messages at once, and they are handled after the start.
    ///
    /// If the start fails, the actor has ended for good: that is logged, sends return `Closed`, and
    /// [`closed`](ActorRef::closed) returns the reason.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn_instant<A, F>(
        &self,
        spec: ChildSpec,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        self.shared.root.spawn_instant(spec, make).await
    }

    /// As [`start`](Self::start), and does not wait for the hooks of the start, as
    /// [`spawn_instant`](Self::spawn_instant).
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn start_instant<A, F>(
        &self,
        prepared: Prepared<A::Message>,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        self.shared.root.start_instant(prepared, make).await
    }

    /// The actor with this name, if there is one that takes messages of this type. An actor that is
    /// [draining](ActorRef::drain) takes no more, and is not found; it has its name until it has ended.
    pub fn whereis<M: Send + 'static>(&self, name: &str) -> Option<ActorRef<M>> {
        self.registry().find(name).map(ActorRef::new)
    }

    /// The process groups of this system.
    pub fn groups(&self) -> Groups {
        Groups::new(self.registry().clone())
    }

    fn registry(&self) -> &Arc<Registry> {
        self.shared.root.node().registry()
    }

    /// The actors that have not ended for good, the oldest first. Actors without a name are listed
    /// once they have been started.
    pub fn actors(&self) -> Vec<ActorSummary> {
        let mut cells = self.registry().all();
        self.shared.root.node().unnamed(&mut cells);
        cells.sort_by_key(|cell| cell.id());
        let summary = |cell: Arc<dyn Registered>| {
            Some(ActorSummary { name: cell.name().to_string(), id: cell.id(), stats: cell.stats()? })
        };
        cells.into_iter().filter_map(summary).collect()
    }

    /// The events of this system from now on.
    pub fn events(&self) -> EventStream {
        self.registry().services().events.stream()
    }

    /// The whole tree as it is now, with states and stats.
    pub fn snapshot(&self) -> SystemSnapshot {
        SystemSnapshot { name: self.name().to_owned(), root: self.shared.root.node().snapshot() }
    }

    /// Waits until the system has failed: a child of the root would have been restarted more often
    /// than the [`SupervisorConfig`] allows, its [`OnLimit`](airssys_core::OnLimit) was to escalate, and
    /// all children have been stopped because of that.
    ///
    /// Never resolves if that does not happen, and not after a shutdown either. Cancel safety: nothing
    /// is lost if this is dropped.
    pub async fn failed(&self) -> SupervisorFailure {
        let mut health = self.shared.health.clone();
        let failed = health.wait_for(|health| matches!(health, Health::Failed(_))).await;
        let failure = match failed.as_deref() {
            Ok(Health::Failed(failure)) => Some((***failure).clone()),
            _ => None,
        };
        drop(failed);
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Waits until the system has ended, and returns the reason: all actors have ended by then.
    ///
    /// | reason | cause |
    /// |---|---|
    /// | [`Shutdown`](ExitReason::Shutdown) | [`shutdown`](Self::shutdown), [`stop`](SupervisorRef::stop) of the root, or its [`AutoShutdown`](airssys_core::AutoShutdown) |
    /// | [`Escalated`](ExitReason::Escalated) | the system has [failed](Self::failed) |
    /// | [`Killed`](ExitReason::Killed) | the runtime has shut down |
    ///
    /// Does not resolve when the last actor ends alone: [`idle`](Self::idle) does, [`ActorRef::closed`] for
    /// one actor, and [`Event::GaveUp`](crate::Event::GaveUp) tells of an actor that failed too often.
    ///
    /// A future of this keeps the system alive, so a program can await it at the end of `main`. Cancel
    /// safety: nothing is lost if this is dropped.
    pub async fn ended(&self) -> ExitReason {
        self.shared.root.closed().await
    }

    /// Waits until the root has no child: all have ended for good, or none has started yet.
    ///
    /// By default, an actor that fails too often ends alone, and the system goes on without it. So a
    /// program that ends with its last actor awaits this, beside [`ended`](Self::ended). A quarantined
    /// child has not ended. Cancel safety: nothing is lost if this is dropped.
    pub async fn idle(&self) {
        let node = self.shared.root.node();
        let changes = &self.registry().services().tree_changes;
        changes.wait_for(|| node.is_childless().then_some(())).await;
    }

    /// Returns true if the system has failed or is about to, because a child of the root has ended too
    /// often. It is true before the end of that child is visible, so it tells if that end was a
    /// failure of the system.
    pub fn is_failing(&self) -> bool {
        !matches!(*self.shared.health.borrow(), Health::Sound)
    }

    /// Stops the tree depth first, the last started first, and reports the actors that did not stop in
    /// time.
    ///
    /// Each actor has at most its own time ([`ChildSpec::shutdown`]), and all together have
    /// `deadline`. When nine tenths of that have passed, all actors that are left are asked to stop at
    /// once, and aborted soon after. So this returns within `deadline`, even if an actor blocks its
    /// thread and cannot be aborted, as long as the runtime has another thread.
    ///
    /// If the system has stopped already, the report is empty. If another shutdown is in flight, this
    /// waits for it, makes it keep `deadline`, and returns an empty report.
    ///
    /// Cancel safety: if dropped before it resolves, the shutdown goes on.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.registry().stop();
        let report = Arc::<Mutex<ShutdownReport>>::default();
        let order = ShutdownOrder {
            deadlines: Some(ShutdownDeadlines::within(deadline)),
            report: Some(report.clone()),
        };
        let node = self.shared.root.node();
        if !node.shut_down_for_good(order) {
            // The report goes to the first caller.
            self.ended_within(deadline).await;
            return ShutdownReport::default();
        }
        let in_time = self.ended_within(deadline).await;
        let mut report = lock(&report).clone();
        if !in_time {
            // The supervisor could not report, because its thread is blocked.
            let left = self.actors().into_iter().map(|actor| match actor.name.is_empty() {
                true => format!("#{}", actor.id),
                false => actor.name,
            });
            let left: Vec<_> = left.filter(|name| !report.late.contains(name)).collect();
            report.late.extend(left);
        } else if report.late.is_empty() {
            self.join_root().await;
        }
        report
    }

    /// Waits until the system has ended, for at most this time; returns true if it has. The timer is a
    /// task of the system's runtime, because the caller may be in no runtime.
    async fn ended_within(&self, time: Duration) -> bool {
        let node = self.shared.root.node();
        let mut timer = Timer(node.runtime().spawn(async move { tokio::time::sleep(time).await }));
        let mut ended = pin!(node.exit());
        let in_time = poll_fn(|task| match ended.as_mut().poll(task) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending => timer.0.poll_unpin(task).map(|_| false),
        })
        .await;
        if in_time {
            timer.0.abort();
            // It is cancelled, or has just ended.
            let _ = (&mut timer.0).await;
        }
        in_time
    }

    /// Joins the root's task, which is about to end.
    async fn join_root(&self) {
        let task = lock(&self.shared.task).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(system = %self.name(), %error, "the root supervisor failed");
        }
    }
}

/// A task that is aborted when this is dropped.
struct Timer(JoinHandle<()>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for ActorSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorSystem({:?})", self.name())
    }
}
