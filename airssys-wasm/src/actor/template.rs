//! The template from which the incarnations of an instance are made.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use airssys_rt::ActorRef;
use airssys_spec::{Delivery, Input};
use tokio::sync::oneshot;

use crate::actor::health::Health;
use crate::guest::batch::CurrentMessage;
use crate::guest::component::Component;
use crate::guest::context::InstanceDependencies;
use crate::guest::instance::GuestFailure;
use crate::guest::services::Connections;
use crate::routing::envelope::Envelope;
use crate::routing::spans;
use crate::sync::lock;

/// The template from which the incarnations of an instance are made.
pub(crate) struct InstanceTemplate {
    pub(crate) component: Component,
    pub(crate) instance: Arc<InstanceDependencies>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) input: Option<Input>,
    pub(crate) delivery: Delivery,
    /// The most messages of a batch.
    pub(crate) batch_size: usize,
    /// The health requests that the instance has not answered yet.
    pub(crate) health_requests: Mutex<Vec<oneshot::Sender<Health>>>,
}

impl InstanceTemplate {
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
