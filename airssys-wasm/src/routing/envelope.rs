//! Messages that were accepted, and the promise that none is lost.

use std::sync::{Arc, MutexGuard};
use std::thread::panicking;
use std::time::{Duration, Instant, SystemTime};

use airssys_message::Codec;
use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::contract::{Callback, Completion, Ending, RequestError, SizeLimit};
use crate::observe::dead_letters::{DeadLetter, DeadLetterReason};
use crate::observe::handling_times::{HandlingTimes, Took};
use crate::observe::trace::{MessageSpan, SpanOutcome, TraceContext};
use crate::policy::byte_budget::{HeldBytes, message_cost};
use crate::routing::account::Account;
use crate::routing::callbacks::Callbacks;
use crate::routing::draft::{Draft, Origin};
use crate::routing::queued_call::QueuedCall;

/// A message that was accepted for a receiver and has not ended.
///
/// It is the message type of native actors that
/// [`ComponentHost::spawn_native`](crate::ComponentHost::spawn_native) starts. Their handler ends
/// it with [`Envelope::reply`], [`Envelope::done`] or [`Envelope::reject`], at once or later. An
/// envelope that is dropped before goes to the dead letters, and its requester gets an error: so
/// a handler that fails or panics loses nothing.
///
/// ```
/// use airssys_rt::{Actor, ActorContext, Child};
/// use airssys_wasm::Envelope;
///
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl Child for Counter {}
///
/// impl Actor for Counter {
///     type Message = Envelope;
///     type Error = std::convert::Infallible;
///
///     async fn handle_message(
///         &mut self,
///         message: Envelope,
///         _context: &ActorContext<Envelope>,
///     ) -> Result<(), Self::Error> {
///         self.0 += 1;
///         match message.body() {
///             b"" => message.reject("the message has no body"),
///             _ if message.wants_reply() => {
///                 let count = message.codec().message(self.0.to_string().as_bytes());
///                 message.reply(count);
///             }
///             _ => message.done(),
///         }
///         Ok(())
///     }
/// }
/// ```
#[must_use = "an envelope that is dropped goes to the dead letters"]
pub struct Envelope {
    pub(crate) body: Bytes,
    pub(crate) origin: Arc<Origin>,
    receiver: Arc<Account>,
    accepted_at: Instant,
    reply: Option<ReplyTo>,
    /// `None` in the mailbox, and while a guest has it.
    phase: Option<Box<Phase>>,
    /// The index of the receiver's member whose mailbox accepted it.
    member: u32,
    /// The number of times that a handler got it.
    attempts: u32,
    /// True while its bytes count against the receiver's budget: until a handler gets it.
    waits: bool,
    ended: bool,
    /// True while it counts as in flight.
    is_in_flight: bool,
    /// True if it is a call from a service, also while the call is entered.
    is_call: bool,
}

/// The phases of a message that few messages reach.
enum Phase {
    /// It waits for its next attempt, because the last one failed for this reason.
    Postponed(DeadLetterReason),
    /// A native handler has it.
    Native(NativeAttempt),
}

/// An attempt of a native handler.
struct NativeAttempt {
    delivered_at: Instant,
    span: Option<Box<dyn MessageSpan>>,
}

/// The requester that waits for a reply.
pub(crate) enum ReplyTo {
    /// A component's request.
    Component { callbacks: Arc<Callbacks>, request: u64 },
    /// A request from outside the app.
    Outside(Box<Waiter>),
    /// A call from a service, which is told how it ends.
    Call(Box<dyn QueuedCall>),
}

/// A requester outside the app, or a native actor.
pub(crate) struct Waiter {
    id: Uuid,
    /// The largest reply that it takes, in bytes.
    max_reply_bytes: u64,
    reply: oneshot::Sender<Result<Bytes, RequestError>>,
}

impl ReplyTo {
    /// Makes the two sides of a reply of at most this many bytes to a request from outside.
    pub(crate) fn outside(max_reply_bytes: u64) -> (ReplyTo, oneshot::Receiver<Result<Bytes, RequestError>>) {
        let (reply, waiter) = oneshot::channel();
        (ReplyTo::Outside(Box::new(Waiter { id: Uuid::new_v4(), max_reply_bytes, reply })), waiter)
    }

    fn id(&self) -> Option<Uuid> {
        match self {
            ReplyTo::Component { callbacks, request } => Some(callbacks.id(*request)),
            ReplyTo::Outside(waiter) => Some(waiter.id),
            ReplyTo::Call(_) => None,
        }
    }
}

impl Envelope {
    /// Accepts a message for one member of a receiver. From here on, the receiver accounts for it.
    pub(crate) fn accept(
        draft: Draft,
        held: HeldBytes<'_>,
        (receiver, member): (&Arc<Account>, usize),
        reply: Option<ReplyTo>,
        accepted_at: Instant,
    ) -> Envelope {
        let is_call = matches!(reply, Some(ReplyTo::Call(_)));
        receiver.stats.received();
        receiver.in_flight.add();
        held.keep();
        Envelope {
            body: draft.body,
            origin: draft.origin,
            receiver: Arc::clone(receiver),
            accepted_at,
            reply,
            phase: None,
            member: member as u32,
            attempts: 0,
            waits: true,
            ended: false,
            is_in_flight: true,
            is_call,
        }
    }

