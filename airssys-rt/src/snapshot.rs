//! A system as it is at a moment, to be looked at or sent away.

use airssys_core::SupervisionStrategy;
use serde::{Deserialize, Serialize};

use crate::stats::{ActorState, ActorStats};

/// A system's tree, by [`ActorSystem::snapshot`](crate::ActorSystem::snapshot).
///
/// The parts are looked at one after another: what changes meanwhile may show in one and not in
/// another. In JSON:
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

/// A supervisor and what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SupervisorSnapshot {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Where it is in its life: `Restarting` also while it restarts a group.
    pub state: ActorState,
    /// Who is restarted when a child is.
    pub strategy: SupervisionStrategy,
    /// Whether its children are without an order.
    pub dynamic: bool,
    /// The number of the actor whose [children](crate::ActorContext::spawn_child) these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u64>,
    /// Its incarnations after the first.
    pub restarts: u64,
    /// How often it has restarted a child, or a group.
    pub children_restarted: u64,
    /// The children that have not ended for good, the first started first.
    pub children: Vec<ChildSnapshot>,
}

/// A child of a supervisor and what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChildSnapshot {
    /// An actor.
    Actor(ActorSnapshot),
    /// A supervisor.
    Supervisor(SupervisorSnapshot),
}

/// An actor and its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActorSnapshot {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its figures, its state among them.
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

/// A child of a supervisor.
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
