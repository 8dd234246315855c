//! A message on its way, and the promise that it is not lost.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::contract::{Callback, Completion, RequestError, cut};
use crate::observe::dead_letters::{DeadLetter, DeadLetterReason};
use crate::policy::byte_budget::HeldBytes;
use crate::routing::account::Account;
use crate::routing::callbacks::Callbacks;
use crate::routing::draft::{Draft, Origin};

/// A message on its way: accepted into a mailbox, not yet handled.
///
/// What a handler makes of it ends it. One that is dropped before, because its receiver ended for
/// good, goes to the dead letters by itself.
pub struct Envelope {
    pub(crate) body: Bytes,
    pub(crate) origin: Arc<Origin>,
    receiver: Arc<Account>,
    accepted_at: Instant,
    reply: Option<ReplyTo>,
    /// Why the last attempt came to nothing, while it waits for the next.
    failure: Option<Box<DeadLetterReason>>,
    /// Whose mailbox it came into: which of the receiver's members.
    member: u32,
    /// How often a handler got it.
    attempts: u32,
    /// Whether it has its share of the receiver's budget: as long as no handler has it.
    waits: bool,
    ended: bool,
    /// Whether it counts as under way.
    is_under_way: bool,
}

/// Who waits for a reply.
pub(crate) enum ReplyTo {
    /// A component's request.
    Component { callbacks: Arc<Callbacks>, request: u64 },
    /// A request from outside the app.
    Outside(Box<Waiter>),
}

/// Who waits for a reply outside the app.
pub(crate) struct Waiter {
    id: Uuid,
    reply: oneshot::Sender<Result<Bytes, RequestError>>,
}

impl ReplyTo {
    /// A request from outside, and where its reply comes.
    pub(crate) fn outside() -> (ReplyTo, oneshot::Receiver<Result<Bytes, RequestError>>) {
        let (reply, waiter) = oneshot::channel();
        (ReplyTo::Outside(Box::new(Waiter { id: Uuid::new_v4(), reply })), waiter)
    }

    fn id(&self) -> Uuid {
        match self {
            ReplyTo::Component { callbacks, request } => callbacks.id(*request),
            ReplyTo::Outside(waiter) => waiter.id,
        }
    }
}

impl Envelope {
    /// Accepts a message for a receiver, one of its members: from here on it is the receiver's to
    /// account for.
    pub(crate) fn accept(
        draft: Draft,
        held: HeldBytes<'_>,
        (receiver, member): (&Arc<Account>, usize),
        reply: Option<ReplyTo>,
        accepted_at: Instant,
    ) -> Envelope {
        receiver.stats.received();
        receiver.in_flight.add();
        held.keep();
        Envelope {
            body: draft.body,
            origin: draft.origin,
            receiver: Arc::clone(receiver),
            accepted_at,
            reply,
            failure: None,
            member: member as u32,
            attempts: 0,
            waits: true,
            ended: false,
            is_under_way: true,
        }
    }

    /// Notes that a handler has it now. So many bytes of the receiver's budget are to be given back.
    #[must_use = "what is not given back is lost"]
    pub(crate) fn delivered(&mut self) -> usize {
        self.attempts += 1;
        self.failure = None;
        match std::mem::take(&mut self.waits) {
            true => self.body.len(),
            false => 0,
        }
    }

    /// Takes back that a handler has it: it has not got to it.
    pub(crate) fn not_begun(&mut self) {
        self.attempts -= 1;
    }

    /// How often a handler got it.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The message as it waits for its next attempt.
    pub(crate) fn postponed(mut self, failure: DeadLetterReason) -> Envelope {
        self.receiver.stats.retried();
        self.failure = Some(Box::new(failure));
        self
    }

    /// The component that it is for.
    pub(crate) fn receiver(&self) -> &str {
        &self.receiver.name
    }

    pub(crate) fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// The id of the request that it is.
    pub(crate) fn request_id(&self) -> Option<Uuid> {
        self.reply.as_ref().map(ReplyTo::id)
    }

    /// How long it was in the mailbox before it was delivered.
    pub(crate) fn waited_before(&self, delivered_at: Instant) -> Duration {
        delivered_at.saturating_duration_since(self.accepted_at)
    }

