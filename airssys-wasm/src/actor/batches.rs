//! Several messages with one entry of the guest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_rt::Behind;
use bytes::Bytes;

use super::ComponentActor;
use crate::contract::{BatchEnd, Completion};
use crate::guest::batch::Current;
use crate::guest::instance::{GuestFailure, Instance};
use crate::observe::dead_letters::DeadLetterReason;
use crate::routing::envelope::Envelope;

/// The largest message that is handed over together with others, in bytes: the bodies are put
/// together first, and copying a large one costs as much as entering the guest.
const MAX_MESSAGE_BYTES: usize = 4 << 10;

/// The most bytes that are handed over together.
const MAX_BATCH_BYTES: usize = 64 << 10;

impl ComponentActor {
    /// Handles a message, together with those behind it that can be handled with it.
    pub(super) async fn handle_with(
        &mut self,
        first: Envelope,
        behind: &mut Behind<'_, Envelope>,
    ) -> Result<(), GuestFailure> {
        if !self.takes_batches() || first.body.len() > MAX_MESSAGE_BYTES {
            return self.handle(first).await;
        }
        // Whoever has not shown yet that it shows its progress gets no second message to fail on.
        let most = if self.shows_progress { self.batch_size.get() } else { 1 };
        let next = if most > 1 { behind.next_if(|next| fits(next, &first, first.body.len())) } else { None };
        let Some(next) = next else {
            return match self.shows_progress {
                true => self.handle(first).await,
                false => self.prove_progress(first).await,
            };
        };
        let now = Instant::now();
        let mut messages = self.buffer();
        let (mut bytes, mut held) = (0, 0);
        let mut deliver = |messages: &mut VecDeque<Current>, envelope: Envelope| {
            bytes += envelope.body.len();
            let (current, of_it) = self.template.deliver(&mut self.next_message, envelope, now);
            held += of_it;
            messages.push_back(current);
            bytes
        };
        deliver(&mut messages, first);
        let mut so_far = deliver(&mut messages, next);
        while messages.len() < most
            && let Some(next) = behind.next_if(|next| fits(next, &messages[0].envelope, so_far))
        {
            so_far = deliver(&mut messages, next);
        }
        self.template.instance.endpoint.account.budget.give_back(held);
        self.handle_together(messages, so_far, now).await
    }

    /// Where the messages of the next run are put.
    fn buffer(&mut self) -> VecDeque<Current> {
        self.instance.as_mut().map(|instance| instance.guest().batch.take_buffer()).unwrap_or_default()
    }

    /// Whether the instance can get several messages at once. With spans each message is entered by
    /// itself, so that each span has its own time.
    fn takes_batches(&self) -> bool {
        let instance = self.instance.as_ref();
        instance.is_some_and(Instance::takes_batches) && self.template.instance.router.app.tracer().is_none()
    }

    /// Handles one message as if it were several, to see whether the instance shows its progress.
    async fn prove_progress(&mut self, envelope: Envelope) -> Result<(), GuestFailure> {
        let (now, bytes) = (Instant::now(), envelope.body.len());
        let (only, held) = self.template.deliver(&mut self.next_message, envelope, now);
        self.template.instance.endpoint.account.budget.give_back(held);
        let mut messages = self.buffer();
        messages.push_back(only);
        self.handle_together(messages, bytes, now).await
    }

    async fn handle_together(
        &mut self,
        messages: VecDeque<Current>,
        bytes: usize,
        began: Instant,
    ) -> Result<(), GuestFailure> {
        let (Some(instance), Some(first)) = (self.instance.as_mut(), messages.front()) else { return Ok(()) };
        let (first, count) = (first.id, messages.len());
        let mut lengths = Vec::with_capacity(count);
        let mut bodies = Vec::with_capacity(bytes);
        for Current { envelope, .. } in &messages {
            lengths.push(u32::try_from(envelope.body.len()).unwrap_or(u32::MAX));
            bodies.extend_from_slice(&envelope.body);
        }
        instance.new_message();
        instance.guest().batch.together(messages, began);
        self.template.instance.endpoint.account.stats.called();
        let handled = instance.handle_messages(first, (lengths, Bytes::from(bodies)), began).await;
        let returned_at = instance.returned_at();
        let BatchEnd { begun, deferred } = match handled {
            Ok(end) => end,
            Err(failure) => return Err(self.failed_together(first, failure)),
        };
        let last = first + u64::from(begun) - 1;
        self.look_at_progress(last, deferred);
        self.settle_before(last + u64::from(!deferred));
        if deferred {
            return self.go_on_with_deferred(last).await;
        }
        self.keep_rest();
        match begun as usize == count {
            true => self.batch_size.handled(count, returned_at.saturating_duration_since(began)),
            false => self.batch_size.came_apart(),
        }
        Ok(())
    }