    /// Notes that a handler has it now. Returns the bytes that the caller gives back to the receiver's
    /// budget.
    #[must_use = "bytes that are not given back are lost"]
    pub(crate) fn delivered(&mut self) -> usize {
        self.attempts += 1;
        self.phase = None;
        match std::mem::take(&mut self.waits) {
            true => message_cost(self.body.len()),
            false => 0,
        }
    }

    /// Takes back an attempt that the handler has not begun.
    pub(crate) fn not_begun(&mut self) {
        self.attempts -= 1;
    }

    /// Returns the number of times that a handler got it.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the message as it waits for its next attempt.
    pub(crate) fn postponed(mut self, failure: DeadLetterReason) -> Envelope {
        self.receiver.stats.retried();
        self.phase = Some(Box::new(Phase::Postponed(failure)));
        self
    }

    /// Returns the name of the component that it is for.
    pub(crate) fn receiver(&self) -> &str {
        &self.receiver.name
    }

    /// Returns the id of the request, or `None` if nobody waits for a reply.
    pub(crate) fn request_id(&self) -> Option<Uuid> {
        self.reply.as_ref().and_then(ReplyTo::id)
    }

    /// Returns true if it is a call from a service, and not a message.
    pub(crate) fn is_call(&self) -> bool {
        self.is_call
    }

    /// Takes the call, to be entered. From here on, the taker tells it how it ends.
    pub(crate) fn take_call(&mut self) -> Option<Box<dyn QueuedCall>> {
        match self.reply.take() {
            Some(ReplyTo::Call(call)) => Some(call),
            other => {
                self.reply = other;
                None
            }
        }
    }

    /// Returns the time that it spent in the mailbox before its delivery.
    pub(crate) fn waited_before(&self, delivered_at: Instant) -> Duration {
        delivered_at.saturating_duration_since(self.accepted_at)
    }

    /// Ends the message as its handler decided, after it `took` so long from `began` on.
    pub(crate) fn complete(mut self, how: Ending, began: Instant, took: Took) {
        match how {
            Ending::Done | Ending::Reply(_) | Ending::ReplyTooLarge(_) => {
                self.count_handled(1);
                let mut times = self.times();
                times.took(1, took);
                times.waited(std::iter::once(self.waited_before(began)));
                drop(times);
                self.end_with(how.answer());
            }
            Ending::Rejected(reason) => self.give_up(DeadLetterReason::Rejected(reason)),
            Ending::Retry(reason) => self.give_up(DeadLetterReason::RetryAsked(reason)),
        }
    }

    /// Counts so many messages of the receiver as handled.
    pub(crate) fn count_handled(&self, messages: u64) {
        self.receiver.stats.handled(messages);
    }

    /// Returns the handling times of the receiver, to record some.
    pub(crate) fn times(&self) -> MutexGuard<'_, HandlingTimes> {
        self.receiver.stats.times()
    }

    /// Ends the message, which has been counted as handled.
    pub(crate) fn end(&mut self) {
        self.end_with(Callback::Reply(Vec::new()));
    }

    /// As [`Envelope::end`], with an answer to the requester.
    pub(crate) fn end_with(&mut self, answer: Callback) {
        self.ended = true;
        if self.reply.is_some() {
            self.answer(answer);
        }
    }

    /// Returns the end that a handler reported, as the host keeps it.
    pub(crate) fn ending(&self, completion: Completion) -> Ending {
        let max_reply_bytes = match &self.reply {
            Some(ReplyTo::Component { callbacks, .. }) => callbacks.max_reply_bytes(),
            Some(ReplyTo::Outside(waiter)) => waiter.max_reply_bytes,
            // A reply without a requester is dropped now. A call has its own way back.
            Some(ReplyTo::Call(_)) | None => 0,
        };
        Ending::of(completion, max_reply_bytes)
    }

    /// Ends the message because its handler failed on it, or rejected it.
    pub(crate) fn give_up(mut self, reason: DeadLetterReason) {
        self.ended = true;
        let error = match &reason {
            DeadLetterReason::Rejected(reason) | DeadLetterReason::RetryAsked(reason) => {
                RequestError::Rejected(reason.to_string())
            }
            _ => RequestError::TargetFailed,
        };
        self.fail(reason, error);
    }

    /// Puts the message into the dead letters, and tells its requester or its caller.
    fn fail(&mut self, reason: DeadLetterReason, error: RequestError) {
        if let Some(call) = self.take_call() {
            call.not_entered(&reason);
        }
        self.dead_letter(reason);
        self.answer(Callback::Failed(error));
    }

    /// Drops messages of one component that have ended, and takes them out of flight all at once.
    pub(crate) fn drop_all(messages: impl Iterator<Item = Envelope>) {
        let mut count = 0;
        let mut last = None;
        for mut message in messages {
            count += usize::from(std::mem::take(&mut message.is_in_flight));
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
                let (size, limit) = (body.len() as u64, waiter.max_reply_bytes);
                let reply = match size > limit {
                    true => Err(RequestError::ReplyTooLarge(SizeLimit { size, limit })),
                    false => Ok(Bytes::from(body)),
                };
                drop(waiter.reply.send(reply))
            }
            (Some(ReplyTo::Outside(waiter)), Callback::Failed(error)) => drop(waiter.reply.send(Err(error))),
            // A call has been told before.
            (Some(ReplyTo::Outside(_)), Callback::Ready) | (Some(ReplyTo::Call(_)) | None, _) => {}
        }
    }
}

