//! References to supervisors, which start children.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use airssys_core::{AutoShutdown, ExitReason, RestartPolicy};

use super::entry::ChildRules;
use super::node::{Refusal, SupervisorNode};
use super::prepared::PreparedSupervisor;
use super::runner::SupervisorRunner;
use super::spec::SupervisorSpec;
use super::task::admit;
use crate::actor::Actor;
use crate::actor::runner::{ActorRunner, Make, Once};
use crate::actor_ref::ActorRef;
use crate::cell::Cell;
use crate::cell::children::{IncarnationChildren, ParentActor};
use crate::child::{Registered, Supervised};
use crate::child_spec::ChildSpec;
use crate::errors::{PrepareError, StartError};
use crate::mailbox::{Mailbox, StopRequest};
use crate::monitor::Watcher;
use crate::prepared::Prepared;
use crate::registry::{Starting, UnstartedChild};
use crate::request::{Reply, ReplyTo, slot_here};
use crate::shutdown::ShutdownOrder;
use crate::snapshot::ChildSummary;

/// A reference to a supervisor, which starts children below it.
///
/// Cheap to clone, and valid across restarts of the supervisor. It does not keep the system alive. Two
/// references are equal if they are of one supervisor.
#[derive(Clone)]
pub struct SupervisorRef {
    node: Arc<SupervisorNode>,
}

impl SupervisorRef {
    pub(crate) fn new(node: Arc<SupervisorNode>) -> Self {
        Self { node }
    }

    pub(crate) fn node(&self) -> &Arc<SupervisorNode> {
        &self.node
    }

    /// The supervisor's name; empty if it has none. The root has the system's.
    pub fn name(&self) -> &str {
        self.node.name()
    }

    /// The supervisor's number: unique in its system, among actors too. The root's is 0.
    pub fn id(&self) -> u64 {
        self.node.id()
    }

