//! Traces: the span of each message, its parent and its outcome.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use airssys_rt::RestartStrategy;
use airssys_wasm::{
    ComponentHost, ComponentSpec, Delivery, MessageSpan, MessageTracer, Retry, SpanOutcome, TraceContext,
    TracedMessage,
};

use crate::support::*;

const OUTSIDE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn outside() -> TraceContext {
    OUTSIDE.parse().unwrap()
}

/// Keeps the spans of a host.
#[derive(Clone, Debug, Default)]
struct Recorder {
    spans: Arc<Mutex<Vec<Recorded>>>,
    ids: Arc<AtomicU64>,
}

/// A span that has ended.
#[derive(Clone, Debug)]
struct Recorded {
    trace: u128,
    id: u64,
    parent: Option<u64>,
    /// Sender, receiver, topic and attempt.
    what: String,
    outcome: String,
}

struct Open {
    recorder: Recorder,
    context: TraceContext,
    span: Recorded,
}

impl Recorder {
    /// Makes a recorder of the messages of a host.
    fn of(host: &ComponentHost) -> Recorder {
        let recorder = Recorder::default();
        host.trace_with(Arc::new(recorder.clone()));
        recorder
    }

    /// Returns the spans that have ended, in the order in which they began.
    fn spans(&self) -> Vec<Recorded> {
        let mut spans = self.spans.lock().unwrap().clone();
        spans.sort_by_key(|span| span.id);
        spans
    }
}

impl MessageTracer for Recorder {
    fn begin(&self, parent: Option<TraceContext>, message: &TracedMessage<'_>) -> Box<dyn MessageSpan> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let trace = parent.map_or(u128::from(id), TraceContext::trace_id);
        let TracedMessage { sender, instance, topic, attempt, codec, .. } = message;
        assert_eq!(codec.map(airssys_message::Codec::name), Some("cbor"));
        let what = format!("{sender} to {instance}, {}, {attempt}", topic.unwrap_or("-"));
        let parent = parent.map(TraceContext::span_id);
        let span = Recorded { trace, id, parent, what, outcome: String::new() };
        let context = TraceContext::new(trace, id, 1).unwrap();
        Box::new(Open { recorder: self.clone(), context, span })
    }
}

impl MessageSpan for Open {
    fn context(&self) -> Option<TraceContext> {
        Some(self.context)
    }

    fn end(mut self: Box<Self>, outcome: SpanOutcome<'_>) {
        self.span.outcome = format!("{outcome:?}");
        self.recorder.spans.lock().unwrap().push(self.span);
    }
}

fn send(to: &str, command: Command) -> Command {
    Command::Send { to: to.to_owned(), command: Box::new(command), times: 1 }
}

fn request(to: &str, command: Command) -> Command {
    Command::Request { to: to.to_owned(), command: Box::new(command), timeout_ms: 5_000 }
}

#[tokio::test]
async fn context_is_passed_on_unchanged_without_a_tracer() {
    let host = host();
    for name in ["first", "second", "third"] {
        host.spawn(trusted(name)).await.unwrap();
    }
    let chain = message(&request("second", request("third", Command::Traceparent)));
    let reply = host.in_trace(outside()).request("first", chain, SOON).await.unwrap();
    assert!(reply.ends_with(OUTSIDE.as_bytes()), "{reply:?}");
    let unknown = host.ask("first", request("second", Command::Traceparent)).await;
    assert_eq!(unknown.unwrap(), "none");
}

#[tokio::test]
async fn each_message_is_a_span_below_that_of_its_cause() {
    let host = host();
    let recorder = Recorder::of(&host);
    for (name, topics) in [("feed", None), ("parse", None), ("region", None), ("alerts", Some("quakes.*"))] {
        let subscribes = topics.into_iter().map(pattern).collect();
        host.spawn(ComponentSpec { subscribes, ..trusted(name) }).await.unwrap();
    }
    // Each handler continues after a callback, and its later messages belong to the same span.
    let twice = Command::WorkBetween { to: "region".to_owned(), rounds: 0, times: 2 };
    host.tell("feed", send("parse", twice)).await;
    host.drained().await;
    let publish = Command::Publish { topic: "quakes.major".to_owned(), command: note("shaken") };
    host.tell("feed", request("parse", publish)).await;
    host.drained().await;

    let spans = recorder.spans();
    let told: Vec<_> =
        spans.iter().map(|s| (s.trace, s.parent, s.what.as_str(), s.outcome.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, None, "host to feed, -, 1", "Replied"),
            (1, Some(1), "feed to parse, -, 1", "Replied"),
            (1, Some(2), "parse to region, -, 1", "Replied"),
            (1, Some(2), "parse to region, -, 1", "Replied"),
            (5, None, "host to feed, -, 1", "Replied"),
            (5, Some(5), "feed to parse, -, 1", "Replied"),
            (5, Some(6), "parse to alerts, quakes.major, 1", "Done"),
        ]
    );
}

