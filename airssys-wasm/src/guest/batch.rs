//! The messages that an instance is on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::contract::Completion;
use crate::contract::messaging::CompleteError;
use crate::observe::trace::TraceContext;
use crate::routing::envelope::Envelope;
use crate::routing::spans::{self, Span};

/// Room for so many messages is kept while the instance gets them one by one.
const KEPT_CAPACITY: usize = 4;

/// A message that an instance is on.
pub(crate) struct Current {
    pub(crate) id: u64,
    pub(crate) envelope: Envelope,
    /// How it ended, if its handler has said so through `complete` and it has not been finished.
    pub(crate) completion: Option<Box<Completion>>,
    /// Its span, if somebody wants spans.
    pub(crate) span: Span,
}

/// The messages that an instance is on: one, or several that it got together, with ids one after
/// the other. Finished ones are gone.
#[derive(Default)]
pub(crate) struct Batch {
    messages: VecDeque<Current>,
    /// When the instance got them.
    delivered_at: Option<Instant>,
    /// Those that have ended and whose time is not known yet: they count as under way.
    ended: Vec<Envelope>,
    /// Since when the first of them that is not finished is being handled, as far as is known; none
    /// if there is one message, which is finished when its handler returns.
    since: Option<Instant>,
    /// Time that the first one has had before that.
    spent: Duration,
    /// The furthest that the guest was seen to be, and the furthest that it can be: behind the last.
    seen: u64,
    end: u64,
}

impl Current {
    /// Its place in its trace: what the handler sends comes below it.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.span.as_ref().and_then(|span| span.context()).or(self.envelope.origin.trace)
    }

    /// Ends the message as its handler decided, after `took` in it.
    pub(crate) fn finish(self, completion: Completion, took: Duration) {
        spans::completed(self.span, &completion);
        self.envelope.complete(completion, took);
    }
}

impl Batch {
    /// The instance is on this message alone, which it got at this time.
    pub(crate) fn one(&mut self, message: Current, delivered_at: Instant) {
        if self.messages.capacity() > KEPT_CAPACITY {
            self.messages = VecDeque::with_capacity(1);
        }
        self.messages.push_back(message);
        self.ended.clear();
        self.delivered_at = Some(delivered_at);
        self.since = None;
    }

    /// Takes the buffer, to be filled with the messages that the instance is on next.
    pub(crate) fn take_buffer(&mut self) -> VecDeque<Current> {
        std::mem::take(&mut self.messages)
    }

    /// The instance is on these messages together, from `now` on.
    pub(crate) fn together(&mut self, messages: VecDeque<Current>, now: Instant) {
        let seen = messages.front().map_or(0, |first| first.id);
        let end = seen + messages.len() as u64;
        let ended = std::mem::take(&mut self.ended);
        *self = Batch {
            messages,
            delivered_at: Some(now),
            ended,
            since: Some(now),
            spent: Duration::ZERO,
            seen,
            end,
        };
    }

    /// Whether the instance got several messages together.
    pub(crate) fn is_together(&self) -> bool {
        self.since.is_some()
    }

