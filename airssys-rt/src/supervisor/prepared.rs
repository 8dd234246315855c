//! Supervisors that are prepared before they start.

use std::fmt;
use std::sync::Arc;

use airssys_core::SupervisionStrategy;

use super::entry::ChildRules;
use super::node::SupervisorNode;
use super::spec::{MAX_SUPERVISOR_DEPTH, SupervisorSpec};
use crate::cell::children::ParentActor;
use crate::child::Registered;
use crate::errors::PrepareError;
use crate::registry::UnstartedChild;

/// A supervisor that has a name, and has not been started.
///
/// Actors and supervisors can be prepared below it. They can start once it is
/// [started](crate::SupervisorRef::start_supervisor), and are refused before
/// ([`SupervisorNotStarted`](crate::StartError::SupervisorNotStarted)). Dropped instead, it ends and its name is free again.
#[must_use = "dropped, the supervisor ends"]
pub struct PreparedSupervisor {
    pub(super) node: Arc<SupervisorNode>,
    pub(super) unstarted: UnstartedChild,
    pub(super) rules: ChildRules,
}

impl PreparedSupervisor {
    pub(super) fn new(
        parent: &SupervisorNode,
        spec: &SupervisorSpec,
        parent_actor: Option<ParentActor>,
    ) -> Result<Self, PrepareError> {
        let name = || spec.name.as_deref().unwrap_or_default().to_owned();
        if spec.dynamic && spec.config.strategy != SupervisionStrategy::OneForOne {
            return Err(PrepareError::DynamicStrategy { name: name() });
        }
        if parent.depth() == MAX_SUPERVISOR_DEPTH {
            return Err(PrepareError::TooDeep { name: name() });
        }
        let registry = parent.registry();
        let node = Arc::new(parent.below(spec, parent_actor));
        if !registry.register(&node) {
            return Err(PrepareError::NameTaken { name: name() });
        }
        let unstarted = UnstartedChild::new(registry.clone(), node.clone());
        let rules = ChildRules {
            policy: spec.restart,
            shutdown: spec.shutdown,
            significant: spec.significant,
            on_limit: spec.on_limit,
        };
        Ok(Self { node, unstarted, rules })
    }
}

impl fmt::Debug for PreparedSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedSupervisor").field(&self.node.name()).finish()
    }
}
