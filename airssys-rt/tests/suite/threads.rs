//! Callers on threads of no runtime, on threads that may block, and on threads that must not.

use std::sync::mpsc;
use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorSystem, BlockingRequestError as Blocking, BlockingSendError, ChildSpec, Overflow, ReplyTo,
    RequestError, RouterSpec, SendError,
};
use futures_util::FutureExt;
use futures_util::task::noop_waker;
use tokio::runtime::{Builder, Runtime};

use crate::support::probe::{Do, Log, Probe, hold};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A runtime with one thread of its own, and an actor in it whose mailbox has room for one message.
fn start(overflow: Overflow) -> (Runtime, ActorSystem, ActorRef<Do>, Log) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let log = Log::default();
    let (system, actor) = runtime.block_on(async {
        let system = ActorSystem::new("test");
        let log = log.clone();
        let spec = ChildSpec::new("probe").capacity(1).overflow(overflow);
        let actor = system.spawn(spec, move || Probe::new(&log)).await.unwrap();
        (system, actor)
    });
    (runtime, system, actor, log)
}

/// Holds the actor in its handler, and fills its mailbox.
fn fill(actor: &ActorRef<Do>) -> tokio::sync::oneshot::Sender<()> {
    let (message, is_held, go) = hold();
    actor.blocking_send(message).unwrap();
    is_held.blocking_recv().unwrap();
    actor.blocking_send(Do::Note(0)).unwrap();
    go
}

/// Polls a future to its end on this thread, which is of no runtime.
fn poll_here<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

#[test]
fn requests_from_a_thread_of_no_runtime_wait_for_room_and_keep_their_deadline() {
    let (_runtime, _system, actor, _log) = start(Overflow::Wait);
    assert_eq!(poll_here(actor.request(Do::Ask, SECOND)).unwrap(), 0);
    let go = fill(&actor);
    assert!(matches!(poll_here(actor.request(Do::Ask, MILLI)), Err(RequestError::TimedOut)));
    assert_eq!(actor.stats().accepted, 3, "it did not get into the mailbox");
    let mut waits = Box::pin(actor.request(Do::Ask, None));
    assert!(waits.as_mut().poll(&mut std::task::Context::from_waker(&noop_waker())).is_pending());
    go.send(()).unwrap();
    assert_eq!(poll_here(waits).unwrap(), 0);
}

#[test]
fn requests_to_a_router_need_no_runtime_either() {
    let (runtime, system, _actor, _log) = start(Overflow::Wait);
    let log = Log::default();
    let spec = RouterSpec::new("pool").size(1).capacity(1);
    let router = runtime.block_on(system.router(spec, move || Probe::new(&log))).unwrap();
    let worker = router.workers().remove(0);
    let go = fill(&worker);
    assert!(matches!(poll_here(router.request(Do::Ask, MILLI)), Err(RequestError::TimedOut)));
    go.send(()).unwrap();
    assert_eq!(poll_here(router.request(Do::Ask, None)).unwrap(), 0);
}

#[test]
fn shutdown_needs_no_runtime_either() {
    let (_runtime, system, actor, _log) = start(Overflow::Wait);
    let report = poll_here(system.shutdown(60 * SECOND));
    assert_eq!(report.stopped, ["probe"]);
    assert!(actor.is_closed());
    assert_eq!(poll_here(system.shutdown(SECOND)), Default::default());
}

#[test]
fn blocking_calls_wait_for_room_and_for_the_reply() {
    let (_runtime, _system, actor, log) = start(Overflow::Wait);
    let go = fill(&actor);
    let sender = std::thread::spawn({
        let actor = actor.clone();
        move || actor.blocking_send(Do::Note(1)).unwrap()
    });
    assert!(matches!(actor.blocking_request(Do::Ask, MILLI), Err(Blocking::Request(RequestError::TimedOut))));
    go.send(()).unwrap();
    sender.join().unwrap();
    assert_eq!(actor.blocking_request(Do::Ask, 60 * SECOND).unwrap(), 0);
    assert_eq!(log.only("note"), ["note 0", "note 1"]);

    let unanswered = |reply: ReplyTo<u64>| {
        drop(reply);
        Do::Note(2)
    };
    assert!(matches!(
        actor.blocking_request(unanswered, None),
        Err(Blocking::Request(RequestError::NoReply))
    ));
    actor.stop();
    poll_here(actor.closed());
    let refused = actor.blocking_send(Do::Note(3)).unwrap_err();
    assert!(matches!(refused, BlockingSendError::Send(SendError::Closed(Do::Note(3)))), "{refused:?}");
    assert!(matches!(actor.blocking_request(Do::Ask, None), Err(Blocking::Request(RequestError::Closed(_)))));
}

