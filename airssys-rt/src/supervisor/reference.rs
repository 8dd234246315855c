//! References to supervisors: where children are started.

use std::fmt;
use std::sync::Arc;

use airssys_core::{AutoShutdown, ExitReason, RestartPolicy, SupervisionStrategy};
use tokio::sync::oneshot;

use super::node::{Order, Rules, SupervisorNode};
use super::{SupervisorRunner, SupervisorSpec};
use crate::actor::{Actor, ActorRunner};
use crate::cell::{ActorState, AnyCell, Cell};
use crate::family::Owner;
use crate::mailbox::{Mailbox, StopRequest};
use crate::registry::Place;
use crate::system::{PrepareError, Prepared, StartError};
use crate::{ActorRef, ChildSpec};

/// A reference to a supervisor: the way to start children below it.
///
/// Cheap to clone, and valid across restarts of the supervisor. It does not keep the system alive.
#[derive(Clone)]
pub struct SupervisorRef {
    node: Arc<SupervisorNode>,
}

/// What a child of a supervisor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildKind {
    /// An actor.
    Actor,
    /// A supervisor.
    Supervisor,
}

/// A child of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildSummary {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// What it is.
    pub kind: ChildKind,
    /// Where it is in its life.
    pub state: ActorState,
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
        let name = self.check_name(&spec.name)?;
        if spec.capacity == 0 {
            return Err(PrepareError::NoCapacity { name: name.to_owned() });
        }
        self.check_significance(name, spec.significant, spec.restart)?;
        let registry = self.node.registry();
        let mailbox = Mailbox::new(spec.capacity, spec.overflow);
        let (id, services) = (registry.next_id(), registry.services().clone());
        let cell = Arc::new(Cell::new(spec.name.clone(), id, mailbox, services));
        if !registry.register(cell.clone()) {
            return Err(PrepareError::NameTaken { name: name.to_owned() });
        }
        let place = Place::new(registry.clone(), cell.clone());
        Ok(Prepared { cell, place, spec })
    }

    /// As [`ActorSystem::start`](crate::ActorSystem::start), below this supervisor.
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
        let name = &**cell.name();
        if !place.is_in(self.node.registry()) {
            return Err(StartError::OtherSystem { name: name.to_owned() });
        }
        self.check_significance(name, spec.significant, spec.restart)?;
        let (sender, started) = oneshot::channel();
        let runner = ActorRunner::new(cell.clone(), make, sender);
        let rules = Rules { policy: spec.restart, shutdown: spec.shutdown, significant: spec.significant };
        // If the supervisor is stopping, the actor ends here.
        if self.node.admit(cell.clone(), rules, runner) {
            place.taken();
        } else {
            drop(place);
        }
        match started.await {
            Ok(()) => Ok(ActorRef::new(cell)),
            Err(_) => Err(self.not_started(cell.name(), cell.exit().await)),
        }
    }

    /// Prepares an actor and starts it below this supervisor; resolves once its first incarnation has
    /// started.
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

    /// Starts a supervisor below this one.
    ///
    /// Cancel safety: if dropped before it resolves, the supervisor may start all the same.
    pub async fn supervise(&self, spec: SupervisorSpec) -> Result<Self, StartError> {
        self.supervise_for(spec, None).await
    }

    /// The same; its children are those of an actor, perhaps.
    pub(crate) async fn supervise_for(
        &self,
        spec: SupervisorSpec,
        owner: Option<Owner>,
    ) -> Result<Self, StartError> {
        let name = self.check_name(&spec.name)?;
        self.check_significance(name, spec.significant, spec.restart)?;
        if spec.dynamic && spec.config.strategy != SupervisionStrategy::OneForOne {
            return Err(PrepareError::DynamicStrategy { name: name.to_owned() }.into());
        }
        let registry = self.node.registry();
        let owned = owner.is_some();
        let node = Arc::new(self.node.below(&spec, owner));
        if !registry.register(node.clone()) {
            return Err(PrepareError::NameTaken { name: name.to_owned() }.into());
        }
        let place = Place::new(registry.clone(), node.clone());
        let (sender, started) = oneshot::channel();
        let runner = SupervisorRunner::new(node.clone(), sender);
        let rules = Rules { policy: spec.restart, shutdown: spec.shutdown, significant: spec.significant };
        if self.node.admit(node.clone(), rules, runner) {
            place.taken();
        } else {
            drop(place);
        }
        // Its actor does not know it yet, and would not stop it.
        let mut unknown = Unknown(owned.then(|| node.clone()));
        let started = started.await;
        unknown.0 = None;
        match started {
            Ok(()) => Ok(Self { node }),
            Err(_) => Err(self.not_started(name, node.exit().await)),
        }
    }

    /// The children that have not ended for good, the first started first.
    pub fn children(&self) -> Vec<ChildSummary> {
        self.node.summaries()
    }

    /// Ends the supervisor for good: it stops its children in order, and is not restarted whatever
    /// its policy. [`closed`](Self::closed) tells when it has ended. Of the root, that stops the
    /// system.
    pub fn stop(&self) {
        self.node.shut_down_for_good(Order::default());
    }

    /// Waits until the supervisor has ended for good: its children have too.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    pub async fn closed(&self) -> ExitReason {
        self.node.exit().await
    }

    /// Gives the name as errors have it.
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

    fn not_started(&self, name: &str, reason: ExitReason) -> StartError {
        let name = name.to_owned();
        match reason {
            ExitReason::Shutdown if self.node.registry().is_stopped() => StartError::SystemStopped { name },
            ExitReason::Shutdown => StartError::SupervisorStopped { name },
            reason => StartError::Failed { name, reason },
        }
    }
}

/// A supervisor that nobody knows yet; dropped before it is taken out, it stops.
struct Unknown(Option<Arc<SupervisorNode>>);

impl Drop for Unknown {
    fn drop(&mut self) {
        self.0.iter().for_each(|node| node.stop(StopRequest::Shutdown));
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorRef({:?}, {})", self.name(), self.id())
    }
}
