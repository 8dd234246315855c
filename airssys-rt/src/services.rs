//! What the actors of a system share, beside their names.

use tokio::runtime::Handle;

use crate::events::Events;
use crate::request::Deadlines;

pub(crate) struct Services {
    pub(crate) deadlines: Deadlines,
    pub(crate) events: Events,
}

impl Services {
    /// For actors in this runtime.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { deadlines: Deadlines::new(runtime), events: Events::default() }
    }
}
