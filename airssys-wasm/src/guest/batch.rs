//! The messages that an instance handles at present.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::contract::messaging::CompleteError;
use crate::contract::{Completion, Ending};
use crate::guest::meter::{Meter, Moment};
use crate::observe::handling_times::Took;
use crate::observe::trace::TraceContext;
use crate::routing::envelope::Envelope;
use crate::routing::spans::{self, Span};

/// The most capacity of the buffer while the instance gets messages one at a time.
const SINGLE_CAPACITY: usize = 4;

/// A message that an instance handles at present.
pub(crate) struct CurrentMessage {
    pub(crate) id: u64,
    pub(crate) envelope: Envelope,
    /// The end that the guest reported, until the message is finished.
    pub(crate) ending: Option<Box<Ending>>,
    pub(crate) span: Span,
}

/// The messages that an instance handles at present: a single one, or a batch with consecutive ids.
///
/// Finished messages are removed. Handling times of a batch are estimated: at each advance of the
/// guest, the messages that have ended share the time since the last advance equally.
#[derive(Default)]
pub(crate) struct Batch {
    messages: VecDeque<CurrentMessage>,
    /// The time at which the instance got the messages.
    delivered_at: Option<Instant>,
    /// Ended messages whose handling time is not counted yet. They are still in flight.
    ended: Vec<Envelope>,
    /// The time of the last advance. `None` for a single message, which ends when its handler
    /// returns.
    last_advance: Option<Moment>,
    /// The time already counted for the first unfinished message.
    spent_on_first: Took,
    /// The moment at which the handling of a single message began.
    began: Option<Moment>,
    /// The highest message id that the guest was seen to have reached.
    seen: u64,
    /// The id behind the last message.
    end: u64,
    /// The bytes of replies to messages of the batch that the guest had not come to.
    early_bytes: usize,
}

impl CurrentMessage {
    /// Returns the trace context that is the parent of messages which the handler sends.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.span.as_ref().and_then(|span| span.context()).or(self.envelope.origin.trace)
    }

    /// Ends the message as its handler decided, after it `took` so long from `began` on.
    pub(crate) fn finish(self, ending: Ending, (began, took): (Instant, Took)) {
        spans::completed(self.span, &ending);
        self.envelope.complete(ending, began, took);
    }
}

impl Batch {
    /// Begins a single message.
    pub(crate) fn start_single(&mut self, message: CurrentMessage, delivered_at: Instant, began: Moment) {
        if self.messages.capacity() > SINGLE_CAPACITY {
            self.messages = VecDeque::with_capacity(1);
        }
        self.messages.push_back(message);
        self.ended.clear();
        self.delivered_at = Some(delivered_at);
        self.began = Some(began);
        self.last_advance = None;
    }

    /// Returns the moment at which the handling of the first message began, or `now` without one.
    pub(crate) fn began(&self, now: Moment) -> Moment {
        let in_batch = self.last_advance.map(|advanced| advanced.before(self.spent_on_first));
        in_batch.or(self.began).unwrap_or(now)
    }

    /// Returns the time at which the handling of the first message began, and the time that it has
    /// taken until `now`.
    pub(crate) fn took(&self, now: Moment) -> (Instant, Took) {
        let began = self.began(now);
        (began.at, now.since(began))
    }

    /// Takes the buffer, to be filled for [`Batch::start_batch`].
    pub(crate) fn take_buffer(&mut self) -> VecDeque<CurrentMessage> {
        std::mem::take(&mut self.messages)
    }

    /// Begins a batch at `now`.
    pub(crate) fn start_batch(&mut self, messages: VecDeque<CurrentMessage>, now: Moment) {
        let seen = messages.front().map_or(0, |first| first.id);
        let end = seen + messages.len() as u64;
        let ended = std::mem::take(&mut self.ended);
        *self = Batch {
            messages,
            delivered_at: Some(now.at),
            ended,
            last_advance: Some(now),
            spent_on_first: Took::default(),
            began: None,
            seen,
            end,
            early_bytes: 0,
        };
    }

    /// Returns true if the messages are a batch.
    pub(crate) fn is_batch(&self) -> bool {
        self.last_advance.is_some()
    }

