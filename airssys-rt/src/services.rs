//! What the actors of a system share, beside their names.

use tokio::runtime::Handle;

use crate::request::Deadlines;

pub(crate) struct Services {
    pub(crate) deadlines: Deadlines,
}

impl Services {
    /// For actors in this runtime.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { deadlines: Deadlines::new(runtime) }
    }
}