#[tokio::test]
async fn message_from_outside_is_a_span_of_its_trace() {
    let host = host();
    let recorder = Recorder::of(&host);
    host.spawn(ComponentSpec { subscribes: vec![pattern("news")], ..trusted("probe") }).await.unwrap();
    let inside = host.in_trace(outside());
    inside.send("probe", message(&note("one"))).await.unwrap();
    host.drained().await;
    inside.publish("news", message(&note("two"))).unwrap();
    host.drained().await;
    let reply = inside.request("probe", message(&Command::Traceparent), SOON).await.unwrap();
    let place = TraceContext::new(outside().trace_id(), 3, 1).unwrap().to_string();
    assert!(reply.ends_with(place.as_bytes()), "{reply:?}");
    for (span, topic) in recorder.spans().iter().zip(["-", "news", "-"]) {
        assert_eq!((span.trace, span.parent), (outside().trace_id(), Some(outside().span_id())));
        assert_eq!(span.what, format!("host to probe, {topic}, 1"));
    }
    assert_eq!(recorder.spans().len(), 3);
}

#[tokio::test]
async fn each_attempt_is_a_span_with_its_outcome() {
    let host = host();
    let recorder = Recorder::of(&host);
    let delivery = Delivery::Retry(Retry { attempts: 2, backoff: RestartStrategy::Immediate });
    host.spawn(ComponentSpec { delivery, ..trusted("retrying") }).await.unwrap();
    host.spawn(trusted("once")).await.unwrap();
    host.tell("retrying", Command::PanicBefore { attempt: 2, text: "kept".to_owned() }).await;
    host.drained().await;
    host.tell("retrying", Command::Retry("later".to_owned())).await;
    host.drained().await;
    host.tell("once", Command::Reject("no".to_owned())).await;
    host.drained().await;
    let told: Vec<String> = recorder.spans().iter().map(|s| format!("{}: {}", s.what, s.outcome)).collect();
    assert!(told[0].starts_with("host to retrying, -, 1: Retried(\"failed: panicked: attempt 1"), "{told:?}");
    assert_eq!(
        told[1..],
        [
            "host to retrying, -, 2: Replied",
            "host to retrying, -, 1: Retried(\"asked for another attempt: later\")",
            "host to retrying, -, 2: Rejected(\"later\")",
            "host to once, -, 1: Rejected(\"no\")",
        ]
    );
}

#[tokio::test]
async fn failed_message_is_a_failed_span() {
    let host = host();
    let recorder = Recorder::of(&host);
    host.spawn(trusted("probe")).await.unwrap();
    host.tell("probe", Command::Panic("on purpose".to_owned())).await;
    host.drained().await;
    host.tell("probe", Command::Stall).await;
    host.drained().await;
    let outcomes: Vec<String> = recorder.spans().into_iter().map(|span| span.outcome).collect();
    assert!(outcomes[0].starts_with("Failed(\"failed: panicked: on purpose"), "{outcomes:?}");
    assert!(outcomes[1].starts_with("Failed(\"abandoned"), "{outcomes:?}");
    assert_eq!(outcomes.len(), 2);
}

#[tokio::test]
async fn dead_letter_keeps_its_trace_and_a_retry_continues_it() {
    let host = host();
    let recorder = Recorder::of(&host);
    host.spawn(ComponentSpec { instances: 2, ..trusted("pool") }).await.unwrap();
    // The first instance is busy, so the second gets the message.
    let busy = message(&Command::Tally("x".to_owned()));
    host.send("pool/1", busy).await.unwrap();
    host.in_trace(outside()).send("pool", message(&Command::Reject("no".to_owned()))).await.unwrap();
    host.drained().await;
    let letter = host.dead_letters().kept().remove(0);
    assert_eq!((letter.trace, letter.instance.as_deref()), (Some(outside()), Some("pool/2")));
    host.retry_dead_letter(letter.id).unwrap();
    host.drained().await;
    let rejected: Vec<_> =
        recorder.spans().into_iter().filter(|span| span.outcome.contains("Rejected")).collect();
    assert_eq!(rejected.len(), 2, "{rejected:?}");
    for span in rejected {
        assert_eq!((span.trace, span.parent), (outside().trace_id(), Some(outside().span_id())), "{span:?}");
    }
    assert_eq!(host.dead_letters().kept().remove(0).trace, Some(outside()));
    // A letter that was never in a mailbox names no instance.
    let accepts = airssys_message::Accepts::only(airssys_message::Codec::Json);
    let picky = ComponentSpec { accepts, subscribes: vec![pattern("news")], ..trusted("picky") };
    host.spawn(picky).await.unwrap();
    host.in_trace(outside()).publish("news", message(&note("x"))).unwrap();
    let letter = host.dead_letters().kept().remove(1);
    assert_eq!((&*letter.receiver, letter.trace, letter.instance), ("picky", Some(outside()), None));
}
