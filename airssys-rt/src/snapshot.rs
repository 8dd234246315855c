//! Snapshots of a system, as values.

use airssys_core::SupervisionStrategy;
use serde::{Deserialize, Serialize};

use crate::stats::{ActorState, ActorStats};

/// The tree of a system, from [`ActorSystem::snapshot`](crate::ActorSystem::snapshot).
///
/// The parts are read one after another, so a change meanwhile may show in one and not in another.
/// In JSON:
///
/// ```
/// # use airssys_rt::SystemSnapshot;
/// # let json = r#"
/// {
///   "name": "shop",
///   "root": {
///     "name": "shop", "id": 0, "state": "running", "strategy": "one-for-one", "dynamic": false,
///     "restarts": 0, "children_restarted": 2,
///     "children": [
///       {
///         "kind": "supervisor", "name": "orders", "id": 1, "state": "running",
///         "strategy": "rest-for-one", "dynamic": false, "restarts": 1, "children_restarted": 0,
///         "children": []
///       }
///     ]
///   }
/// }
/// # "#;
/// # serde_json::from_str::<SystemSnapshot>(json).unwrap();
/// ```
///
/// An actor is an object with `kind`, `name`, `id` and the fields of [`ActorStats`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemSnapshot {
    /// The system's name.
    pub name: String,
    /// The supervisor at the root.
    pub root: SupervisorSnapshot,
}

/// A supervisor and the tree below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SupervisorSnapshot {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// The stage of its life: `Restarting` also while it restarts a group.
    pub state: ActorState,
    /// The children that are restarted when one is.
    pub strategy: SupervisionStrategy,
    /// True if it is a dynamic supervisor, whose children have no order.
    pub dynamic: bool,
    /// The number of the actor whose [children](crate::ActorContext::spawn_child) these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u64>,
    /// Its incarnations after the first.
    pub restarts: u64,
    /// The number of times that it restarted a child or a group.
    pub children_restarted: u64,
    /// The children that have not ended for good, in the order of their start.
    pub children: Vec<ChildSnapshot>,
}

/// A child of a supervisor and the tree below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChildSnapshot {
    /// An actor.
    Actor(ActorSnapshot),
    /// A supervisor.
    Supervisor(SupervisorSnapshot),
}

/// An actor and its stats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActorSnapshot {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its stats, with its state.
    #[serde(flatten)]
    pub stats: ActorStats,
}

/// The kind of a child of a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildKind {
    /// An actor.
    Actor,
    /// A supervisor.
    Supervisor,
}

/// The name, the kind and the state of a supervisor's child.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildSummary {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: ChildKind,
    /// The stage of its life.
    pub state: ActorState,
}
