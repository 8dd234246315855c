//! A component instance as an actor.

pub(crate) mod batch_size;
mod batches;
pub(crate) mod health;
pub(crate) mod native;
pub(crate) mod recovery;
pub(crate) mod template;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use airssys_rt::{Actor, ActorContext, Behind, BoxError, Child, ChildContext};
use tokio::time::sleep_until;

use self::batch_size::BatchSize;
use self::health::Health;
use self::recovery::Recovery;
use self::template::InstanceTemplate;
use crate::contract::{Completion, HealthStatus, Outcome, cut};
use crate::guest::batch::Current;
use crate::guest::context::GuestContext;
use crate::guest::instance::{GuestFailure, Instance};
use crate::guest::meter::Meter;
use crate::guest::wasi::Wasi;
use crate::observe::dead_letters::DeadLetterReason;
use crate::routing::callbacks::{Callbacks, Settled};
use crate::routing::envelope::Envelope;
use crate::routing::spans::{self, Span};

/// Callbacks that are delivered before others get their turn.
const CALLBACKS_AT_ONCE: u64 = 32;

/// Messages that were kept and are handled before others get their turn.
const KEPT_AT_ONCE: u32 = 16;

/// A component instance as an actor: [`Child`] is its life, [`Actor`] its messages.
///
/// A trap ends the incarnation. The supervisor starts the next one, with a fresh store and the
/// same mailbox.
pub struct ComponentActor {
    template: Arc<InstanceTemplate>,
    recovery: Recovery,
    callbacks: Option<Arc<Callbacks>>,
    /// None before the start, and after a failure: a trapped store is never entered again.
    instance: Option<Instance>,
    next_message: u64,
    batch_size: BatchSize,
    /// Whether the instance was seen to show which message of a run it is on.
    shows_progress: bool,
}

impl ComponentActor {
    pub(crate) fn new(template: Arc<InstanceTemplate>, recovery: Recovery) -> ComponentActor {
        let batch_size = BatchSize::up_to(template.batch_size);
        ComponentActor {
            template,
            recovery,
            callbacks: None,
            instance: None,
            next_message: 0,
            batch_size,
            shows_progress: false,
        }
    }

    async fn start(&mut self, incarnation: u64) -> Result<(), BoxError> {
        let InstanceTemplate { component, instance: dependencies, connections, config, input, .. } =
            &*self.template;
        let account = &dependencies.endpoint.account;
        let callbacks = Callbacks::new(
            dependencies.myself.handle(),
            account.accepts,
            &dependencies.limits,
            account.in_flight.clone(),
            Arc::clone(&account.stats),
            Arc::clone(&dependencies.router.app.wait_graph),
        );
        self.callbacks = Some(Arc::clone(&callbacks));
        let meter = Meter::new(dependencies.limits.execution_time);
        let guest = GuestContext::new(dependencies, incarnation, callbacks, Arc::clone(&meter));
        let wasi = Wasi::open(&dependencies.identity.instance, &meter, input.as_ref()).await?;
        let services = connections.prepare(&component.services, dependencies).await?;
        let mut instance = Instance::new(component, guest, wasi, services).await?;
        instance.initialize(config.clone()).await?;
        if let HealthStatus::Unhealthy(message) = instance.health().await? {
            return Err(GuestFailure::StartRefused { message: cut(message) }.into());
        }
        self.instance = Some(instance);
        Ok(())
    }

    /// Runs the handler of a message until it has finished, which can be after it was deferred.
    async fn handle(&mut self, envelope: Envelope) -> Result<(), GuestFailure> {
        let Some(instance) = self.instance.as_mut() else { return Ok(()) };
        let body = envelope.body.clone();
        let delivered_at = Instant::now();
        let (current, held) = self.template.deliver(&mut self.next_message, envelope, delivered_at);
        let account = &self.template.instance.endpoint.account;
        account.budget.give_back(held);
        account.stats.called();
        let id = current.id;
        instance.new_message();
        instance.guest().batch.one(current, delivered_at);
        let (ended, deferred) = match instance.handle_message(id, body, delivered_at).await {
            Ok(Outcome::Completed(completion)) => (Ok(completion), false),
            Ok(Outcome::Deferred) => (self.finish_deferred().await, true),
            Err(failure) => (Err(failure), false),
        };
        let took = self.took_since(delivered_at);
        match deferred {
            true => self.batch_size.came_apart(),
            false => self.batch_size.handled(1, took),
        }
        self.end_alone(ended, took)
    }

