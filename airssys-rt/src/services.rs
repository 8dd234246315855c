//! The services that the actors of a system share, beside the registry.

use std::any::Any;
use std::sync::{OnceLock, Weak};

use tokio::runtime::Handle;

use crate::events::Events;
use crate::request::Deadlines;
use crate::tree_changes::TreeChanges;

pub(crate) struct Services {
    pub(crate) deadlines: Deadlines,
    pub(crate) events: Events,
    pub(crate) tree_changes: TreeChanges,
    /// The system, as the module of that name stores and finds it: its type is above this one.
    pub(crate) system: OnceLock<Weak<dyn Any + Send + Sync>>,
}

impl Services {
    /// For actors in this runtime.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            deadlines: Deadlines::new(runtime),
            events: Events::default(),
            tree_changes: TreeChanges::default(),
            system: OnceLock::new(),
        }
    }
}
