//! A component instance as an actor.

pub(crate) mod batch_size;
mod batches;
mod calls;
pub(crate) mod health;
pub(crate) mod load;
pub(crate) mod native;
mod per_request;
pub(crate) mod recovery;
mod single;
pub(crate) mod template;
mod turn;

use airssys_rt::{Actor, ActorContext, Behind, BoxError, Child, ChildContext, requeue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

use self::batch_size::BatchSize;
use self::health::Health;
use self::per_request::PerRequest;
use self::recovery::Recovery;
use self::template::{INSTANTIATION, InstanceTemplate};
use self::turn::Turn;
use crate::contract::HealthStatus;
use crate::guest::background;
use crate::guest::failure::GuestFailure;
use crate::guest::instance::Instance;
use crate::guest::start_deadline::StartDeadline;
use crate::guest::store::Entry;
use crate::routing::callbacks::{Callbacks, ResolvedCallback};
use crate::routing::envelope::Envelope;
use crate::sync::lock;

/// The most callbacks that are delivered before the actor yields.
const CALLBACKS_PER_YIELD: u64 = 32;

/// The first call of an instance, in the report of a start that takes too long.
const INITIALIZE: &str = "`initialize`";

/// The call for the health of an instance, in the report of a call that takes too long.
const HEALTH: &str = "`health`";

/// The most messages that are redelivered before the actor yields.
const REDELIVERIES_PER_YIELD: u32 = 16;

/// A component instance as an actor: [`Child`] is its lifecycle, [`Actor`] its messages.
///
/// A trap ends the incarnation. The supervisor starts the next one, with a new store and the same
/// mailbox.
pub struct ComponentActor {
    template: Arc<InstanceTemplate>,
    recovery: Recovery,
    callbacks: Option<Arc<Callbacks>>,
    /// `None` before the start and after a failure, because a trapped store is never entered again.
    instance: Option<Instance>,
    last_message: u64,
    batch_size: BatchSize,
    turn: Turn,
    /// True once the instance has shown its progress within a batch.
    shows_progress: bool,
    /// True if the instance has failed on a message.
    failed_on_message: bool,
    /// The calls that run, each in an instance of its own. `None` if one instance lives on.
    per_request: Option<PerRequest>,
}

/// The message loop. The actor runtime calls one of these functions at a time: a handler for
/// messages from the mailbox, and `on_signal` for callbacks, health requests and redeliveries.
///
/// Messages to redeliver come before the next ones of the mailbox, so that the order of messages is
/// kept. Each step returns early with the instance's failure, which ends the incarnation.
impl Actor for ComponentActor {
    type Message = Envelope;
    type Error = GuestFailure;

    async fn handle_message(
        &mut self,
        envelope: Envelope,
        context: &ActorContext<Envelope>,
    ) -> Result<(), GuestFailure> {
        let handled = match self.template.instance.router.app.has_ended() {
            true => Err(self.end(envelope)),
            false => self.handle_entry(envelope).await,
        };
        self.after(handled, context).await
    }

    async fn handle_batch(
        &mut self,
        first: Envelope,
        behind: &mut Behind<'_, Envelope>,
        context: &ActorContext<Envelope>,
    ) -> Result<(), GuestFailure> {
        let handled = match self.template.instance.router.app.has_ended() {
            true => Err(self.end(first)),
            false if first.is_call() => self.handle_call(first).await,
            false => self.handle_first(first, behind).await,
        };
        self.after(handled, context).await
    }

    async fn on_signal(&mut self, context: &ActorContext<Envelope>) -> Result<(), GuestFailure> {
        let served = match self.deliver_callbacks().await {
            Ok(()) => self.answer_health().await,
            failed => failed,
        };
        self.after(served, context).await
    }
}

impl Child for ComponentActor {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        let router = Arc::clone(&self.template.instance.router);
        let (limit, mut call) = (self.template.start_timeout(), INSTANTIATION);
        // A guest can wait for a timer or its input, and a service for its backend.
        let started = tokio::select! {
            biased;
            () = router.app.ending() => Err(GuestFailure::Ended.into()),
            started = timeout(limit, self.start(context.incarnation(), &mut call)) => match started {
                Ok(started) => started,
                Err(_) => Err(self.template.timed_out(call).into()),
            },
        };
        if let (Err(_), Some(callbacks)) = (&started, &self.callbacks) {
            callbacks.close();
        }
        started
    }

    async fn post_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.recovery.started();
        if self.recovery.next_due().is_some() {
            // The signal comes before the mailbox, so that redeliveries come first.
            self.template.instance.myself.signal();
        }
        self.stop_if_requested(context);
        Ok(())
    }

    async fn pre_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        if let Some(calls) = &mut self.per_request {
            calls.finished().await;
        }
        let Some(instance) = self.instance.as_mut() else { return Ok(()) };
        instance.begin_message();
        Ok(instance.shutdown().await?)
    }

    async fn post_stop(&mut self, _context: &ChildContext) -> Result<(), BoxError> {
        self.instance = None;
        Ok(())
    }
}

