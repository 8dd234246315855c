use airssys_rt::{ActorSystem, ChildSpec, Prepared};
use airssys_spec::Limits;

use super::*;
use crate::observe::in_flight::InFlightCount;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the callbacks of an actor that has not started, so that signals to it stay pending.
fn callbacks(limit: usize) -> (Arc<Callbacks>, InFlightCount, Prepared<()>) {
    let seat = ActorSystem::new("test").prepare(ChildSpec::new("requester")).unwrap();
    let limits = Limits { concurrent_requests: limit, message_size_bytes: 100, ..Limits::default() };
    let in_flight = InFlightCount::default();
    let (accepts, wait_graph) = (Accepts::only(Codec::Cbor), Arc::default());
    let stats = Arc::new(ComponentStats::new());
    let callbacks =
        Callbacks::new(seat.actor_ref().handle(), accepts, &limits, in_flight.part(), stats, wait_graph);
    (callbacks, in_flight, seat)
}

fn reply() -> Callback {
    Callback::Reply(Codec::Cbor.message(b"yes"))
}

fn error(resolved: Option<ResolvedCallback>) -> Option<String> {
    match resolved?.callback {
        Callback::Failed(error) => Some(format!("{error:?}")),
        Callback::Reply(_) | Callback::Ready => None,
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_first_result_of_a_request_is_delivered() {
    let (callbacks, in_flight, _seat) = callbacks(8);
    let trace = crate::observe::trace::TraceContext::new(1, 2, 0);
    let request = callbacks.open(SECOND, None, trace).unwrap();
    callbacks.resolve(request, reply());
    callbacks.resolve(request, reply());
    assert!(!callbacks.cancel(request));
    tokio::time::sleep(SECOND * 2).await;
    let resolved = callbacks.take_ready().unwrap();
    assert_eq!((resolved.request, resolved.trace), (request, trace));
    drop(resolved);
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
        let resolved = callbacks.next().await.unwrap();
        assert_eq!((resolved.request, began.elapsed()), (request, SECOND * seconds));
        assert_eq!(error(Some(resolved)).unwrap(), "RequestError::TimedOut");
    }
    assert!(callbacks.next().await.is_none(), "there is nothing to wait for");
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_fails_and_a_withdrawn_one_has_no_callback() {
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
async fn a_timed_out_wait_leaves_no_task_behind() {
    let (callbacks, in_flight, _seat) = callbacks(2);
    for _ in 0..100 {
        let request = callbacks.open(SECOND, None, None).unwrap();
        callbacks.spawn(request, std::future::pending());
        assert_eq!(error(callbacks.next().await).unwrap(), "RequestError::TimedOut");
        tokio::task::yield_now().await;
    }
    let request = callbacks.open(SECOND, None, None).unwrap();
    callbacks.spawn(request, std::future::pending());
    // The timer, this wait, and at most the one before it, whose abort may be pending.
    assert!(lock(&callbacks.state).tasks.len() <= 3, "{}", lock(&callbacks.state).tasks.len());
    callbacks.close();
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn closed_callbacks_deliver_nothing() {
    let (callbacks, in_flight, _seat) = callbacks(8);
    let (ready, open) =
        (callbacks.open(SECOND, None, None).unwrap(), callbacks.open(SECOND, None, None).unwrap());
    callbacks.resolve(ready, reply());
    callbacks.close();
    callbacks.resolve(open, reply());
    assert!(callbacks.take_ready().is_none());
    assert!(callbacks.open(SECOND, None, None).is_err());
    assert_eq!(in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_the_component_does_not_accept_is_an_error() {
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
async fn deadlines_of_resolved_requests_do_not_pile_up() {
    let (callbacks, _, _seat) = callbacks(8);
    let last = callbacks.open(2 * SECOND, None, None).unwrap();
    for _ in 0..10 * SPARE_DEADLINES {
        let request = callbacks.open(SECOND, None, None).unwrap();
        callbacks.resolve(request, reply());
        assert_eq!(callbacks.next().await.unwrap().request, request);
    }
    assert!(lock(&callbacks.state).deadlines.len() <= 2 * 8 + SPARE_DEADLINES);
    let began = Instant::now();
    assert_eq!(callbacks.next().await.unwrap().request, last);
    assert_eq!(began.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn wait_for_an_arrival_ends_with_a_callback_and_takes_none() {
    let (callbacks, _, _seat) = callbacks(8);
    let request = callbacks.open(SECOND, None, None).unwrap();
    callbacks.arrived().await;
    callbacks.arrived().await;
    assert_eq!(callbacks.take_ready().unwrap().request, request);
    let waits = tokio::time::timeout(SECOND * 100, callbacks.arrived());
    assert!(waits.await.is_err(), "nothing arrives any more");
}

#[tokio::test(start_paused = true)]
async fn callback_of_a_wait_that_was_given_up_goes_to_the_actor() {
    let (callbacks, _, _seat) = callbacks(8);
    let request = callbacks.open(SECOND * 2, None, None).unwrap();
    assert!(tokio::time::timeout(SECOND, callbacks.arrived()).await.is_err());
    assert!(!lock(&callbacks.state).awaited, "the actor is signalled of the next callback");
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(callbacks.take_ready().unwrap().request, request);
}
