//! The spans of the messages that an instance handles.

use std::time::Instant;

use airssys_message::Codec;

use crate::contract::Ending;
use crate::observe::dead_letters::DeadLetterReason;
use crate::observe::trace::{MessageSpan, MessageTracer, SpanOutcome, TracedMessage};
use crate::routing::envelope::Envelope;
use crate::routing::identity::Identity;

/// The span of a message. `None` without a tracer.
pub(crate) type Span = Option<Box<dyn MessageSpan>>;

/// Begins the span of a message that has been delivered.
pub(crate) fn begin(
    tracer: Option<&dyn MessageTracer>,
    identity: &Identity,
    envelope: &Envelope,
    delivered_at: Instant,
) -> Span {
    let tracer = tracer?;
    let message = TracedMessage {
        app: &identity.app,
        sender: &envelope.origin.sender,
        component: envelope.receiver(),
        instance: &identity.instance,
        topic: envelope.origin.topic.as_deref(),
        codec: Codec::split(&envelope.body).ok().map(|(codec, _)| codec),
        bytes: envelope.body.len(),
        attempt: envelope.attempts(),
        wants_reply: envelope.wants_reply(),
        waited: envelope.waited_before(delivered_at),
    };
    Some(tracer.begin(envelope.origin.trace, &message))
}

/// Ends the span of a message that its handler has completed. For a message that will be handled
/// again, call [`postponed`].
pub(crate) fn completed(span: Span, how: &Ending) {
    let Some(span) = span else { return };
    match how {
        Ending::Done => span.end(SpanOutcome::Done),
        Ending::Reply(_) | Ending::ReplyTooLarge(_) => replied(Some(span)),
        Ending::Rejected(reason) | Ending::Retry(reason) => span.end(SpanOutcome::Rejected(reason)),
    }
}

/// Ends the span of a message that was replied to.
pub(crate) fn replied(span: Span) {
    if let Some(span) = span {
        span.end(SpanOutcome::Replied);
    }
}

/// Ends the span of a message that will be handled again.
pub(crate) fn postponed(span: Span, reason: &DeadLetterReason) {
    if let Some(span) = span {
        span.end(SpanOutcome::Retried(&reason.to_string()));
    }
}

/// Ends the span of a message that is given up.
pub(crate) fn given_up(span: Span, reason: &DeadLetterReason) {
    let Some(span) = span else { return };
    match reason {
        DeadLetterReason::Rejected(reason) | DeadLetterReason::RetryAsked(reason) => {
            span.end(SpanOutcome::Rejected(reason))
        }
        failed => span.end(SpanOutcome::Failed(&failed.to_string())),
    }
}
