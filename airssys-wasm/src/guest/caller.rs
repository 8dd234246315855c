//! The instance on whose behalf a service works after a call has returned.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_spec::{Access, Denied, Origin};

use crate::guest::context::InstanceDependencies;
use crate::observe::trace::{MessageSpan, TraceContext, TracedRequest};
use crate::policy::quota::Exceeded;
use crate::routing::router::Router;
use crate::routing::sender::Sender;

/// An instance, as a service knows it that works on its behalf after a call has returned: its rights, its
/// limits and its stats. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    service: &'static str,
    sender: Sender,
    app: Arc<str>,
    router: Arc<Router>,
}

/// A component has called services more often than `service_calls_per_second` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {most} calls of services in a second")]
pub struct CallsExceeded {
    /// The limit, in calls a second.
    pub most: u64,
}

/// A limit on bytes was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesWait {
    /// The time after which the bytes are allowed.
    pub wait: Duration,
}

impl Caller {
    pub(crate) fn new(service: &'static str, dependencies: &InstanceDependencies) -> Caller {
        let (sender, app) = (dependencies.sender.clone(), Arc::clone(&dependencies.identity.app));
        Caller { service, sender, app, router: Arc::clone(&dependencies.router) }
    }

    /// Returns the component's name in the app.
    pub fn component(&self) -> &str {
        self.sender.subject.component()
    }

    /// Returns the instance's name.
    pub fn instance(&self) -> &str {
        self.sender.subject.instance()
    }

    /// Decides whether the instance has a right now. A denial is counted and audited.
    ///
    /// # Errors
    /// [`Denied`], with the manifest lines that would allow it.
    pub fn allows(&self, access: &Access<'_>) -> Result<(), Denied> {
        self.sender.allows(access)
    }

    /// Returns true if the instance has a right now. Neither counts nor audits a denial.
    pub fn has(&self, access: &Access<'_>) -> bool {
        self.sender.grants.decide(&self.sender.subject, access).is_ok()
    }

    /// Counts an HTTP request that is to be sent against the component's limits: `service_calls_per_second`
    /// and `outgoing_requests_per_second`. A refusal is counted and audited.
    ///
    /// # Errors
    /// [`CallsExceeded`] if all instances of the component together have used up a limit.
    pub fn admit_request(&self) -> Result<(), CallsExceeded> {
        let quota = &self.sender.quota;
        let taken = quota.take_service_call().and_then(|()| quota.take_outgoing_request());
        taken.map_err(|exceeded| {
            let most = exceeded.most;
            self.sender.exceeded(exceeded);
            CallsExceeded { most }
        })
    }

    /// Takes room for bytes of HTTP bodies from the component's limit `outgoing_bytes_per_second`. Returns
    /// the number for which there was room: the whole or a part.
    ///
    /// # Errors
    /// [`BytesWait`] if there is no room now. It is counted and audited if `is_first` is true.
    pub fn take_bytes(&self, bytes: u64, is_first: bool) -> Result<u64, BytesWait> {
        self.sender.quota.take_outgoing_bytes(bytes).map_err(|(exceeded, wait): (Exceeded, _)| {
            if is_first {
                self.sender.exceeded(exceeded);
            }
            BytesWait { wait }
        })
    }

    /// Counts a call of one of the service's functions that began at this time.
    pub fn record(&self, function: &'static str, began: Instant, succeeded: bool) {
        self.sender.stats.service_called(self.service, function, began.elapsed(), succeeded);
    }

    /// Begins the span of a request to a server outside the app. Returns `None` without a tracer.
    pub fn begin_request(
        &self,
        parent: Option<TraceContext>,
        method: &str,
        server: &Origin,
    ) -> Option<Box<dyn MessageSpan>> {
        let host = server.host().to_string();
        let request = TracedRequest {
            app: &self.app,
            component: self.component(),
            instance: self.instance(),
            method,
            host: &host,
            port: server.port(),
        };
        self.router.app.tracer()?.begin_request(parent, &request)
    }
}
