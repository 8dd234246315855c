//! Handling a batch: several messages with one call of the guest.
//!
//! A batch goes through these steps:
//!
//! 1. [`ComponentActor::handle_first`] takes the messages behind the first one that fit into a batch.
//!    An instance that has not shown its progress yet gets a batch of one message. Its failure in a
//!    larger batch could not be attributed to a message.
//! 2. [`ComponentActor::call_batch_handler`] joins the bodies and calls the guest's batch handler.
//! 3. While the guest runs, the epoch check reads its progress, and finishes the messages before it.
//! 4. When the guest returns, the messages before the last begun one are finished. A batch that the
//!    guest did not begin as a whole is split: the rest is redelivered in order.
//! 5. If the guest defers its last begun message, that is finished like a single message.
//! 6. If the guest fails, the message that its progress shows is postponed or given up. Those before
//!    it are finished, and those behind it are left to the next incarnation.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use airssys_rt::Behind;
use bytes::Bytes;

use super::ComponentActor;
use crate::contract::{BatchEnd, Ending};
use crate::guest::batch::CurrentMessage;
use crate::guest::failure::GuestFailure;
use crate::guest::instance::Instance;
use crate::observe::dead_letters::DeadLetterReason;
use crate::observe::warnings::Warning;
use crate::routing::envelope::Envelope;

/// The largest message of a batch, in bytes. The bodies of a batch are copied into one buffer. The
/// copy of a large one costs as much as a call of the guest.
const MAX_MESSAGE_BYTES: usize = 4 << 10;

/// The most bytes of a batch.
const MAX_BATCH_BYTES: usize = 64 << 10;

impl ComponentActor {
    /// Handles a message, in a batch with those behind it that fit.
    pub(super) async fn handle_first(
        &mut self,
        first: Envelope,
        behind: &mut Behind<'_, Envelope>,
    ) -> Result<(), GuestFailure> {
        if !self.takes_batches() || first.body.len() > MAX_MESSAGE_BYTES {
            return self.handle_single(first).await;
        }
        let max = if self.shows_progress { self.batch_size.get() } else { 1 };
        let next = if max > 1 { behind.next_if(|next| fits(next, &first, first.body.len())) } else { None };
        let Some(next) = next else {
            return match self.shows_progress {
                true => self.handle_single(first).await,
                false => self.handle_batch_of_one(first).await,
            };
        };
        let now = Instant::now();
        let mut messages = self.take_buffer();
        let (mut bytes, mut held_bytes) = (0, 0);
        let mut deliver = |messages: &mut VecDeque<CurrentMessage>, envelope: Envelope| {
            bytes += envelope.body.len();
            let (current, held) = self.template.deliver(&mut self.last_message, envelope, now);
            held_bytes += held;
            messages.push_back(current);
            bytes
        };
        deliver(&mut messages, first);
        let mut total_bytes = deliver(&mut messages, next);
        while messages.len() < max
            && let Some(next) = behind.next_if(|next| fits(next, &messages[0].envelope, total_bytes))
        {
            total_bytes = deliver(&mut messages, next);
        }
        self.template.instance.endpoint.account.budget.give_back(held_bytes);
        self.call_batch_handler(messages, total_bytes, now).await
    }

    /// Takes the buffer for the messages of the next batch.
    fn take_buffer(&mut self) -> VecDeque<CurrentMessage> {
        self.instance.as_mut().map(|instance| instance.guest().batch.take_buffer()).unwrap_or_default()
    }

    /// Returns true if the instance accepts batches. With a tracer it gets single messages, so that
    /// each span has its own time.
    fn takes_batches(&self) -> bool {
        let instance = self.instance.as_ref();
        instance.is_some_and(Instance::takes_batches) && self.template.instance.router.app.tracer().is_none()
    }

    /// Handles a message as a batch of one, to check that the instance shows its progress.
    async fn handle_batch_of_one(&mut self, envelope: Envelope) -> Result<(), GuestFailure> {
        let (now, bytes) = (Instant::now(), envelope.body.len());
        let (only, held_bytes) = self.template.deliver(&mut self.last_message, envelope, now);
        self.template.instance.endpoint.account.budget.give_back(held_bytes);
        let mut messages = self.take_buffer();
        messages.push_back(only);
        self.call_batch_handler(messages, bytes, now).await
    }

    async fn call_batch_handler(
        &mut self,
        messages: VecDeque<CurrentMessage>,
        bytes: usize,
        began: Instant,
    ) -> Result<(), GuestFailure> {
        let (Some(instance), Some(first)) = (self.instance.as_mut(), messages.front()) else { return Ok(()) };
        let (first, count) = (first.id, messages.len());
        let mut lengths = Vec::with_capacity(count);
        let mut bodies = Vec::with_capacity(bytes);
        for CurrentMessage { envelope, .. } in &messages {
            lengths.push(u32::try_from(envelope.body.len()).unwrap_or(u32::MAX));
            bodies.extend_from_slice(&envelope.body);
        }
        instance.begin_message();
        let delivered = instance.moment(began);
        instance.guest().batch.start_batch(messages, delivered);
        self.template.instance.endpoint.account.stats.called();
        let handled = instance.handle_messages(first, (lengths, Bytes::from(bodies)), began).await;
        let took = instance.returned().since(delivered).total;
        let BatchEnd { begun, deferred } = match handled {
            Ok(end) => end,
            Err(failure) => return Err(self.fail_in_batch(first, failure)),
        };
        let last = first + u64::from(begun) - 1;
        self.check_progress(last, deferred);
        self.finish_before(last + u64::from(!deferred));
        if deferred {
            return self.finish_deferred_in_batch(last).await;
        }
        self.keep_unstarted();
        match begun as usize == count {
            true => self.batch_size.batch_handled(count, took),
            false => self.batch_size.batch_split(),
        }
        Ok(())
    }

