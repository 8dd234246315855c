//! Components that do not end when their app ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use airssys_wasm::{ComponentSpec, MessageSpan, MessageTracer, SpanOutcome, TraceContext, TracedMessage};
use tokio::sync::Notify;

use super::*;

/// Holds the worker of a guest at one message, as a call of the host that does not return.
#[derive(Debug, Default)]
struct HoldsWorker {
    messages: AtomicU64,
    reached: Notify,
    is_released: Mutex<bool>,
    released: Condvar,
}

/// The number of messages before the one that is held.
const BEFORE: u64 = 64;

impl MessageTracer for HoldsWorker {
    fn begin(&self, _: Option<TraceContext>, _: &TracedMessage<'_>) -> Box<dyn MessageSpan> {
        if self.messages.fetch_add(1, Ordering::Relaxed) == BEFORE {
            self.reached.notify_one();
            let held = self.is_released.lock().unwrap();
            drop(self.released.wait_while(held, |is_released| !*is_released).unwrap());
        }
        Box::new(NoSpan)
    }
}

struct NoSpan;

impl MessageSpan for NoSpan {
    fn context(&self) -> Option<TraceContext> {
        None
    }

    fn end(self: Box<Self>, _: SpanOutcome<'_>) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_add_up_after_a_forced_end_and_the_aborted_guest_ends() {
    const SENT: u64 = 1_025;
    let host = host();
    let tracer = Arc::new(HoldsWorker::default());
    host.trace_with(Arc::<HoldsWorker>::clone(&tracer));
    let stuck = host.prepare(ComponentSpec { capacity: 2_000, ..trusted("stuck") }).unwrap();
    for _ in 0..SENT {
        host.tell("stuck", *note("x")).await;
    }
    host.start(stuck).await.unwrap();
    tracer.reached.notified().await;

    let report = host.shutdown(Duration::from_millis(500)).await;
    assert_eq!(report.late, ["stuck"]);
    let last = snapshot(&host, "stuck");
    let counts = (last.received, last.handled, last.dead_lettered, last.unfinished);
    assert_eq!(counts, (SENT, BEFORE, 0, SENT - BEFORE));

    *tracer.is_released.lock().unwrap() = true;
    tracer.released.notify_all();
    tokio::time::timeout(SOON, host.drained()).await.expect("the guest ends");
    let last = snapshot(&host, "stuck");
    assert_eq!((last.handled + last.dead_lettered, last.unfinished), (SENT, 0));
    // It came to no other message than the one that was held.
    assert!(last.handled <= BEFORE + 1, "{last:?}");
    assert!(host.actors("stuck").iter().all(|actor| actor.is_closed()));
    assert_eq!(last.memory_bytes(), 0);
}