    /// The time from when a message was delivered until the instance last returned.
    fn took_since(&self, delivered_at: Instant) -> Duration {
        let returned_at = self.instance.as_ref().map(Instance::returned_at);
        returned_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(delivered_at))
    }

    /// Ends the message that the instance is on alone, as its handler ended, after `took` in it.
    fn end_alone(
        &mut self,
        ended: Result<Completion, GuestFailure>,
        took: Duration,
    ) -> Result<(), GuestFailure> {
        let current = self.instance.as_mut().and_then(|instance| instance.guest().batch.pop());
        match (ended, current) {
            (Ok(completion), Some(current)) => self.finish(current, completion, took),
            (Ok(_), None) => {}
            (Err(failure), current) => return Err(self.fail_on(current, failure)),
        }
        Ok(())
    }

    /// Ends a message as its handler decided.
    fn finish(&self, current: Current, completion: Completion, took: Duration) {
        match completion {
            Completion::Retry(reason) => {
                self.postpone(current.envelope, DeadLetterReason::RetryAsked(cut(reason)), current.span)
            }
            completion => current.finish(completion, took),
        }
    }

    /// The instance has failed, on this message if on any.
    fn fail_on(&mut self, current: Option<Current>, failure: GuestFailure) -> GuestFailure {
        let failure = self.failed(failure);
        if let Some(Current { envelope, span, .. }) = current {
            self.postpone(envelope, reason_of(&failure), span);
        }
        failure
    }

    /// Has a message handled again if there is an attempt left; else gives it up.
    fn postpone(&self, envelope: Envelope, reason: DeadLetterReason, span: Span) {
        match self.template.delivery.next_attempt(envelope.attempts(), fastrand::f64()) {
            Some(backoff) => {
                spans::postponed(span, &reason);
                tracing::info!(
                    instance = %self.template.instance.identity.instance,
                    sender = %envelope.origin.sender,
                    attempts = envelope.attempts(),
                    "a message will be handled again: {reason}"
                );
                self.recovery.keep(envelope.postponed(reason), tokio::time::Instant::now() + backoff);
            }
            None => {
                spans::given_up(span, &reason);
                envelope.give_up(reason);
            }
        }
    }

    /// Handles the messages that are kept, each as soon as it is due. No other is handled before them;
    /// what overtakes the messages overtakes them too.
    async fn redeliver(&mut self, context: &ActorContext<Envelope>) -> Result<(), GuestFailure> {
        for handled in 1_u32.. {
            // A message that fails at once each time leaves its neighbours their turn, and so do many.
            if self.recovery.was_tried() || handled.is_multiple_of(KEPT_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            let Some(due) = self.recovery.due() else { return Ok(()) };
            self.obey_stop_self(context.child());
            tokio::select! {
                biased;
                () = context.overtaken() => {
                    // So that it comes back here when that has been done.
                    context.self_ref().signal();
                    return Ok(());
                }
                () = until(due) => {}
            }
            if let Some(envelope) = self.recovery.take() {
                self.handle(envelope).await?;
            }
        }
        Ok(())
    }

    /// Delivers callbacks until the deferred message is completed.
    async fn finish_deferred(&mut self) -> Result<Completion, GuestFailure> {
        let (Some(instance), Some(callbacks)) = (self.instance.as_mut(), &self.callbacks) else {
            return Err(GuestFailure::Abandoned);
        };
        for delivered in 1_u64.. {
            if let Some(completion) = instance.guest().batch.take_said() {
                return Ok(completion);
            }
            let Some(settled) = callbacks.next().await else { return Err(GuestFailure::Abandoned) };
            instance.guest().callback_trace = settled.trace;
            let called = instance.handle_callback(settled.request, settled.callback).await;
            instance.guest().callback_trace = None;
            called?;
            // A component that keeps itself busy with callbacks makes way for its neighbours.
            if delivered.is_multiple_of(CALLBACKS_AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        Err(GuestFailure::Abandoned)
    }

    /// Delivers some of what is ready for a component that is on no message; the rest when it is
    /// signalled again, so that a stop gets in between.
    async fn deliver_ready(&mut self) -> Result<(), GuestFailure> {
        let (Some(instance), Some(callbacks)) = (self.instance.as_mut(), &self.callbacks) else {
            return Ok(());
        };
        for _ in 0..CALLBACKS_AT_ONCE {
            let Some(Settled { request, callback, in_flight, trace }) = callbacks.take_ready() else {
                return Ok(());
            };
            instance.new_message();
            instance.guest().callback_trace = trace;
            if let Err(failure) = instance.handle_callback(request, callback).await {
                return Err(self.failed(failure));
            }
            instance.guest().callback_trace = None;
            drop(in_flight);
        }
        self.template.instance.myself.signal();
        Ok(())
    }

    async fn answer_health(&mut self) -> Result<(), GuestFailure> {
        let waiting = std::mem::take(
            &mut *self.template.health_requests.lock().unwrap_or_else(PoisonError::into_inner),
        );
        for waiter in waiting {
            let Some(instance) = self.instance.as_mut() else { return Ok(()) };
            instance.new_message();
            let status = instance.health().await.map_err(|failure| self.failed(failure))?;
            // Who asked may have gone; the answer is for nobody else.
            drop(waiter.send(Health::from(status)));
        }
        Ok(())
    }

    /// Takes note of a failure: this incarnation's store is never entered again, and the app has
    /// not drained before it is clear what follows.
    fn failed(&mut self, failure: GuestFailure) -> GuestFailure {
        self.recovery.failed(self.template.instance.endpoint.account.in_flight.begin());
        self.instance = None;
        failure
    }

    /// Stops this component if it asked for that.
    fn obey_stop_self(&mut self, context: &ChildContext) {
        if self.instance.as_mut().is_some_and(|instance| instance.guest().stop_requested) {
            context.stop_self();
        }
    }
}

/// Waits until a time, and not at all if that has passed: a timer would wait for the millisecond to end.
async fn until(due: tokio::time::Instant) {
    if due > tokio::time::Instant::now() {
        sleep_until(due).await;
    }
}

fn reason_of(failure: &GuestFailure) -> DeadLetterReason {
    match failure {
        GuestFailure::Abandoned => DeadLetterReason::Abandoned,
        GuestFailure::Ended => DeadLetterReason::Interrupted,
        other => DeadLetterReason::HandlerFailed(other.to_string()),
    }
}

impl Child for ComponentActor {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        let started = self.start(context.incarnation()).await;
        if let (Err(_), Some(callbacks)) = (&started, &self.callbacks) {
            callbacks.close();
        }
        started
    }

    async fn post_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.recovery.started();
        if self.recovery.due().is_some() {
            // Ahead of the mailbox: what is kept for this incarnation comes first.
            self.template.instance.myself.signal();
        }
        self.obey_stop_self(context);
        Ok(())
    }

    async fn pre_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        let Some(instance) = self.instance.as_mut() else { return Ok(()) };
        instance.new_message();
        Ok(instance.shutdown().await?)
    }

    async fn post_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.instance = None;
        Ok(())
    }
}

impl Actor for ComponentActor {
    type Message = Envelope;
    type Error = GuestFailure;

    async fn handle_message(
        &mut self,
        envelope: Envelope,
        context: &ActorContext<Envelope>,
    ) -> Result<(), GuestFailure> {
        self.handle(envelope).await?;
        self.redeliver(context).await?;
        self.obey_stop_self(context.child());
        Ok(())
    }

    async fn handle_run(
        &mut self,
        first: Envelope,
        behind: &mut Behind<'_, Envelope>,
        context: &ActorContext<Envelope>,
    ) -> Result<(), GuestFailure> {
        self.handle_with(first, behind).await?;
        self.redeliver(context).await?;
        self.obey_stop_self(context.child());
        Ok(())
    }

    async fn on_signal(&mut self, context: &ActorContext<Envelope>) -> Result<(), GuestFailure> {
        self.deliver_ready().await?;
        self.answer_health().await?;
        self.redeliver(context).await?;
        self.obey_stop_self(context.child());
        Ok(())
    }
}

impl Drop for ComponentActor {
    /// Also when the incarnation was aborted: nothing is delivered to it any more, and what it was
    /// on is left to the next.
    fn drop(&mut self) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.close();
        }
        self.settle_interrupted();
    }
}