    /// Ends the message as its handler decided, after `took` in the handler.
    pub(crate) fn complete(mut self, how: Completion, took: Duration) {
        match how {
            Completion::Done | Completion::Reply(_) => {
                self.count_handled(1);
                self.took(1, took);
                self.reply(if let Completion::Reply(body) = how { body } else { Vec::new() });
            }
            Completion::Rejected(reason) => self.give_up(DeadLetterReason::Rejected(cut(reason))),
            Completion::Retry(reason) => self.give_up(DeadLetterReason::RetryAsked(cut(reason))),
        }
    }

    /// Counts so many messages of the receiver as handled.
    pub(crate) fn count_handled(&self, messages: u64) {
        self.receiver.stats.handled(messages);
    }

    /// Counts the time that so many messages of the receiver took each.
    pub(crate) fn took(&self, messages: u64, time: Duration) {
        self.receiver.stats.took(messages, time);
    }

    /// Ends the message, which has been counted as handled.
    pub(crate) fn done(&mut self) {
        self.reply(Vec::new());
    }

    /// The same, with a reply.
    pub(crate) fn reply(&mut self, body: Vec<u8>) {
        self.ended = true;
        if self.reply.is_some() {
            self.answer(Callback::Reply(body));
        }
    }

    /// Ends the message because its handler failed on it, or did not take it.
    pub(crate) fn give_up(mut self, reason: DeadLetterReason) {
        self.ended = true;
        let error = match &reason {
            DeadLetterReason::Rejected(reason) | DeadLetterReason::RetryAsked(reason) => {
                RequestError::Rejected(reason.clone())
            }
            _ => RequestError::TargetFailed,
        };
        self.dead_letter(reason);
        self.answer(Callback::Failed(error));
    }

    /// Drops messages of one component that have ended: they are no longer under way, all at once.
    pub(crate) fn drop_all(messages: impl Iterator<Item = Envelope>) {
        let mut count = 0;
        let mut last = None;
        for mut message in messages {
            count += usize::from(std::mem::take(&mut message.is_under_way));
            last = Some(message);
        }
        if let Some(message) = last {
            message.receiver.in_flight.end(count);
        }
    }

    fn dead_letter(&self, reason: DeadLetterReason) {
        self.receiver.stats.dead_lettered();
        let instance = self.receiver.members.get(self.member as usize).map(|member| Arc::from(member.name()));
        self.receiver.dead_letters.add(DeadLetter {
            id: 0,
            receiver: Arc::clone(&self.receiver.name),
            instance,
            sender: Arc::clone(&self.origin.sender),
            topic: self.origin.topic.clone(),
            trace: self.origin.trace,
            message: self.body.clone(),
            reason,
            attempts: self.attempts,
            at: SystemTime::now(),
        });
    }

    fn answer(&mut self, callback: Callback) {
        match (self.reply.take(), callback) {
            (Some(ReplyTo::Component { callbacks, request }), callback) => {
                let from = (&*self.receiver.name, self.receiver.accepts);
                callbacks.answer(request, from, callback)
            }
            (Some(ReplyTo::Outside(waiter)), Callback::Reply(body)) => {
                drop(waiter.reply.send(Ok(Bytes::from(body))))
            }
            (Some(ReplyTo::Outside(waiter)), Callback::Failed(error)) => drop(waiter.reply.send(Err(error))),
            (Some(ReplyTo::Outside(_)), Callback::Ready) | (None, _) => {}
        }
    }
}

impl Envelope {
    /// Ends a message that no handler has ended.
    fn abandon(&mut self) {
        let (reason, error) = match (self.failure.take(), self.attempts) {
            (Some(failure), _) => (*failure, RequestError::TargetStopped),
            (None, 0) if self.receiver.evicts() => {
                let reason = DeadLetterReason::MadeWay;
                let error = RequestError::Other(reason.to_string());
                (reason, error)
            }
            (None, 0) => (DeadLetterReason::TargetStopped, RequestError::TargetStopped),
            (None, _) => (DeadLetterReason::Interrupted, RequestError::TargetFailed),
        };
        self.dead_letter(reason);
        self.answer(Callback::Failed(error));
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        if !self.ended {
            self.abandon();
        }
        if self.waits {
            self.receiver.budget.give_back(self.body.len());
        }
        // Last: whatever waits for the message has been told.
        self.receiver.in_flight.end(usize::from(self.is_under_way));
    }
}