    /// Looks whether the instance shows that its run ended with this message. One that does not gets
    /// messages one by one for good: nobody could say on which of several it failed.
    fn look_at_progress(&mut self, last: u64, deferred: bool) {
        let Some(instance) = &mut self.instance else { return };
        let shown = instance.progress();
        let said = instance.guest().batch.find(last).and_then(|message| message.completion.as_deref());
        let is_open = deferred || matches!(said, Some(Completion::Retry(_)));
        self.shows_progress = shown == Some(last + 1) || (is_open && shown == Some(last));
        if !self.shows_progress {
            tracing::warn!(
                instance = %self.template.instance.identity.instance,
                "it exports `batch-handler` and does not show its progress: it gets messages one by one"
            );
            instance.without_batches();
        }
    }

    /// Waits for the message that the run stopped at; those behind it wait where another incarnation
    /// would find them.
    async fn go_on_with_deferred(&mut self, deferred: u64) -> Result<(), GuestFailure> {
        self.batch_size.came_apart();
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let batch = &mut instance.guest().batch;
        let Some(current) = batch.pop_before(deferred + 1) else {
            // It has been completed already.
            self.keep_rest();
            return Ok(());
        };
        let delivered_at = batch.delivered_at().unwrap_or_else(Instant::now);
        let rest = batch.rest();
        batch.one(current, delivered_at);
        self.recovery.keep_behind(rest);
        let ended = self.finish_deferred().await;
        self.end_alone(ended, self.took_since(delivered_at))
    }

    /// Ends the messages of the run that come before this id, as the guest decided.
    fn settle_before(&mut self, id: u64) {
        loop {
            let Some(instance) = &mut self.instance else { return };
            let now = instance.returned_at();
            let batch = &mut instance.guest().batch;
            batch.reached(id, 0, now);
            let took = batch.delivered_at().map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            let Some(mut current) = batch.pop_before(id) else { return };
            let completion = current.completion.take().map_or(Completion::Done, |said| *said);
            self.finish(current, completion, took);
        }
    }

    /// Keeps what was handed over and not begun.
    fn keep_rest(&mut self) {
        let Some(instance) = &mut self.instance else { return };
        let rest = instance.guest().batch.rest();
        self.recovery.keep_behind(rest);
    }

    /// The instance failed in a run with ids from `first` on: those before the message that it was on
    /// are handled, those behind it are for the next incarnation.
    fn failed_together(&mut self, first: u64, failure: GuestFailure) -> GuestFailure {
        self.batch_size.came_apart();
        let Some(instance) = &mut self.instance else { return failure };
        // What it showed last, or nothing of this run yet.
        let on = instance.progress().unwrap_or(first).max(first);
        self.settle_before(on);
        let Some(instance) = &mut self.instance else { return failure };
        let batch = &mut instance.guest().batch;
        // None if that one has been completed: those behind it are not begun.
        let (current, rest) = (batch.pop_before(on.saturating_add(1)), batch.rest());
        let failure = self.fail_on(current, failure);
        self.recovery.keep_behind(rest);
        failure
    }

    /// The incarnation was aborted: what it was on is left to the next, and what was behind that.
    pub(super) fn settle_interrupted(&mut self) {
        let Some(instance) = &mut self.instance else { return };
        let is_together = instance.guest().batch.is_together();
        let on = instance.progress().filter(|_| is_together);
        if let Some(on) = on {
            self.settle_before(on);
        }
        let Some(instance) = &mut self.instance else { return };
        let batch = &mut instance.guest().batch;
        let current = match on {
            Some(on) => batch.pop_before(on.saturating_add(1)),
            None => batch.pop(),
        };
        let rest = batch.rest();
        if let Some(Current { envelope, span, .. }) = current {
            self.postpone(envelope, DeadLetterReason::Interrupted, span);
        }
        self.recovery.keep_behind(rest);
    }
}

/// Whether a message can be handed over behind another: they are to be in the same trace, since what
/// the guest sends belongs to the trace of what it is on.
fn fits(next: &Envelope, first: &Envelope, bytes: usize) -> bool {
    let size = next.body.len();
    let same_trace = Arc::ptr_eq(&next.origin, &first.origin) || next.origin.trace == first.origin.trace;
    size <= MAX_MESSAGE_BYTES && bytes + size <= MAX_BATCH_BYTES && same_trace
}
