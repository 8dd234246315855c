//! What the actors of a system share, beside their names.

use std::sync::OnceLock;

use tokio::runtime::Handle;

use crate::events::Events;
use crate::request::Deadlines;
use crate::system::WeakSystem;

pub(crate) struct Services {
    pub(crate) deadlines: Deadlines,
    pub(crate) events: Events,
    pub(crate) system: OnceLock<WeakSystem>,
}

impl Services {
    /// For actors in this runtime.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { deadlines: Deadlines::new(runtime), events: Events::default(), system: OnceLock::new() }
    }
}
