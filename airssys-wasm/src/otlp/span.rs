//! The span of a message, with the attributes of OpenTelemetry's messaging conventions.

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use crate::observe::trace::{
    MessageSpan, MessageTracer, SpanOutcome, TraceContext, TracedMessage, TracedRequest,
};

/// The attribute with the component whose message a span belongs to.
pub(super) const RECEIVER: &str = "airssys.receiver";

#[derive(Debug)]
pub(super) struct OtlpTracer(SdkTracer);

impl OtlpTracer {
    pub(super) fn new(tracer: SdkTracer) -> OtlpTracer {
        OtlpTracer(tracer)
    }
}

struct OtlpSpan(Span);

impl MessageTracer for OtlpTracer {
    fn begin(&self, parent: Option<TraceContext>, message: &TracedMessage<'_>) -> Box<dyn MessageSpan> {
        let destination = message.topic.unwrap_or(message.component);
        // The attributes are set before the start, because a sampler may read them.
        let span = self
            .0
            .span_builder(format!("process {destination}"))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes(message, destination));
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(remote(parent)),
            None => Context::new(),
        };
        Box::new(OtlpSpan(span.start_with_context(&self.0, &context)))
    }

    fn begin_request(
        &self,
        parent: Option<TraceContext>,
        request: &TracedRequest<'_>,
    ) -> Option<Box<dyn MessageSpan>> {
        let owned = |text: &str| text.to_owned();
        let span =
            self.0.span_builder(owned(request.method)).with_kind(SpanKind::Client).with_attributes(vec![
                KeyValue::new("http.request.method", owned(request.method)),
                KeyValue::new("server.address", owned(request.host)),
                KeyValue::new("server.port", i64::from(request.port)),
                KeyValue::new("airssys.app", owned(request.app)),
                KeyValue::new("airssys.sender", owned(request.instance)),
            ]);
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(remote(parent)),
            None => Context::new(),
        };
        Some(Box::new(OtlpSpan(span.start_with_context(&self.0, &context))))
    }
}

fn remote(parent: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace_id()),
        SpanId::from(parent.span_id()),
        TraceFlags::new(parent.flags()),
        true,
        TraceState::default(),
    )
}

fn attributes(message: &TracedMessage<'_>, destination: &str) -> Vec<KeyValue> {
    let owned = |text: &str| text.to_owned();
    let mut attributes = vec![
        KeyValue::new("messaging.system", "airssys"),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.destination.name", owned(destination)),
        KeyValue::new("messaging.client.id", owned(message.instance)),
        KeyValue::new("messaging.message.envelope.size", i64::try_from(message.bytes).unwrap_or(i64::MAX)),
        KeyValue::new("airssys.app", owned(message.app)),
        KeyValue::new("airssys.sender", owned(message.sender)),
        KeyValue::new(RECEIVER, owned(message.component)),
        KeyValue::new("airssys.attempt", i64::from(message.attempt)),
        KeyValue::new("airssys.wants_reply", message.wants_reply),
        KeyValue::new("airssys.waited_seconds", message.waited.as_secs_f64()),
    ];
    if let Some(codec) = message.codec {
        attributes.push(KeyValue::new("airssys.codec", codec.name()));
    }
    if message.topic.is_some() {
        attributes.push(KeyValue::new("messaging.consumer.group.name", owned(message.component)));
    }
    attributes
}

impl MessageSpan for OtlpSpan {
    fn context(&self) -> Option<TraceContext> {
        let context = self.0.span_context();
        let trace_id = u128::from_be_bytes(context.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(context.span_id().to_bytes());
        TraceContext::new(trace_id, span_id, context.trace_flags().to_u8())
    }

    fn end(mut self: Box<Self>, outcome: SpanOutcome<'_>) {
        let span = &mut self.0;
        let (name, failure) = match outcome {
            SpanOutcome::Done => ("done", None),
            SpanOutcome::Replied => ("replied", None),
            SpanOutcome::Retried(reason) => ("retried", Some(reason)),
            SpanOutcome::Rejected(reason) => ("rejected", Some(reason)),
            SpanOutcome::Failed(reason) => ("failed", Some(reason)),
        };
        span.set_attribute(KeyValue::new("airssys.outcome", name));
        if let Some(reason) = failure {
            span.set_attribute(KeyValue::new("error.type", name));
            span.set_status(Status::error(reason.to_owned()));
        }
        span.end();
    }
}