impl Drop for ComponentActor {
    /// Closes the callbacks, and leaves unfinished messages of an aborted incarnation to the next one.
    fn drop(&mut self) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.close();
        }
        self.recover_interrupted();
    }
}

impl ComponentActor {
    pub(crate) fn new(template: Arc<InstanceTemplate>, recovery: Recovery) -> ComponentActor {
        let batch_size = BatchSize::up_to(template.batch_size);
        let per_request = template.per_request.map(PerRequest::new);
        ComponentActor {
            template,
            recovery,
            callbacks: None,
            instance: None,
            last_message: 0,
            batch_size,
            turn: Turn::begin(),
            shows_progress: false,
            failed_on_message: false,
            per_request,
        }
    }

    /// Instantiates and initializes the component, and checks its health.
    ///
    /// `call` is set to the call that is made, for the report of a start that takes too long.
    async fn start(&mut self, incarnation: u64, call: &mut &'static str) -> Result<(), BoxError> {
        let began = Instant::now();
        let (mut instance, callbacks) = self.template.instantiate(incarnation).await?;
        self.callbacks = Some(callbacks);
        let mut next = |instance: &mut Instance, name| {
            *call = name;
            instance.guest().start_deadline.iter_mut().for_each(|deadline| deadline.call = name);
        };
        next(&mut instance, INITIALIZE);
        instance.initialize(&self.template.instance.settings.get()).await?;
        next(&mut instance, HEALTH);
        if let HealthStatus::Unhealthy(message) = instance.health().await? {
            return Err(GuestFailure::StartRefused { message: message.into() }.into());
        }
        instance.guest().start_deadline = None;
        // An instance for each call is made when the call comes. This one has shown that it can be made.
        self.instance = self.per_request.is_none().then_some(instance);
        self.turn = Turn::begin();
        let now = Instant::now();
        self.count_load((now - began).min(load::START_AT_MOST), now);
        // A component that fails again and again yields after each start.
        requeue().await;
        Ok(())
    }

    /// Handles a message, or enters the guest with a call.
    async fn handle_entry(&mut self, envelope: Envelope) -> Result<(), GuestFailure> {
        match envelope.is_call() {
            true => self.handle_call(envelope).await,
            false => self.handle_single(envelope).await,
        }
    }

    /// Ends the incarnation, because its app has ended. The message that came next is a dead letter, and
    /// so are those behind it.
    fn end(&mut self, next: Envelope) -> GuestFailure {
        drop(next);
        self.record_failure(GuestFailure::Ended)
    }

    /// Completes a step of the message loop. Redeliveries follow a step without a failure.
    async fn after(
        &mut self,
        step: Result<(), GuestFailure>,
        context: &ActorContext<Envelope>,
    ) -> Result<(), GuestFailure> {
        let step = match step {
            Ok(()) => self.redeliver(context).await,
            failed => failed,
        };
        if self.failed_on_message {
            // Attempts bound the failures by one message, so they do not count against the instance.
            context.child().excuse_failure();
        }
        if step.is_err() {
            // A failure and the next start take long together, so they are not one turn.
            requeue().await;
        }
        step?;
        self.stop_if_requested(context.child());
        self.end_turn().await;
        Ok(())
    }

