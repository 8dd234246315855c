//! The identity of an instance.

use std::sync::Arc;

/// The identity of an instance.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The app's name.
    pub(crate) app: Arc<str>,
    /// The instance's name.
    pub(crate) instance: Arc<str>,
}