    /// The trace of the messages: of a run, all have the same.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.messages.front()?.trace()
    }

    /// How long the message was in the mailbox before the instance got it.
    pub(crate) fn waited(&self, message: &Envelope) -> Duration {
        self.delivered_at.map_or(Duration::ZERO, |at| message.waited_before(at))
    }

    /// Since when the instance has had them.
    pub(crate) fn delivered_at(&self) -> Option<Instant> {
        self.delivered_at
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Current> {
        self.messages.get(self.place(id)?)
    }

    fn find_mut(&mut self, id: u64) -> Option<&mut Current> {
        let place = self.place(id)?;
        self.messages.get_mut(place)
    }

    fn place(&self, id: u64) -> Option<usize> {
        let first = self.messages.front()?.id;
        usize::try_from(id.checked_sub(first)?).ok()
    }

    /// Takes what the guest has said of the first message.
    pub(crate) fn take_said(&mut self) -> Option<Completion> {
        self.messages.front_mut()?.completion.take().map(|said| *said)
    }

    /// Takes the first message that is not finished.
    pub(crate) fn pop(&mut self) -> Option<Current> {
        self.messages.pop_front()
    }

    /// Takes what is left, in its order: nothing of it was begun. That is the end of the run.
    pub(crate) fn rest(&mut self) -> Vec<Envelope> {
        self.since = None;
        let rest = self.messages.drain(..).map(|message| {
            let mut envelope = message.envelope;
            envelope.not_begun();
            envelope
        });
        rest.collect()
    }

    /// Takes the first message if it comes before this one.
    pub(crate) fn pop_before(&mut self, id: u64) -> Option<Current> {
        self.messages.pop_front_if(|first| first.id < id)
    }

    /// Whether the guest is further than it was ever seen to be. It can be so only as often as there
    /// are messages, whatever it shows.
    pub(crate) fn is_further(&mut self, id: u64) -> bool {
        let further = self.since.is_some() && (self.seen + 1..=self.end).contains(&id);
        if further {
            self.seen = id;
        }
        further
    }

    /// Takes note that the guest is on the message `id` now: those before it are finished. The time since
    /// the last note is shared among those that have ended since, and `begun` more.
    pub(crate) fn reached(&mut self, id: u64, begun: u32, now: Instant) {
        let Some(since) = self.since else { return };
        self.end_before(id);
        let ended = self.ended.len();
        if ended == 0 && begun == 0 {
            return;
        }
        let passed = now.saturating_duration_since(since);
        self.since = Some(now);
        let shares = u32::try_from(ended).unwrap_or(u32::MAX).saturating_add(begun);
        let share = passed / shares;
        if let Some(first) = self.ended.first() {
            first.took(1, std::mem::take(&mut self.spent) + share);
            first.took(ended as u64 - 1, share);
        }
        Envelope::drop_all(self.ended.drain(..));
        if begun > 0 {
            self.spent += share;
        }
    }

    /// Ends the messages before this one, of which nothing was said. One of which something was said
    /// that could not be done at once is still to be dealt with, and those behind it.
    fn end_before(&mut self, id: u64) {
        let Some(first) = self.messages.front() else { return };
        let before = usize::try_from(id.saturating_sub(first.id)).unwrap_or(usize::MAX);
        let finished = self.messages.iter().take(before).take_while(|one| one.completion.is_none()).count();
        if finished > 0 {
            first.envelope.count_handled(finished as u64);
        }
        for Current { mut envelope, span, .. } in self.messages.drain(..finished) {
            spans::completed(span, &Completion::Done);
            envelope.end();
            self.ended.push(envelope);
        }
    }

    /// Does what the guest says of a message. What one of several comes to counts at once, but for
    /// another attempt.
    pub(crate) fn complete(&mut self, id: u64, how: Completion) -> Result<(), CompleteError> {
        let waits = self.since.is_none() || matches!(how, Completion::Retry(_));
        let open = self.find_mut(id).filter(|message| message.completion.is_none());
        let open = open.ok_or(CompleteError::UnknownMessage)?;
        if waits {
            open.completion = Some(Box::new(how));
            return Ok(());
        }
        self.end_before(id);
        match (self.messages.pop_front_if(|first| first.id == id), how) {
            (Some(Current { mut envelope, span, .. }), Completion::Reply(body)) => {
                spans::replied(span);
                envelope.count_handled(1);
                envelope.end_with(body);
                self.ended.push(envelope);
            }
            (Some(message), how) => {
                self.reached(id, 1, Instant::now());
                message.finish(how, std::mem::take(&mut self.spent));
            }
            (None, how) => {
                let later = self.find_mut(id).ok_or(CompleteError::UnknownMessage)?;
                later.completion = Some(Box::new(how));
            }
        }
        Ok(())
    }
}