    /// Redelivers messages, each as soon as it is due. Waits, because no message of the mailbox is
    /// handled before them. Control messages interrupt the wait.
    async fn redeliver(&mut self, context: &ActorContext<Envelope>) -> Result<(), GuestFailure> {
        for redelivered in 1_u32.. {
            // Yields between attempts, because a message can fail at once each time.
            if self.recovery.next_was_attempted() || redelivered.is_multiple_of(REDELIVERIES_PER_YIELD) {
                tokio::task::yield_now().await;
            }
            let Some(due) = self.recovery.next_due() else { return Ok(()) };
            self.stop_if_requested(context.child());
            tokio::select! {
                biased;
                () = context.overtaken() => {
                    // The signal resumes the redelivery after the control message.
                    context.self_ref().signal();
                    return Ok(());
                }
                () = wait_until(due) => {}
            }
            if let Some(envelope) = self.recovery.take_next() {
                self.handle_entry(envelope).await?;
                self.end_turn().await;
            }
        }
        Ok(())
    }

    /// Delivers callbacks while no message is being handled. After [`CALLBACKS_PER_YIELD`], or at the end
    /// of the turn, it signals the actor to continue, so that a stop can come first.
    async fn deliver_callbacks(&mut self) -> Result<(), GuestFailure> {
        let (Some(instance), Some(callbacks)) = (self.instance.as_mut(), &self.callbacks) else {
            return Ok(());
        };
        for _ in 0..CALLBACKS_PER_YIELD {
            let Some(ResolvedCallback { request, callback, in_flight, trace }) = callbacks.take_ready()
            else {
                return Ok(());
            };
            instance.begin_message();
            instance.guest().callback_trace = trace;
            if let Err(failure) = instance.handle_callback(request, callback).await {
                return Err(self.record_failure(failure));
            }
            instance.guest().callback_trace = None;
            drop(in_flight);
            if self.turn.is_over(instance.returned()) {
                break;
            }
        }
        self.template.instance.myself.signal();
        Ok(())
    }

    async fn answer_health(&mut self) -> Result<(), GuestFailure> {
        let requests = std::mem::take(&mut *lock(&self.template.health_requests));
        for request in requests {
            let Some(instance) = self.instance.as_mut() else { return Ok(()) };
            instance.begin_message();
            let limit = self.template.instance.limits.start_timeout;
            instance.guest().start_deadline = Some(StartDeadline::within(limit, HEALTH));
            let status = match timeout(self.template.start_timeout(), instance.health()).await {
                Ok(status) => status,
                Err(_) => Err(self.template.timed_out(HEALTH)),
            };
            let status = status.map_err(|failure| self.record_failure(failure))?;
            if let Some(instance) = &mut self.instance {
                instance.guest().start_deadline = None;
            }
            // Fails if the requester has gone, which needs no answer.
            drop(request.send(Health::from(status)));
        }
        Ok(())
    }

    /// Drops the failed instance. The failure is in flight until the next incarnation has started, so
    /// that the app does not drain before.
    fn record_failure(&mut self, failure: GuestFailure) -> GuestFailure {
        if let Some(now) = self.instance.as_ref().map(Instance::returned) {
            self.count_load(self.turn.time(now) + load::FAILURE, now.at);
        }
        self.recovery.failed(self.template.instance.endpoint.account.in_flight.begin());
        self.instance = None;
        failure
    }

    /// Counts and yields if the guest has had its time.
    async fn end_turn(&mut self) {
        let Some(now) = self.instance.as_ref().map(Instance::returned) else { return };
        if self.turn.is_over(now) {
            self.count_load(self.turn.time(now), now.at);
            self.turn.end(now).await;
        }
    }

    /// Counts time that the instance took on its worker. A busy one goes on in the background.
    fn count_load(&self, time: Duration, now: Instant) {
        if self.template.component.entry != Entry::Direct {
            return;
        }
        let myself = &self.template.instance.myself;
        if let Some(until) = self.template.load.took(time, now, || myself.depth() > 0) {
            background::go_until(until);
        }
    }

    /// Stops the component if its guest has called `stop-self`.
    fn stop_if_requested(&mut self, context: &ChildContext) {
        if self.instance.as_mut().is_some_and(|instance| instance.guest().stop_requested) {
            context.stop_self();
        }
    }
}

/// Waits until `due`. Does not wait if that has passed, because a timer would round up to the next
/// millisecond.
async fn wait_until(due: tokio::time::Instant) {
    if due > tokio::time::Instant::now() {
        sleep_until(due).await;
    }
}