    /// Returns the trace of the first message. All messages of a batch are in the same trace.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.messages.front()?.trace()
    }

    /// Returns the time that a message waited in the mailbox.
    pub(crate) fn waited(&self, message: &Envelope) -> Duration {
        self.delivered_at.map_or(Duration::ZERO, |at| message.waited_before(at))
    }

    /// Returns the time at which the instance got the messages.
    pub(crate) fn delivered_at(&self) -> Option<Instant> {
        self.delivered_at
    }

    pub(crate) fn find(&self, id: u64) -> Option<&CurrentMessage> {
        self.messages.get(self.index_of(id)?)
    }

    fn find_mut(&mut self, id: u64) -> Option<&mut CurrentMessage> {
        let index = self.index_of(id)?;
        self.messages.get_mut(index)
    }

    fn index_of(&self, id: u64) -> Option<usize> {
        let first = self.messages.front()?.id;
        usize::try_from(id.checked_sub(first)?).ok()
    }

    /// Takes the end that the guest reported for the first message.
    pub(crate) fn take_ending(&mut self) -> Option<Ending> {
        self.messages.front_mut()?.ending.take().map(|ending| *ending)
    }

    /// Returns the end that the handler of the first message reported, as the host keeps it.
    pub(crate) fn ending(&self, completion: Completion) -> Ending {
        match self.messages.front() {
            Some(first) => first.envelope.ending(completion),
            None => Ending::Done,
        }
    }

    /// Takes the first unfinished message.
    pub(crate) fn pop(&mut self) -> Option<CurrentMessage> {
        self.messages.pop_front()
    }

    /// Ends the batch, and takes the remaining messages in order. Their handlers have not begun.
    pub(crate) fn take_unstarted(&mut self) -> Vec<Envelope> {
        self.last_advance = None;
        let unstarted = self.messages.drain(..).map(|message| {
            let mut envelope = message.envelope;
            envelope.not_begun();
            envelope
        });
        unstarted.collect()
    }

    /// Returns the message that the guest has reached, by the id that it shows: one of the batch, or the id
    /// behind the last one. A false id counts for nothing, so the message that it was last seen at counts.
    pub(crate) fn reached(&self, shown: u64) -> u64 {
        if (self.seen..=self.end).contains(&shown) { shown } else { self.seen }
    }

    /// Takes the first message, if its id is below `id`.
    pub(crate) fn pop_before(&mut self, id: u64) -> Option<CurrentMessage> {
        self.messages.pop_front_if(|first| first.id < id)
    }

    /// Records that the guest has reached message `id`. Returns true if that is further than before.
    /// It does so at most once per message, whatever numbers the guest shows.
    pub(crate) fn is_new_progress(&mut self, id: u64) -> bool {
        let is_new = self.last_advance.is_some() && id > self.seen && self.reached(id) == id;
        if is_new {
            self.seen = id;
        }
        is_new
    }

    /// Records that the guest handles message `id` at `now`, which finishes the messages before it.
    /// The time since the last advance is shared among the ended messages and `begun` unfinished ones.
    /// A message waits in the mailbox until the one before it has ended.
    pub(crate) fn advance(&mut self, id: u64, begun: u32, now: Moment) {
        let Some(last_advance) = self.last_advance else { return };
        self.finish_before(id);
        let ended = self.ended.len();
        if ended == 0 && begun == 0 {
            return;
        }
        self.last_advance = Some(now);
        let shares = u32::try_from(ended).unwrap_or(u32::MAX).saturating_add(begun);
        let share = now.since(last_advance).share(shares);
        if let Some((first, others)) = self.ended.split_first() {
            let spent = std::mem::take(&mut self.spent_on_first);
            let mut begins = last_advance.at;
            let waited = others.iter().map(|other| {
                begins += share.total;
                other.waited_before(begins)
            });
            let mut times = first.times();
            times.took(1, spent + share);
            times.took(others.len() as u64, share);
            times.waited(std::iter::once(first.waited_before(last_advance.before(spent).at)).chain(waited));
        }
        Envelope::drop_all(self.ended.drain(..));
        if begun > 0 {
            self.spent_on_first = self.spent_on_first + share;
        }
    }

    /// Finishes the messages before `id` that have no reported completion. Stops at the first that
    /// has one, because that completion is still to be carried out.
    fn finish_before(&mut self, id: u64) {
        let Some(first) = self.messages.front() else { return };
        let before = usize::try_from(id.saturating_sub(first.id)).unwrap_or(usize::MAX);
        let finished = self.messages.iter().take(before).take_while(|one| one.ending.is_none()).count();
        if finished > 0 {
            first.envelope.count_handled(finished as u64);
        }
        for CurrentMessage { mut envelope, span, .. } in self.messages.drain(..finished) {
            spans::completed(span, &Ending::Done);
            envelope.end();
            self.ended.push(envelope);
        }
    }

    /// Completes a message as the guest reports. In a batch a completion is carried out at once,
    /// except for a retry. That and the completion of a single message wait until the guest returns.
    ///
    /// Replies to messages that the guest has not come to may have `max_early_bytes` together.
    pub(crate) fn complete(
        &mut self,
        id: u64,
        how: Completion,
        max_early_bytes: usize,
        meter: &Meter,
    ) -> Result<(), CompleteError> {
        let is_postponed = self.last_advance.is_none() || matches!(how, Completion::Retry(_));
        let open = self.find_mut(id).filter(|message| message.ending.is_none());
        let open = open.ok_or(CompleteError::UnknownMessage)?;
        let how = open.envelope.ending(how);
        if is_postponed {
            open.ending = Some(Box::new(how));
            return Ok(());
        }
        self.finish_before(id);
        match (self.messages.pop_front_if(|first| first.id == id), how) {
            (
                Some(CurrentMessage { mut envelope, span, .. }),
                reply @ (Ending::Reply(_) | Ending::ReplyTooLarge(_)),
            ) => {
                spans::replied(span);
                envelope.count_handled(1);
                envelope.end_with(reply.answer());
                self.ended.push(envelope);
            }
            (Some(message), how) => {
                let now = meter.now();
                self.advance(id, 1, now);
                let took = self.took(now);
                self.spent_on_first = Took::default();
                message.finish(how, took);
            }
            (None, how) => {
                let reply_bytes = if let Ending::Reply(body) = &how { body.len() } else { 0 };
                let early_bytes = self.early_bytes.saturating_add(reply_bytes);
                if early_bytes > max_early_bytes {
                    let reason = format!(
                        "replies to later messages of the batch have {early_bytes} bytes, and may have \
                         {max_early_bytes} (message_size); complete the messages in their order"
                    );
                    return Err(CompleteError::Other(reason));
                }
                let later = self.find_mut(id).ok_or(CompleteError::UnknownMessage)?;
                later.ending = Some(Box::new(how));
                self.early_bytes = early_bytes;
            }
        }
        Ok(())
    }
}
