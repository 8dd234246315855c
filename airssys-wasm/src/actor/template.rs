//! The template from which the incarnations of an instance are made.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airssys_rt::{ActorRef, BoxError};
use airssys_spec::{Delivery, Input};
use tokio::sync::oneshot;

use crate::actor::health::Health;
use crate::actor::load::Load;
use crate::guest::batch::CurrentMessage;
use crate::guest::component::Component;
use crate::guest::context::{GuestContext, InstanceDependencies};
use crate::guest::failure::GuestFailure;
use crate::guest::instance::Instance;
use crate::guest::meter::Meter;
use crate::guest::services::Connections;
use crate::guest::start_deadline::{GRACE, StartDeadline};
use crate::guest::wasi::Wasi;
use crate::routing::callbacks::Callbacks;
use crate::routing::envelope::Envelope;
use crate::routing::spans;
use crate::sync::lock;

/// The making of an instance, in the report of a start that takes too long.
pub(crate) const INSTANTIATION: &str = "its instantiation";

/// The template from which the incarnations of an instance are made.
pub(crate) struct InstanceTemplate {
    pub(crate) component: Component,
    pub(crate) instance: Arc<InstanceDependencies>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) input: Option<Input>,
    pub(crate) delivery: Delivery,
    /// The most messages of a batch.
    pub(crate) batch_size: usize,
    /// The most instances at once, if each call from a service gets an instance of its own.
    pub(crate) per_request: Option<usize>,
    /// The health requests that the instance has not answered yet.
    pub(crate) health_requests: Mutex<Vec<oneshot::Sender<Health>>>,
    pub(crate) load: Load,
}

impl InstanceTemplate {
    /// Makes an instance, without a call of its exports. Also returns the callbacks of its requests.
    ///
    /// The time of its start begins. The caller ends that time once the instance has started.
    pub(crate) async fn instantiate(&self, incarnation: u64) -> Result<(Instance, Arc<Callbacks>), BoxError> {
        let deadline = StartDeadline::within(self.instance.limits.start_timeout, INSTANTIATION);
        let InstanceTemplate { component, instance: dependencies, connections, input, .. } = self;
        let account = &dependencies.endpoint.account;
        let callbacks = Callbacks::new(
            dependencies.myself.handle(),
            account.accepts,
            &dependencies.limits,
            account.in_flight.clone(),
            Arc::clone(&account.stats),
            Arc::clone(&dependencies.router.app.wait_graph),
        );
        let opened = OpenCallbacks(Some(Arc::clone(&callbacks)));
        let meter = Meter::new(dependencies.limits.execution_time, Arc::clone(&dependencies.long_stretches));
        let mut guest =
            GuestContext::new(dependencies, incarnation, Arc::clone(&callbacks), Arc::clone(&meter));
        guest.start_deadline = Some(deadline);
        let line_bytes = dependencies.limits.log_line_bytes;
        let wasi = Wasi::open(&dependencies.identity.instance, &dependencies.log, input.as_ref(), line_bytes)
            .await?;
        let services = connections.prepare(&component.services, dependencies).await?;
        let instance = Instance::new(component, guest, wasi, services).await?;
        opened.keep();
        Ok((instance, callbacks))
    }

    /// Returns the limit on the time of a guest that waits. A guest that runs meets its own limit before.
    pub(crate) fn start_timeout(&self) -> Duration {
        self.instance.limits.start_timeout.saturating_add(GRACE)
    }

    /// Returns the failure of a call that did not return within the limit on starts.
    pub(crate) fn timed_out(&self, call: &'static str) -> GuestFailure {
        let services =
            self.component.services.iter().map(|service| format!("the service {}", service.name()));
        let input = self.input.as_ref().map(|_| "its input".to_owned());
        let mut awaited: Vec<_> = ["a timer".to_owned()].into_iter().chain(input).chain(services).collect();
        let last = awaited.pop().unwrap_or_default();
        let awaited = if awaited.is_empty() { last } else { format!("{} or {last}", awaited.join(", ")) };
        GuestFailure::TimedOut { call, limit: self.instance.limits.start_timeout, awaited }
    }

    /// Assigns the next id to a message and begins its span. Also returns the bytes that the caller
    /// gives back to the component's budget.
    pub(crate) fn deliver(
        &self,
        last_id: &mut u64,
        mut envelope: Envelope,
        delivered_at: Instant,
    ) -> (CurrentMessage, usize) {
        *last_id += 1;
        let mut held_bytes = envelope.delivered();
        let app = &self.instance.router.app;
        if app.tracer().is_some() {
            // Given back before the tracer is called, because an embedder's code may panic.
            self.instance.endpoint.account.budget.give_back(std::mem::take(&mut held_bytes));
        }
        let span = spans::begin(app.tracer(), &self.instance.identity, &envelope, delivered_at);
        (CurrentMessage { id: *last_id, envelope, ending: None, span }, held_bytes)
    }
}

/// The callbacks of an instance that is being made. Dropped before they are kept, they are closed.
struct OpenCallbacks(Option<Arc<Callbacks>>);

impl OpenCallbacks {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for OpenCallbacks {
    fn drop(&mut self) {
        if let Some(callbacks) = &self.0 {
            callbacks.close();
        }
    }
}

/// Asks an instance for its health. Returns `None` if it ends before it answers.
pub(crate) async fn ask_health(template: &InstanceTemplate, actor: &ActorRef<Envelope>) -> Option<Health> {
    let (ask, answer) = oneshot::channel();
    lock(&template.health_requests).push(ask);
    actor.signal();
    tokio::select! {
        health = answer => health.ok(),
        _ = actor.closed() => None,
    }
}
