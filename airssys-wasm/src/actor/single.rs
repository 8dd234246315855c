//! Handling a single message: its handler, deferred completion, retries and failures.

use std::time::Instant;

use super::{CALLBACKS_PER_YIELD, ComponentActor};
use crate::contract::{Ending, Outcome};
use crate::guest::batch::CurrentMessage;
use crate::guest::failure::GuestFailure;
use crate::observe::dead_letters::DeadLetterReason;
use crate::observe::handling_times::Took;
use crate::observe::warnings::Warning;
use crate::routing::envelope::Envelope;
use crate::routing::spans::{self, Span};

impl ComponentActor {
    /// Handles a message. Returns when it is finished, which may be long after its handler deferred it.
    pub(super) async fn handle_single(&mut self, envelope: Envelope) -> Result<(), GuestFailure> {
        let Some(instance) = self.instance.as_mut() else { return Ok(()) };
        let body = envelope.body.clone();
        let delivered_at = Instant::now();
        let (current, held_bytes) = self.template.deliver(&mut self.last_message, envelope, delivered_at);
        let account = &self.template.instance.endpoint.account;
        account.budget.give_back(held_bytes);
        account.stats.called();
        let id = current.id;
        instance.begin_message();
        let began = instance.moment(delivered_at);
        instance.guest().batch.start_single(current, delivered_at, began);
        let (result, deferred) = match instance.handle_message(id, body, delivered_at).await {
            Ok(Outcome::Completed(completion)) => (Ok(instance.guest().batch.ending(completion)), false),
            Ok(Outcome::Deferred) => (self.finish_deferred().await, true),
            Err(failure) => (Err(failure), false),
        };
        let returned = self.instance.as_ref().map(|instance| instance.returned().since(began));
        match deferred {
            true => self.batch_size.batch_split(),
            false => self.batch_size.batch_handled(1, returned.unwrap_or_default().total),
        }
        self.finish_single(result)
    }

    /// Delivers callbacks until the guest completes the deferred message.
    pub(super) async fn finish_deferred(&mut self) -> Result<Ending, GuestFailure> {
        let (Some(instance), Some(callbacks)) = (self.instance.as_mut(), &self.callbacks) else {
            return Err(GuestFailure::Abandoned);
        };
        for delivered in 1_u64.. {
            if let Some(ending) = instance.guest().batch.take_ending() {
                return Ok(ending);
            }
            let Some(resolved) = callbacks.next().await else { return Err(GuestFailure::Abandoned) };
            instance.guest().callback_trace = resolved.trace;
            let handled = instance.handle_callback(resolved.request, resolved.callback).await;
            instance.guest().callback_trace = None;
            handled?;
            // A guest can keep itself busy with callbacks for as long as it likes.
            if delivered.is_multiple_of(CALLBACKS_PER_YIELD) {
                tokio::task::yield_now().await;
            }
            self.turn.end(instance.returned()).await;
        }
        Err(GuestFailure::Abandoned)
    }

    /// Finishes the single message that the instance handles, with the result of its handler.
    pub(super) fn finish_single(&mut self, result: Result<Ending, GuestFailure>) -> Result<(), GuestFailure> {
        let Some(instance) = self.instance.as_mut() else { return result.map(drop) };
        let returned = instance.returned();
        let took = instance.guest().batch.took(returned);
        let current = instance.guest().batch.pop();
        match (result, current) {
            (Ok(ending), Some(current)) => self.finish(current, ending, took),
            (Ok(_), None) => {}
            (Err(failure), current) => return Err(self.fail_on(current, failure)),
        }
        Ok(())
    }

    /// Finishes a message as its handler decided.
    pub(super) fn finish(&self, current: CurrentMessage, ending: Ending, took: (Instant, Took)) {
        match ending {
            Ending::Retry(reason) => {
                self.postpone(current.envelope, DeadLetterReason::RetryAsked(reason), current.span)
            }
            ending => current.finish(ending, took),
        }
    }

    /// Records a failure of the instance, and postpones the message on which it failed.
    pub(super) fn fail_on(&mut self, current: Option<CurrentMessage>, failure: GuestFailure) -> GuestFailure {
        let failure = self.record_failure(failure);
        if let Some(CurrentMessage { envelope, span, .. }) = current {
            self.failed_on_message = true;
            self.postpone(envelope, failure.dead_letter_reason(), span);
        }
        failure
    }

    /// Keeps a message for another attempt if one is left. Gives it up otherwise.
    pub(super) fn postpone(&self, envelope: Envelope, reason: DeadLetterReason, span: Span) {
        match self.template.delivery.next_attempt(envelope.attempts(), fastrand::f64()) {
            // A call's service decides whether the call is made again.
            Some(backoff) if !envelope.is_call() => {
                spans::postponed(span, &reason);
                let dependencies = &self.template.instance;
                let instance = &dependencies.identity.instance;
                if let Some(more) = dependencies.endpoint.account.stats.warnings().pass(Warning::Postponed) {
                    tracing::info!(
                        %instance,
                        sender = %envelope.origin.sender,
                        attempts = envelope.attempts(),
                        "a message will be handled again: {reason}{more}"
                    );
                }
                self.recovery.keep_first(envelope.postponed(reason), tokio::time::Instant::now() + backoff);
            }
            _ => {
                spans::given_up(span, &reason);
                envelope.give_up(reason);
            }
        }
    }
}
