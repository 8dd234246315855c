//! What a supervisor does about a child that ends.

mod children;
mod node;
mod reference;
mod runner;
mod spec;
mod task;

use airssys_core::SupervisorFailure;

pub(crate) use self::children::Key;
pub(crate) use self::node::{Limit, Order, SupervisorNode};
pub use self::reference::{ChildKind, ChildSummary, SupervisorRef};
pub(crate) use self::runner::{Root, SupervisorRunner};
pub use self::spec::SupervisorSpec;
pub(crate) use self::task::Runnable;

/// Whether the root has given up.
#[derive(Debug, Clone)]
pub(crate) enum Outlook {
    Sound,
    /// It is stopping its children, because one ended too often.
    Failing,
    Failed(SupervisorFailure),
}