/// The methods for native actors.
impl Envelope {
    /// Returns the name of the instance that sent it; `host` for a message from outside the app.
    pub fn sender(&self) -> &str {
        &self.origin.sender
    }

    /// Returns the topic that it was published on, or `None` if it was sent to this receiver.
    pub fn topic(&self) -> Option<&str> {
        self.origin.topic.as_deref()
    }

    /// Returns the codec of its body: one that the receiver accepts.
    pub fn codec(&self) -> Codec {
        Codec::split(&self.body).map_or(self.receiver.accepts.prefers(), |(codec, _)| codec)
    }

    /// Returns its body, without the codec prefix.
    pub fn body(&self) -> &[u8] {
        Codec::split(&self.body).map_or(&[], |(_, body)| body)
    }

    /// Returns the whole message: codec prefix and body.
    pub fn message(&self) -> &Bytes {
        &self.body
    }

    /// Returns the place in a trace to which the messages belong that are sent because of it.
    pub fn trace(&self) -> Option<TraceContext> {
        let span = match self.phase.as_deref() {
            Some(Phase::Native(attempt)) => attempt.span.as_ref(),
            _ => None,
        };
        span.and_then(|span| span.context()).or(self.origin.trace)
    }

    /// Returns true if somebody waits for a reply.
    pub fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// Ends it with a reply: codec prefix and body, as [`Codec::message`] makes them. If nobody
    /// waits for a reply, it is dropped.
    pub fn reply(self, message: impl Into<Vec<u8>>) {
        self.end_native(Completion::Reply(message.into()));
    }

    /// Ends it as handled. A requester gets an empty reply.
    pub fn done(self) {
        self.end_native(Completion::Done);
    }

    /// Ends it as not taken: it goes to the dead letters with the reason, which a requester gets
    /// too.
    pub fn reject(self, reason: impl Into<String>) {
        self.end_native(Completion::Rejected(reason.into()));
    }

    /// Notes that a native handler has it now, with its span.
    pub(crate) fn delivered_to_native(&mut self, delivered_at: Instant, span: Option<Box<dyn MessageSpan>>) {
        self.phase = Some(Box::new(Phase::Native(NativeAttempt { delivered_at, span })));
    }

    fn end_native(mut self, how: Completion) {
        let how = self.ending(how);
        let (mut began, mut took) = (Instant::now(), Took::default());
        if let Some(Phase::Native(attempt)) = self.phase.take().map(|phase| *phase) {
            let total = attempt.delivered_at.elapsed();
            // The waits of a native handler cannot be seen from here.
            (began, took) = (attempt.delivered_at, Took { total, guest: total });
            if let Some(span) = attempt.span {
                span.end(match &how {
                    Ending::Reply(_) | Ending::ReplyTooLarge(_) => SpanOutcome::Replied,
                    Ending::Rejected(reason) => SpanOutcome::Rejected(reason),
                    _ => SpanOutcome::Done,
                });
            }
        }
        self.complete(how, began, took);
    }
}

impl Envelope {
    /// Ends a message that no handler has ended.
    fn abandon(&mut self) {
        let (reason, error) = match (self.phase.take().map(|phase| *phase), self.attempts) {
            (Some(Phase::Postponed(failure)), _) => (failure, RequestError::TargetStopped),
            (Some(Phase::Native(attempt)), _) => {
                let failure = match panicking() {
                    true => "the native handler panicked",
                    false => "the native handler ended without answering it",
                };
                if let Some(span) = attempt.span {
                    span.end(SpanOutcome::Failed(failure));
                }
                (DeadLetterReason::HandlerFailed(failure.into()), RequestError::TargetFailed)
            }
            (None, 0) if self.receiver.evicts() => {
                let reason = DeadLetterReason::MadeWay;
                let error = RequestError::Other(reason.to_string());
                (reason, error)
            }
            (None, 0) => (DeadLetterReason::TargetStopped, RequestError::TargetStopped),
            (None, _) => (DeadLetterReason::Interrupted, RequestError::TargetFailed),
        };
        self.fail(reason, error);
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        if !self.ended {
            self.abandon();
        }
        if self.waits {
            self.receiver.budget.give_back(message_cost(self.body.len()));
        }
        // Last, because the requester has to be told before the app counts as drained.
        self.receiver.in_flight.end(usize::from(self.is_in_flight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_from_services_take_no_room_from_messages() {
        assert_eq!(size_of::<Envelope>(), 112);
        assert_eq!(size_of::<ReplyTo>(), size_of::<Option<ReplyTo>>());
    }
}
