//! The actor system: where actors are started, found and stopped.

mod errors;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::errors::{PrepareError, StartError};
use crate::actor::{Actor, Factory};
use crate::cell::{ActorStats, AnyCell, Cell};
use crate::mailbox::Mailbox;
use crate::registry::Registry;
use crate::services::Services;
use crate::supervisor::{Command, NewChild, Outlook, Place, SupervisorNode};
use crate::sync::lock;
use crate::{ActorRef, ChildSpec, EventStream, ExitReason, SupervisorConfig, SupervisorFailure};

/// How many starts may be under way to the supervisor at once; more wait.
const COMMANDS: usize = 64;

/// A set of actors under one supervisor, which restarts each on its own.
///
/// Cheap to clone: the clones are one system. When the last is dropped without a
/// [`shutdown`](Self::shutdown), the actors are stopped in order, in the background; an actor that
/// holds one keeps the system alive.
#[derive(Clone)]
pub struct ActorSystem {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    registry: Arc<Registry>,
    services: Arc<Services>,
    commands: mpsc::Sender<Command>,
    outlook: watch::Receiver<Outlook>,
    /// The supervisor's task, until a shutdown joins it.
    node: Mutex<Option<JoinHandle<()>>>,
}

/// Makes an [`ActorSystem`] that is not the default one.
#[derive(Debug, Clone)]
pub struct ActorSystemBuilder {
    name: Arc<str>,
    config: SupervisorConfig,
}

impl ActorSystemBuilder {
    /// How often and how fast actors are restarted.
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
        let registry = Arc::<Registry>::default();
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (outlook, watched) = watch::channel(Outlook::Sound);
        let node = SupervisorNode::new(self.config, registry.clone(), outlook);
        let node = tokio::spawn(node.run(receiver));
        let shared = Shared {
            name: self.name,
            registry,
            services: Arc::new(Services::new(Handle::current())),
            commands,
            outlook: watched,
            node: Mutex::new(Some(node)),
        };
        ActorSystem { shared: Arc::new(shared) }
    }
}

/// What became of the actors in a shutdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The names of those that stopped, in the order in which they did.
    pub stopped: Vec<String>,
    /// The names of those that did not stop in their time, and were aborted.
    pub late: Vec<String>,
}

/// An actor's name and figures.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorSummary {
    /// Its name.
    pub name: String,
    /// Its number, as [`ActorRef::id`] gives it.
    pub id: u64,
    /// Its figures.
    pub stats: ActorStats,
}

/// An actor that has a name and a mailbox, and that nobody runs yet.
///
/// It can be sent to; what it is sent is handled once it is [started](ActorSystem::start).
/// Dropped instead, it ends: the name is free again and the mailbox is closed.
#[must_use = "dropped, the actor ends"]
pub struct Prepared<M> {
    cell: Arc<Cell<M>>,
    place: Place,
    spec: ChildSpec,
}

impl<M: Send + 'static> Prepared<M> {
    /// A reference to the actor.
    pub fn actor_ref(&self) -> ActorRef<M> {
        ActorRef::new(self.cell.clone())
    }
}

impl<M> fmt::Debug for Prepared<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.spec).finish()
    }
}

