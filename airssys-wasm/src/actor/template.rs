//! The template of an instance: the parts from which each incarnation is made.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use airssys_rt::ActorRef;
use airssys_spec::{Delivery, Input};
use tokio::sync::oneshot;

use crate::actor::health::Health;
use crate::guest::batch::Current;
use crate::guest::component::Component;
use crate::guest::context::InstanceDependencies;
use crate::guest::services::Connections;
use crate::routing::envelope::Envelope;
use crate::routing::spans;

/// The parts from which each incarnation of an instance is made.
pub(crate) struct InstanceTemplate {
    pub(crate) component: Component,
    pub(crate) instance: Arc<InstanceDependencies>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) config: Vec<(String, String)>,
    pub(crate) input: Option<Input>,
    pub(crate) delivery: Delivery,
    /// The most messages of a batch.
    pub(crate) batch_size: usize,
    /// Operators that asked how the instance is.
    pub(crate) health_requests: Mutex<Vec<oneshot::Sender<Health>>>,
}

impl InstanceTemplate {
    /// A message as the instance is on it, with the next id; and how many bytes of the component's
    /// budget are to be given back.
    pub(crate) fn deliver(
        &self,
        last_id: &mut u64,
        mut envelope: Envelope,
        delivered_at: Instant,
    ) -> (Current, usize) {
        *last_id += 1;
        let mut held = envelope.delivered();
        let app = &self.instance.router.app;
        if app.tracer().is_some() {
            // At once: it is code of the embedder's that runs next, and it may panic.
            self.instance.endpoint.account.budget.give_back(std::mem::take(&mut held));
        }
        let span = spans::begin(app.tracer(), &self.instance.identity, &envelope, delivered_at);
        (Current { id: *last_id, envelope, completion: None, span }, held)
    }
}

/// Asks an instance how it is; none if it ends before it answers.
pub(crate) async fn ask_health(template: &InstanceTemplate, actor: &ActorRef<Envelope>) -> Option<Health> {
    let (ask, answer) = oneshot::channel();
    template.health_requests.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
    actor.signal();
    tokio::select! {
        health = answer => health.ok(),
        _ = actor.closed() => None,
    }
}