    /// As [`ActorSystem::prepare`](crate::ActorSystem::prepare), for an actor below this
    /// supervisor.
    pub fn prepare<M: Send + 'static>(&self, spec: ChildSpec) -> Result<Prepared<M>, PrepareError> {
        let cell = self.new_cell(&spec)?;
        let unstarted = UnstartedChild::new(self.node.registry().clone(), cell.clone());
        Ok(Prepared { cell, unstarted, spec })
    }

    /// Registers the name of an actor.
    fn new_cell<M: Send + 'static>(&self, spec: &ChildSpec) -> Result<Arc<Cell<M>>, PrepareError> {
        let name = self.check_name(&spec.name)?;
        if spec.capacity == 0 {
            return Err(PrepareError::NoCapacity { name: name.to_owned() });
        }
        self.check_significance(name, spec.significant, spec.restart)?;
        let registry = self.node.registry();
        let mailbox = Mailbox::new(spec.capacity, spec.overflow);
        let (id, services) = (registry.next_id(), registry.services().clone());
        let cell = Arc::new(Cell::new(spec.name.clone(), id, mailbox, services));
        if spec.movable {
            cell.mark_movable();
        }
        if !registry.register(&cell) {
            return Err(PrepareError::NameTaken { name: name.to_owned() });
        }
        Ok(cell)
    }

    /// The parts of a prepared actor. The caller ends the actor if it does not start.
    fn parts<M: Send + 'static>(
        &self,
        prepared: Prepared<M>,
    ) -> Result<(Arc<Cell<M>>, ChildSpec), StartError> {
        let Prepared { cell, unstarted, spec } = prepared;
        if !unstarted.is_in(self.node.registry()) {
            return Err(StartError::OtherSystem { name: cell.name().to_string() });
        }
        self.check_significance(cell.name(), spec.significant, spec.restart)?;
        unstarted.keep();
        Ok((cell, spec))
    }

    /// As [`ActorSystem::start`](crate::ActorSystem::start), below this supervisor. If that is about to
    /// be restarted, the actor starts when it is. So does every child that is started below it.
    ///
    /// An actor whose end the restart waits for gets the error `SupervisorAwaitsCaller` instead. It is
    /// known by its task. An actor that awaits a task of its own, which starts a child here, waits until
    /// its [time to stop](ChildSpec::shutdown) is over and it is aborted, because tokio does not tell which
    /// task another waits for.
    ///
    /// Cancel safety: as there.
    pub async fn start<A, F>(
        &self,
        prepared: Prepared<A::Message>,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let (cell, spec) = self.parts(prepared)?;
        self.start_made(cell, &spec, make).await
    }

    /// As [`ActorSystem::start_once`](crate::ActorSystem::start_once), below this supervisor.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn start_once<A: Actor>(
        &self,
        prepared: Prepared<A::Message>,
        actor: A,
    ) -> Result<ActorRef<A::Message>, StartError> {
        let Prepared { cell, unstarted, spec } = prepared;
        let spec = spec.restart(RestartPolicy::Temporary);
        let (cell, spec) = self.parts(Prepared { cell, unstarted, spec })?;
        self.start_made::<A, _>(cell, &spec, Once::new(actor)).await
    }

    /// As [`ActorSystem::start_instant`](crate::ActorSystem::start_instant), below this supervisor.
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
        let (cell, spec) = self.parts(prepared)?;
        self.start_unawaited(cell, &spec, make).await
    }

    /// Gives an actor its task.
    async fn start_unawaited<A: Actor, F: Make<A>>(
        &self,
        cell: Arc<Cell<A::Message>>,
        spec: &ChildSpec,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError> {
        self.launch(&cell, spec, make, ReplyTo::to_none(), None).await?;
        Ok(ActorRef::new(cell))
    }

    /// Gives an actor its task, and waits for its start.
    async fn start_made<A: Actor, F: Make<A>>(
        &self,
        cell: Arc<Cell<A::Message>>,
        spec: &ChildSpec,
        make: F,
    ) -> Result<ActorRef<A::Message>, StartError> {
        let (sender, mut started) = slot_here().await;
        self.launch(&cell, spec, make, sender, Some(&mut started)).await?;
        match started.await {
            Ok(()) => Ok(ActorRef::new(cell)),
            Err(_) => Err(self.not_started(cell.name(), cell.exit().await)),
        }
    }

    /// Gives an actor its task. Does not wait for its start: `sender` and `started` are the two ends
    /// of the notification of that.
    async fn launch<A: Actor, F: Make<A>>(
        &self,
        cell: &Arc<Cell<A::Message>>,
        spec: &ChildSpec,
        make: F,
        sender: ReplyTo<()>,
        started: Option<&mut Reply<()>>,
    ) -> Result<(), StartError> {
        // If it is refused, the actor ends here.
        let starting = Starting::new(self.node.registry(), &**cell);
        let runner = ActorRunner::new(cell.clone(), make, sender);
        let rules = ChildRules {
            policy: spec.restart,
            shutdown: spec.shutdown,
            significant: spec.significant,
            on_limit: spec.on_limit,
        };
        admit(&self.node, cell, rules, runner, started)
            .await
            .map_err(|refusal| self.refused(cell.name(), refusal))?;
        starting.keep();
        Ok(())
    }

    /// As [`ActorSystem::spawn`](crate::ActorSystem::spawn), below this supervisor.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn<A, F>(&self, spec: ChildSpec, make: F) -> Result<ActorRef<A::Message>, StartError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let cell = self.new_cell(&spec)?;
        self.start_made(cell, &spec, make).await
    }

    /// As [`ActorSystem::spawn_once`](crate::ActorSystem::spawn_once), below this supervisor.
    ///
    /// Cancel safety: as [`start`](Self::start).
    pub async fn spawn_once<A: Actor>(
        &self,
        spec: ChildSpec,
        actor: A,
    ) -> Result<ActorRef<A::Message>, StartError> {
        let spec = spec.restart(RestartPolicy::Temporary);
        let cell = self.new_cell(&spec)?;
        self.start_made::<A, _>(cell, &spec, Once::new(actor)).await
    }

    /// As [`ActorSystem::spawn_instant`](crate::ActorSystem::spawn_instant), below this supervisor.
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
        let cell = self.new_cell(&spec)?;
        self.start_unawaited(cell, &spec, make).await
    }

    /// As [`ActorSystem::supervise`](crate::ActorSystem::supervise), below this supervisor.
    ///
    /// Cancel safety: as there.
    pub async fn supervise(&self, spec: SupervisorSpec) -> Result<Self, StartError> {
        self.supervise_for(spec, None).await
    }

    /// The supervisor of the children that this incarnation of an actor starts, beside the actor.
    pub(crate) async fn of_children<M: Send + 'static>(
        cell: &Arc<Cell<M>>,
        incarnation: u64,
    ) -> Result<Self, StartError> {
        let children = cell.children();
        let _alone = children.start_alone().await;
        match children.current() {
            Some(current) if current.incarnation == incarnation => {
                let supervisor: Arc<dyn Any + Send + Sync> = current.supervisor;
                if let Ok(node) = supervisor.downcast() {
                    return Ok(Self { node });
                }
            }
            // The children of an aborted incarnation may still be stopping, and hold their names.
            Some(current) => drop(current.supervisor.ended().await),
            None => {}
        }
        let parent = cell.parent().and_then(|parent| {
            let parent: Arc<dyn Any + Send + Sync> = parent;
            parent.downcast().ok()
        });
        let stopped = || PrepareError::SystemStopped { name: String::new() };
        let parent = Self { node: parent.ok_or_else(stopped)? };
        let actor: Arc<dyn Watcher> = cell.clone();
        let spec = SupervisorSpec::unnamed().dynamic().restart(RestartPolicy::Temporary);
        let parent_actor = ParentActor::new(&actor, incarnation);
        let supervisor = parent.supervise_for(spec, Some(parent_actor)).await?;
        children.replace(IncarnationChildren { incarnation, supervisor: supervisor.node.clone() });
        Ok(supervisor)
    }

    /// Starts a supervisor below this one, perhaps for the children of an actor.
    async fn supervise_for(
        &self,
        spec: SupervisorSpec,
        parent_actor: Option<ParentActor>,
    ) -> Result<Self, StartError> {
        let owned = parent_actor.is_some();
        let prepared = self.prepare_supervisor_for(&spec, parent_actor)?;
        // Its parent actor does not know it yet, and would not stop it.
        let mut unknown = UnknownSupervisor(owned.then(|| prepared.node.clone()));
        let started = self.start_supervisor(prepared).await;
        unknown.0 = None;
        started
    }

    /// Registers the name of a supervisor below this one, so that children can be prepared below it
    /// before it starts.
    ///
    /// A supervisor starts, restarts and stops its children in the order of their start. With prepared
    /// supervisors all mailboxes of a tree can exist before the first actor starts.
    pub fn prepare_supervisor(&self, spec: SupervisorSpec) -> Result<PreparedSupervisor, PrepareError> {
        self.prepare_supervisor_for(&spec, None)
    }

    fn prepare_supervisor_for(
        &self,
        spec: &SupervisorSpec,
        parent_actor: Option<ParentActor>,
    ) -> Result<PreparedSupervisor, PrepareError> {
        let name = self.check_name(&spec.name)?;
        self.check_significance(name, spec.significant, spec.restart)?;
        PreparedSupervisor::new(&self.node, spec, parent_actor)
    }

    /// Starts a prepared supervisor below this one, after the children that have started.
    ///
    /// Cancel safety: as [`supervise`](Self::supervise).
    pub async fn start_supervisor(&self, prepared: PreparedSupervisor) -> Result<Self, StartError> {
        let PreparedSupervisor { node, unstarted, rules } = prepared;
        if !unstarted.is_in(self.node.registry()) {
            return Err(StartError::OtherSystem { name: node.name().to_string() });
        }
        self.check_significance(node.name(), rules.significant, rules.policy)?;
        let (sender, mut started) = slot_here().await;
        let runner = SupervisorRunner::new(node.clone(), sender);
        admit(&self.node, &node, rules, runner, Some(&mut started))
            .await
            .map_err(|refusal| self.refused(node.name(), refusal))?;
        unstarted.keep();
        match started.await {
            Ok(()) => Ok(Self { node }),
            Err(_) => Err(self.not_started(node.name(), node.exit().await)),
        }
    }

    /// Returns true if the supervisor has given up, because its children failed too often, and has
    /// not been restarted since. It may still be stopping its children.
    pub fn has_given_up(&self) -> bool {
        self.node.has_given_up()
    }

    /// Starts the supervisor again if it is [quarantined](airssys_core::OnLimit::Quarantine), and its
    /// children with it. Returns false if it is not, or if its own supervisor is not running.
    pub fn resume(&self) -> bool {
        self.node.resume_self()
    }

    /// The children that have not ended for good, the first started first.
    pub fn children(&self) -> Vec<ChildSummary> {
        self.node.summaries()
    }

    /// Ends the supervisor for good: it stops its children in order, and is not restarted whatever
    /// its policy. [`closed`](Self::closed) resolves when it has ended. Stopping the root stops the
    /// system.
    pub fn stop(&self) {
        self.node.shut_down_for_good(ShutdownOrder::default());
    }

    /// Returns true if the supervisor is about to end for good, or has ended.
    pub(crate) fn is_stopping(&self) -> bool {
        self.node.terminated()
    }

    /// Waits until the supervisor has ended for good: its children have too.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn closed(&self) -> ExitReason {
        self.node.exit().await
    }

    /// Checks a name, and returns it as errors show it.
    fn check_name<'a>(&self, name: &'a Option<Arc<str>>) -> Result<&'a str, PrepareError> {
        if self.node.registry().is_stopped() {
            let name = name.as_deref().unwrap_or_default().to_owned();
            return Err(PrepareError::SystemStopped { name });
        }
        match name.as_deref() {
            Some("") => Err(PrepareError::EmptyName),
            name => Ok(name.unwrap_or_default()),
        }
    }

    fn check_significance(
        &self,
        name: &str,
        significant: bool,
        policy: RestartPolicy,
    ) -> Result<(), PrepareError> {
        if !significant {
            Ok(())
        } else if policy == RestartPolicy::Permanent {
            Err(PrepareError::SignificantPermanent { name: name.to_owned() })
        } else if self.node.config().auto_shutdown == AutoShutdown::Never {
            Err(PrepareError::SignificantForNothing { name: name.to_owned() })
        } else {
            Ok(())
        }
    }

    fn refused(&self, name: &str, refusal: Refusal) -> StartError {
        let name = name.to_owned();
        match refusal {
            Refusal::Stopped => StartError::Stopped { name },
            _ if self.node.registry().is_stopped() => StartError::SystemStopped { name },
            Refusal::Ends => StartError::SupervisorStopped { name },
            Refusal::Quarantined => StartError::SupervisorQuarantined { name },
            Refusal::Unstarted => StartError::SupervisorNotStarted { name },
            Refusal::AwaitsCaller => StartError::SupervisorAwaitsCaller { name },
        }
    }

    fn not_started(&self, name: &str, reason: ExitReason) -> StartError {
        let name = name.to_owned();
        match reason {
            ExitReason::Shutdown if self.node.registry().is_stopped() => StartError::SystemStopped { name },
            ExitReason::Shutdown => StartError::SupervisorStopped { name },
            reason => StartError::Failed { name, reason },
        }
    }
}

/// A supervisor that its parent actor does not know yet. Dropped before it is taken out, it stops.
struct UnknownSupervisor(Option<Arc<SupervisorNode>>);

impl Drop for UnknownSupervisor {
    fn drop(&mut self) {
        self.0.iter().for_each(|node| node.stop(StopRequest::Shutdown));
    }
}

impl PreparedSupervisor {
    /// A reference to the supervisor.
    pub fn supervisor_ref(&self) -> SupervisorRef {
        SupervisorRef::new(self.node.clone())
    }
}

impl PartialEq for SupervisorRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for SupervisorRef {}

impl Hash for SupervisorRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorRef({:?}, {})", self.name(), self.id())
    }
}