    /// Checks that the progress which the instance shows fits the end of the batch. Otherwise the
    /// instance gets single messages from now on, because a failure could not be attributed.
    fn check_progress(&mut self, last: u64, deferred: bool) {
        let Some(instance) = &mut self.instance else { return };
        let shown = instance.progress();
        let reported = instance.guest().batch.find(last).and_then(|message| message.ending.as_deref());
        let is_open = deferred || matches!(reported, Some(Ending::Retry(_)));
        self.shows_progress = shown == Some(last + 1) || (is_open && shown == Some(last));
        if !self.shows_progress {
            instance.disable_batches();
            let dependencies = &self.template.instance;
            let instance = &dependencies.identity.instance;
            if let Some(more) = dependencies.endpoint.account.stats.warnings().pass(Warning::NoProgress) {
                tracing::warn!(
                    %instance,
                    "`batch-handler` does not show its progress, so the instance gets messages one at a time; \
                     write each message's id to the list passed to `progress.show`{more}"
                );
            }
        }
    }

    /// Waits for the deferred message with which a batch ended. The messages behind it are kept where
    /// the next incarnation would find them.
    async fn finish_deferred_in_batch(&mut self, deferred: u64) -> Result<(), GuestFailure> {
        self.batch_size.batch_split();
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let returned = instance.returned();
        let batch = &mut instance.guest().batch;
        let Some(current) = batch.pop_before(deferred + 1) else {
            // The guest has completed it already.
            self.keep_unstarted();
            return Ok(());
        };
        let delivered_at = batch.delivered_at().unwrap_or_else(Instant::now);
        let began = batch.began(returned);
        let unstarted = batch.take_unstarted();
        batch.start_single(current, delivered_at, began);
        self.recovery.keep_last(unstarted);
        let result = self.finish_deferred().await;
        self.finish_single(result)
    }

    /// Finishes the messages of the batch before `id`, as the guest reported or with success.
    fn finish_before(&mut self, id: u64) {
        loop {
            let Some(instance) = &mut self.instance else { return };
            let now = instance.returned();
            let batch = &mut instance.guest().batch;
            batch.advance(id, 0, now);
            let took = batch.took(now);
            let Some(mut current) = batch.pop_before(id) else { return };
            let ending = current.ending.take().map_or(Ending::Done, |reported| *reported);
            self.finish(current, ending, took);
        }
    }

    /// Keeps the messages of the batch that were not begun.
    fn keep_unstarted(&mut self) {
        let Some(instance) = &mut self.instance else { return };
        let unstarted = instance.guest().batch.take_unstarted();
        self.recovery.keep_last(unstarted);
    }

    /// Records a failure in a batch with ids from `first` on. The message that the guest showed last
    /// is the failed one.
    fn fail_in_batch(&mut self, first: u64, failure: GuestFailure) -> GuestFailure {
        self.batch_size.batch_split();
        let Some(instance) = &mut self.instance else { return failure };
        let failed = instance.reached().unwrap_or(first);
        self.finish_before(failed);
        let Some(instance) = &mut self.instance else { return failure };
        let batch = &mut instance.guest().batch;
        // `current` is `None` if the guest has completed that message.
        let (current, unstarted) = (batch.pop_before(failed.saturating_add(1)), batch.take_unstarted());
        let failure = self.fail_on(current, failure);
        self.recovery.keep_last(unstarted);
        failure
    }

    /// Leaves the messages of an aborted incarnation to the next one. The message that was being
    /// handled is postponed or given up as interrupted.
    pub(super) fn recover_interrupted(&mut self) {
        let Some(instance) = &mut self.instance else { return };
        let is_batch = instance.guest().batch.is_batch();
        let interrupted = if is_batch { instance.reached() } else { None };
        if let Some(interrupted) = interrupted {
            self.finish_before(interrupted);
        }
        let Some(instance) = &mut self.instance else { return };
        let batch = &mut instance.guest().batch;
        let current = match interrupted {
            Some(interrupted) => batch.pop_before(interrupted.saturating_add(1)),
            None => batch.pop(),
        };
        let unstarted = batch.take_unstarted();
        if let Some(CurrentMessage { envelope, span, .. }) = current {
            self.postpone(envelope, DeadLetterReason::Interrupted, span);
        }
        self.recovery.keep_last(unstarted);
    }
}

/// Returns true if a message can be added to a batch that begins with `first` and has `bytes` bytes.
/// All messages of a batch are in one trace, because the guest's own messages continue it.
fn fits(next: &Envelope, first: &Envelope, bytes: usize) -> bool {
    let size = next.body.len();
    let same_trace = Arc::ptr_eq(&next.origin, &first.origin) || next.origin.trace == first.origin.trace;
    size <= MAX_MESSAGE_BYTES && bytes + size <= MAX_BATCH_BYTES && same_trace && !next.is_call()
}
