use std::task::Waker;

use futures_util::future::FutureExt;

use super::*;
use crate::fake_host::{calls, full_for};

fn context() -> Context {
    let context = Context::new(Codec::Cbor);
    context.route("peer").unwrap();
    calls();
    context
}

#[test]
fn overlapping_sends_have_buffers_of_their_own() {
    let context = context();
    let (first, second) = (context.send("peer", "a"), context.send("peer", "bb"));
    drop(context.send("peer", "is not sent"));
    assert!(calls().is_empty());
    second.now_or_never().unwrap().unwrap();
    context.try_send("peer", "cccc").unwrap();
    first.now_or_never().unwrap().unwrap();
    // The sizes are those of a prefix, a head and the text.
    assert_eq!(calls(), ["send 4 4", "send 4 6", "send 4 3"]);
}

#[test]
fn small_buffer_is_kept_and_large_one_is_dropped() {
    let context = context();
    context.try_send("peer", "a").unwrap();
    let kept = context.inner.spare.take();
    assert!(kept.is_empty() && kept.capacity() > 0);
    context.try_send("peer", &"x".repeat(MOST_SPARE_BYTES)).unwrap();
    assert_eq!(context.inner.spare.take().capacity(), 0);
    // A send that has to wait keeps its buffer until it is done.
    full_for(1);
    let mut waits = context.send("peer", "a");
    let mut task = std::task::Context::from_waker(Waker::noop());
    assert!(waits.poll_unpin(&mut task).is_pending());
    assert_eq!(context.inner.spare.take().capacity(), 0);
}

#[test]
fn late_callbacks_are_ignored_and_dropped_requests_cancelled() {
    let context = context();
    let mut request = context.request::<u64>("peer", "?");
    let mut task = std::task::Context::from_waker(Waker::noop());
    assert!(request.poll_unpin(&mut task).is_pending());
    for late in [7, 1, 1] {
        let reply = codec::encode(&2, Codec::Cbor).unwrap();
        context.deliver(late, Callback::Reply(reply));
    }
    let reply = request.poll_unpin(&mut task);
    assert!(matches!(reply, std::task::Poll::Ready(Ok(2))), "{reply:?}");
    calls();
    drop(request);
    assert!(calls().is_empty(), "nothing is left to cancel");

    let mut request = context.request::<u64>("peer", "?");
    assert!(request.poll_unpin(&mut task).is_pending());
    drop(request);
    assert_eq!(calls(), ["request 4 within 5000", "cancel 2"]);
}