impl ActorSystem {
    /// Starts a system with this name and the default [`SupervisorConfig`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).build()
    }

    /// Makes a system that is not the default one.
    pub fn builder(name: impl Into<Arc<str>>) -> ActorSystemBuilder {
        ActorSystemBuilder { name: name.into(), config: SupervisorConfig::default() }
    }

    /// The system's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Takes a name and makes a mailbox for an actor that is to be started later.
    ///
    /// This is how actors get to know each other before any of them runs.
    pub fn prepare<M: Send + 'static>(&self, spec: ChildSpec) -> Result<Prepared<M>, PrepareError> {
        let registry = &self.shared.registry;
        let name = spec.name.clone();
        if registry.is_stopped() {
            return Err(PrepareError::SystemStopped { name: name.to_string() });
        }
        if name.is_empty() {
            return Err(PrepareError::EmptyName);
        }
        if spec.capacity == 0 {
            return Err(PrepareError::NoCapacity { name: name.to_string() });
        }
        let mailbox = Mailbox::new(spec.capacity, spec.overflow);
        let cell =
            Arc::new(Cell::new(name.clone(), registry.next_id(), mailbox, self.shared.services.clone()));
        if !registry.register(cell.clone()) {
            return Err(PrepareError::NameTaken { name: name.to_string() });
        }
        let place = Place::new(registry.clone(), cell.clone());
        Ok(Prepared { cell, place, spec })
    }

    /// Starts a prepared actor; resolves once `post_start` of its first incarnation is done.
    ///
    /// `make` makes the actor's state, once for each incarnation. It runs in the actor's own task,
    /// where a panic is a failure of that incarnation. If the first start fails, the actor is not
    /// restarted: it has ended.
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
        let Prepared { cell, place, spec } = prepared;
        let name = || spec.name.to_string();
        if !place.is_in(&self.shared.registry) {
            return Err(StartError::OtherSystem { name: name() });
        }
        let (sender, started) = oneshot::channel();
        let runner = Box::new(Factory::new(cell.clone(), make, sender));
        let child = NewChild { place, runner, policy: spec.restart, shutdown: spec.shutdown };
        // If the supervisor has stopped, the child ends here, or where it is on the way.
        let _ = self.shared.commands.send(Command::Start(child)).await;
        match started.await {
            Ok(()) => Ok(ActorRef::new(cell)),
            Err(_) => Err(match cell.exit().await {
                ExitReason::Shutdown => StartError::SystemStopped { name: name() },
                reason => StartError::Failed { name: name(), reason },
            }),
        }
    }

    /// Prepares an actor and starts it.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn<A, F>(&self, spec: ChildSpec, make: F) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let prepared = self.prepare(spec)?;
        self.start(prepared, make).await
    }

    /// The actor with this name, if there is one and it handles such messages.
    pub fn whereis<M: Send + 'static>(&self, name: &str) -> Option<ActorRef<M>> {
        self.shared.registry.find(name).map(ActorRef::new)
    }

    /// The actors that have not ended for good, the oldest first.
    pub fn actors(&self) -> Vec<ActorSummary> {
        let summary = |cell: Arc<dyn AnyCell>| ActorSummary {
            name: cell.name().to_string(),
            id: cell.id(),
            stats: cell.stats(),
        };
        self.shared.registry.all().into_iter().map(summary).collect()
    }

    /// What happens in this system from now on.
    pub fn events(&self) -> EventStream {
        self.shared.services.events.stream()
    }

    /// Waits until the system has failed: an actor would have been restarted more often than the
    /// [`SupervisorConfig`] allows, and all actors have been stopped because of that.
    ///
    /// Never resolves if that does not happen, not after a shutdown either. Cancel safety: nothing
    /// is lost if this is dropped.
    pub async fn failed(&self) -> SupervisorFailure {
        let mut outlook = self.shared.outlook.clone();
        let failed = outlook.wait_for(|outlook| matches!(outlook, Outlook::Failed(_))).await;
        let failure = match failed.as_deref() {
            Ok(Outlook::Failed(failure)) => Some(failure.clone()),
            _ => None,
        };
        drop(failed);
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Whether the system has failed, or is about to: an actor has ended too often, and all others
    /// are being stopped because of that. True before anybody can see that the actor has ended for
    /// good, so it tells whether that was a failure of the system.
    pub fn is_failing(&self) -> bool {
        !matches!(*self.shared.outlook.borrow(), Outlook::Sound)
    }

    /// Stops all actors, the last started first, and says which did not stop in time.
    ///
    /// Each has its own time ([`ChildSpec::shutdown`]) at most, all together have `deadline`. When
    /// nine tenths of that have passed, all that are left are asked to stop at once; who has not
    /// stopped soon after is aborted. So this returns within `deadline`, even if an actor blocks
    /// its thread and cannot be aborted, as long as the runtime has another thread. If the system
    /// has stopped already, or is about to, the report is empty at once.
    ///
    /// Cancel safety: if dropped before it resolves, the shutdown goes on.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.shared.registry.stop();
        let (sender, report) = oneshot::channel();
        let exchange = async {
            self.shared.commands.send(Command::Shutdown(deadline, sender)).await.ok()?;
            report.await.ok()
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(Some(report)) => {
                if report.late.is_empty() {
                    self.join_node().await;
                }
                report
            }
            Ok(None) => ShutdownReport::default(),
            // The supervisor itself gets no time: its thread is blocked.
            Err(_) => {
                let late = self.shared.registry.all().iter().map(|cell| cell.name().to_string()).collect();
                ShutdownReport { stopped: Vec::new(), late }
            }
        }
    }

    /// Joins the supervisor's task, which has nothing left to do.
    async fn join_node(&self) {
        let node = lock(&self.shared.node).take();
        if let Some(node) = node
            && let Err(error) = node.await
        {
            tracing::error!(system = %self.shared.name, %error, "the supervisor failed");
        }
    }
}

impl fmt::Debug for ActorSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorSystem({:?})", self.name())
    }
}