#[test]
fn routers_and_recipients_have_blocking_calls_too() {
    let (runtime, system, actor, log) = start(Overflow::Wait);
    let own = log.clone();
    let spec = RouterSpec::new("pool").size(1).capacity(1);
    let router = runtime.block_on(system.router(spec, move || Probe::new(&own))).unwrap();
    let recipient = actor.recipient::<Do>();
    for go in [fill(&actor), fill(&router.workers()[0])] {
        std::thread::spawn(move || go.send(()).unwrap());
    }
    recipient.blocking_send(Do::Note(1)).unwrap();
    router.blocking_send(Do::Note(2)).unwrap();
    router.blocking_send_by("key", Do::Note(3)).unwrap();
    assert_eq!(recipient.blocking_request(Do::Ask, None).unwrap(), 0);
    assert_eq!(router.blocking_request(Do::Ask, 60 * SECOND).unwrap(), 0);
    assert_eq!(router.blocking_request_by("key", Do::Ask, None).unwrap(), 0);
    assert_eq!(poll_here(recipient.request(Do::Ask, None)).unwrap(), 0);
    let mut notes = log.only("note");
    notes.sort();
    assert_eq!(notes, ["note 0", "note 0", "note 1", "note 2", "note 3"]);

    let go = fill(&actor);
    let late = recipient.blocking_request(Do::Ask, MILLI);
    assert!(matches!(late, Err(Blocking::Request(RequestError::TimedOut))));
    go.send(()).unwrap();
    router.supervisor().stop();
    poll_here(router.supervisor().closed());
    let refused = router.blocking_send(Do::Note(4)).unwrap_err();
    assert!(matches!(refused, BlockingSendError::Send(SendError::Closed(Do::Note(4)))), "{refused:?}");
    runtime.block_on(async {
        assert!(matches!(recipient.blocking_send(Do::Note(5)), Err(BlockingSendError::InTask(_))));
        assert!(matches!(router.blocking_send(Do::Note(5)), Err(BlockingSendError::InTask(_))));
        assert!(matches!(recipient.blocking_request(Do::Ask, None), Err(Blocking::InTask)));
        assert!(matches!(router.blocking_request_by(1, Do::Ask, None), Err(Blocking::InTask)));
    });
}

#[test]
fn blocking_calls_follow_the_policy_of_the_mailbox() {
    let (_runtime, _system, actor, _log) = start(Overflow::Reject);
    let go = fill(&actor);
    let refused = actor.blocking_send(Do::Note(1)).unwrap_err();
    assert!(matches!(refused.into_message(), Do::Note(1)));
    assert!(matches!(actor.blocking_request(Do::Ask, None), Err(Blocking::Request(RequestError::Full(_)))));
    go.send(()).unwrap();
}

#[test]
fn blocking_call_on_a_thread_that_runs_tasks_is_refused() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let system = ActorSystem::new("test");
            let log = Log::default();
            let actor = system.spawn(ChildSpec::new("probe"), move || Probe::new(&log)).await.unwrap();
            let refused = actor.blocking_send(Do::Note(1)).unwrap_err();
            let text = "this thread runs tasks, so it must not block: await `send` instead";
            assert_eq!(refused.to_string(), text);
            assert!(matches!(refused.into_message(), Do::Note(1)));
            let in_task = actor.clone();
            let refused = tokio::spawn(async move { in_task.blocking_request(Do::Ask, SECOND).unwrap_err() });
            assert!(matches!(refused.await.unwrap(), Blocking::InTask));
            assert_eq!(actor.stats().accepted, 0, "no message was made");

            let in_pool = actor.clone();
            let allowed =
                tokio::task::spawn_blocking(move || in_pool.blocking_request(Do::Ask, None).unwrap());
            assert_eq!(allowed.await.unwrap(), 0);
        });
    }
}

/// The clock of a request stops with its runtime.
#[test]
fn requester_on_another_thread_is_told_when_the_runtime_shuts_down() {
    let (runtime, system, actor, log) = start(Overflow::Wait);
    let (kept, keeps) = mpsc::channel();
    // The reply is kept outside of the system, so only the clock can end the request.
    let keep = move |reply: ReplyTo<u64>| {
        kept.send(reply).unwrap();
        Do::Note(1)
    };
    let mut request = Box::pin(actor.request(keep, 3600 * SECOND));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(request.as_mut().poll(&mut context).is_pending());
    let _reply = keeps.recv().unwrap();
    while log.only("note").is_empty() {
        std::thread::yield_now();
    }
    drop(runtime);
    assert!(matches!(poll_here(request), Err(RequestError::NoReply)));
    // No deadline is kept any more, so none is waited for.
    let late = poll_here(actor.request(Do::Ask, 3600 * SECOND));
    assert!(matches!(late, Err(RequestError::Closed(_) | RequestError::NoReply)), "{late:?}");
    assert!(poll_here(system.shutdown(SECOND)).stopped.is_empty());
    assert!(actor.closed().now_or_never().is_some());
}
