//! Shares of the components in the queue of spans.
//!
//! A component that makes spans faster than the collector takes them would fill the queue, and the spans
//! of all others would be dropped. So each component may have as many spans in the queue as are free in it.
//! One component alone gets half of the queue, two get a third each, and some room is always left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::{Context, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

use super::span::RECEIVER;
use crate::sync::lock;

/// The spans that wait in the queue, by component.
#[derive(Debug)]
pub(super) struct Shares {
    size: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    total: usize,
    of: HashMap<Box<str>, Share>,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Share {
    waiting: usize,
    dropped: u64,
}

impl Shares {
    /// The shares of a queue that has room for so many spans.
    pub(super) fn new(size: usize) -> Arc<Shares> {
        Arc::new(Shares { size, waiting: Mutex::default() })
    }

    /// Counts a span that is put into the queue. Returns false if its component has no room.
    fn admit(&self, component: &str) -> bool {
        let mut waiting = lock(&self.waiting);
        let Waiting { total, of, dropped } = &mut *waiting;
        if !of.contains_key(component) {
            of.insert(component.into(), Share::default());
        }
        let Some(share) = of.get_mut(component) else { return false };
        let admitted = share.waiting < self.size.saturating_sub(*total);
        match admitted {
            true => (share.waiting, *total) = (share.waiting + 1, *total + 1),
            false => (share.dropped, *dropped) = (share.dropped + 1, *dropped + 1),
        }
        let is_first = !admitted && share.dropped == 1;
        drop(waiting);
        if is_first {
            tracing::warn!(
                component,
                "the collector takes spans more slowly than the component makes them, so some are dropped"
            );
        }
        admitted
    }

    /// Counts spans that have left the queue.
    fn taken<'a>(&self, components: impl Iterator<Item = &'a str>) {
        let mut waiting = lock(&self.waiting);
        for component in components {
            if let Some(share) = waiting.of.get_mut(component) {
                share.waiting = share.waiting.saturating_sub(1);
                waiting.total = waiting.total.saturating_sub(1);
            }
        }
    }

    /// Returns the number of spans that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        lock(&self.waiting).dropped
    }
}

/// Returns the component whose message a span belongs to.
fn component(span: &SpanData) -> &str {
    let receiver = span.attributes.iter().find(|attribute| attribute.key.as_str() == RECEIVER);
    match receiver.map(|attribute| &attribute.value) {
        Some(Value::String(name)) => name.as_str(),
        _ => "",
    }
}

/// Puts the spans that have room into the queue of another processor.
#[derive(Debug)]
pub(super) struct SharedQueue<P> {
    pub(super) queue: P,
    pub(super) shares: Arc<Shares>,
}

impl<P: SpanProcessor> SpanProcessor for SharedQueue<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.queue.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The queue drops those that are not sampled, and they never leave it.
        if span.span_context.is_sampled() && self.shares.admit(component(&span)) {
            self.queue.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

/// Counts the spans that leave the queue for another exporter.
#[derive(Debug)]
pub(super) struct CountingExporter<E> {
    pub(super) exporter: E,
    pub(super) shares: Arc<Shares>,
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.shares.taken(batch.iter().map(component));
        self.exporter.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

    use super::*;

    #[test]
    fn component_alone_gets_half_of_the_queue_and_others_find_room() {
        let shares = Shares::new(100);
        let admitted = |component: &str, spans: usize| (0..spans).filter(|_| shares.admit(component)).count();
        assert_eq!(admitted("loud", 1_000), 50);
        assert_eq!(admitted("louder", 1_000), 25);
        assert_eq!(admitted("quiet", 5), 5);
        assert_eq!(shares.dropped(), 950 + 975);
        shares.taken(["loud"; 50].into_iter());
        assert_eq!(admitted("quiet", 20), 20);
        assert_eq!(admitted("loud", 1_000), 25);
    }

    /// An exporter whose collector is stuck until the test has a word with it.
    #[derive(Debug)]
    struct Stuck {
        go_on: Mutex<Receiver<()>>,
        exported: Sender<String>,
    }

    impl SpanExporter for Stuck {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let _ = lock(&self.go_on).recv();
            batch.iter().for_each(|span| drop(self.exported.send(component(span).to_owned())));
            Ok(())
        }
    }

    #[test]
    fn component_with_many_spans_does_not_push_out_those_of_others() {
        let ((go, go_on), (exported, spans)) = (channel(), channel());
        let shares = Shares::new(2_000);
        let exporter = CountingExporter {
            exporter: Stuck { go_on: Mutex::new(go_on), exported },
            shares: Arc::clone(&shares),
        };
        let config = BatchConfigBuilder::default().with_max_queue_size(2_000).build();
        let queue = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let processor = SharedQueue { queue, shares: Arc::clone(&shares) };
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("test");
        let span = |component: &'static str| {
            let attributes = vec![KeyValue::new(RECEIVER, component)];
            tracer.span_builder("process").with_attributes(attributes).start(&tracer).end();
        };
        (0..20_000).for_each(|_| span("loud"));
        (0..300).for_each(|_| span("quiet"));
        drop(go);
        provider.shutdown().unwrap();
        let exported: Vec<String> = spans.try_iter().collect();
        assert_eq!(exported.iter().filter(|component| *component == "quiet").count(), 300);
        assert_eq!(exported.len() as u64 + shares.dropped(), 20_300, "each span is exported or counted");
    }
}
