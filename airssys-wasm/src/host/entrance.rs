//! The way of services into the exports of components.

use std::sync::Arc;

use crate::guest::entry_call::{EntryCall, EntryPoint, QueuedEntry};
use crate::guest::service::Service;
use crate::host::ComponentHost;
use crate::observe::trace::TraceContext;
use crate::routing::draft::Origin;
use crate::routing::endpoint::Endpoint;
use crate::routing::put_call::put_call;
use crate::routing::queued_call::CallRefused;

/// A function of a component that a service enters, found once. Cheap to clone.
#[derive(Clone)]
pub struct Entrance {
    endpoint: Arc<Endpoint>,
    service: Arc<str>,
    point: EntryPoint,
}

impl ComponentHost {
    /// Returns the function that a component exports for a service. Returns `None` if no component has
    /// this name, or it does not export the function. `interface` is the name without a version.
    pub fn entrance<S: Service>(&self, component: &str, interface: &str, function: &str) -> Option<Entrance> {
        let components = self.components();
        let registered = components.get(component)?;
        let exports = &registered.templates.first()?.component.exports;
        let point = exports.entry_point(S::NAME, interface, function)?;
        Some(Entrance { endpoint: Arc::clone(&registered.endpoint), service: Arc::from(S::NAME), point })
    }
}

impl Entrance {
    /// Returns the place of the function, for [`EntryGuest::function`](crate::EntryGuest::function).
    pub fn point(&self) -> EntryPoint {
        self.point
    }

    /// Returns the name of the component.
    pub fn component(&self) -> &str {
        &self.endpoint.account.name
    }

    /// Puts a call into the mailbox of the least loaded instance, in a place of a trace. Does not wait.
    ///
    /// # Errors
    /// [`CallRefused`] if there is no room, or the component has ended. The call is dropped then, without
    /// [`EntryCall::ended`].
    pub fn call(&self, call: impl EntryCall, trace: Option<TraceContext>) -> Result<(), CallRefused> {
        put_call(&self.endpoint, Origin::of(&self.service, trace), QueuedEntry::of(call))
    }
}

impl std::fmt::Debug for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entrance").field("component", &self.component()).finish_non_exhaustive()
    }
}
