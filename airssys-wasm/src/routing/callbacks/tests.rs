use airssys_rt::{ActorSystem, ChildSpec, Prepared};
use airssys_spec::Limits;

use super::*;
use crate::observe::in_flight::InFlightCount;

const SECOND: Duration = Duration::from_secs(1);

/// Callbacks of an actor that has not started: what is signalled to it stays.
fn callbacks(limit: usize) -> (Arc<Callbacks>, InFlightCount, Prepared<()>) {
    let seat = ActorSystem::new("test").prepare(ChildSpec::new("requester")).unwrap();
    let limits = Limits { concurrent_requests: limit, message_size_bytes: 100, ..Limits::default() };
    let in_flight = InFlightCount::default();
    let (accepts, waits) = (Accepts::only(Codec::Cbor), Arc::default());
    let stats = Arc::new(ComponentStats::new());
    let callbacks =
        Callbacks::new(seat.actor_ref().handle(), accepts, &limits, in_flight.part(), stats, waits);
    (callbacks, in_flight, seat)
}

fn reply() -> Callback {
    Callback::Reply(Codec::Cbor.message(b"yes"))
}

fn error(settled: Option<Settled>) -> Option<String> {
    match settled?.callback {
        Callback::Failed(error) => Some(format!("{error:?}")),
        Callback::Reply(_) | Callback::Ready => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_settled_once_by_whatever_is_first() {
    let (callbacks, in_flight, _seat) = callbacks(8);
    let trace = crate::observe::trace::TraceContext::new(1, 2, 0);
    let request = callbacks.open(SECOND, None, trace).unwrap();
    callbacks.settle(request, reply());
    callbacks.settle(request, reply());
    assert!(!callbacks.cancel(request));
    tokio::time::sleep(SECOND * 2).await;
    let settled = callbacks.take_ready().unwrap();
    assert_eq!((settled.request, settled.trace), (request, trace));
    drop(settled);
    assert!(callbacks.take_ready().is_none());
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_request_fails_at_its_own_deadline() {
    let (callbacks, in_flight, _seat) = callbacks(8);
    let began = Instant::now();
    let late = callbacks.open(SECOND * 3, None, None).unwrap();
    let early = callbacks.open(SECOND, None, None).unwrap();
    assert_eq!(in_flight.get(), 2);
    for (request, seconds) in [(early, 1), (late, 3)] {
        let settled = callbacks.next().await.unwrap();
        assert_eq!((settled.request, began.elapsed()), (request, SECOND * seconds));
        assert_eq!(error(Some(settled)).unwrap(), "RequestError::TimedOut");
    }
    assert!(callbacks.next().await.is_none(), "there is nothing to wait for");
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_or_withdrawn_is_gone() {
    let (callbacks, in_flight, _seat) = callbacks(2);
    let (cancelled, withdrawn) =
        (callbacks.open(SECOND, None, None).unwrap(), callbacks.open(SECOND, None, None).unwrap());
    assert!(callbacks.open(SECOND, None, None).is_err(), "the limit is two");
    callbacks.withdraw(withdrawn);
    assert!(callbacks.cancel(cancelled));
    assert_eq!(error(callbacks.next().await).unwrap(), "RequestError::Cancelled");
    assert!(callbacks.next().await.is_none());
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_leaves_no_task_behind() {
    let (callbacks, in_flight, _seat) = callbacks(2);
    for _ in 0..100 {
        let request = callbacks.open(SECOND, None, None).unwrap();
        callbacks.run(request, std::future::pending());
        assert_eq!(error(callbacks.next().await).unwrap(), "RequestError::TimedOut");
        tokio::task::yield_now().await;
    }
    let request = callbacks.open(SECOND, None, None).unwrap();
    callbacks.run(request, std::future::pending());
    // The timer, this wait, and at most the one before it, which is just being aborted.
    assert!(callbacks.lock().tasks.len() <= 3, "{}", callbacks.lock().tasks.len());
    callbacks.close();
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_after_the_end() {
    let (callbacks, in_flight, _seat) = callbacks(8);
    let (ready, open) =
        (callbacks.open(SECOND, None, None).unwrap(), callbacks.open(SECOND, None, None).unwrap());
    callbacks.settle(ready, reply());
    callbacks.close();
    callbacks.settle(open, reply());
    assert!(callbacks.take_ready().is_none());
    assert!(callbacks.open(SECOND, None, None).is_err());
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_suit_is_an_error() {
    let (callbacks, _, _seat) = callbacks(8);
    let unsuitable = [
        (Codec::Json.message(b"{}"), "CodecRefused"),
        (b"{}".to_vec(), "CodecRefused"),
        (Codec::Cbor.message(&[0; 100]), "ReplyTooLarge"),
    ];
    for (body, expected) in unsuitable {
        let request = callbacks.open(SECOND, None, None).unwrap();
        callbacks.answer(request, ("target", Accepts::only(Codec::Json)), Callback::Reply(body));
        let text = error(callbacks.next().await).unwrap();
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_of_what_is_settled_do_not_pile_up() {
    let (callbacks, _, _seat) = callbacks(8);
    let last = callbacks.open(2 * SECOND, None, None).unwrap();
    for _ in 0..10 * SPARE_DEADLINES {
        let request = callbacks.open(SECOND, None, None).unwrap();
        callbacks.settle(request, reply());
        assert_eq!(callbacks.next().await.unwrap().request, request);
    }
    assert!(callbacks.lock().deadlines.len() <= 2 * 8 + SPARE_DEADLINES);
    let began = Instant::now();
    assert_eq!(callbacks.next().await.unwrap().request, last);
    assert_eq!(began.elapsed(), 2 * SECOND);
}
