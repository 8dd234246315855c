//! References and errors in a log, for messages of any type.

use std::error::Error;
use std::time::Duration;

use airssys_rt::{
    ActorSystem, BlockingRequestError, BlockingSendError, ChildSpec, MessageBroker, Overflow, RequestError,
    SendError, StartError, SupervisorSpec, Topic, TopicPattern,
};
use futures_util::FutureExt;

use crate::support::probe::{Log, Probe};

/// A message that cannot be displayed in any way.
#[derive(Clone)]
struct Secret;

#[tokio::test(start_paused = true)]
async fn references_show_name_and_number() {
    let system = ActorSystem::new("shop");
    let pool = system.supervise(SupervisorSpec::new("pool")).await.unwrap();
    let prepared = system.prepare::<Secret>(ChildSpec::new("a").capacity(1)).unwrap();
    let actor = prepared.actor_ref();
    assert_eq!(format!("{system:?}"), "ActorSystem(\"shop\")");
    assert_eq!(format!("{pool:?}"), format!("SupervisorRef(\"pool\", {})", pool.id()));
    assert_eq!(format!("{actor:?}"), format!("ActorRef(\"a\", {})", actor.id()));
    assert!(format!("{prepared:?}").starts_with("Prepared(ChildSpec {"));
    assert_eq!(format!("{:?}", actor.try_reserve().unwrap()), "Permit");

    let broker = MessageBroker::<Secret, u8>::new();
    let (pattern, topic) = (TopicPattern::parse("a.*").unwrap(), Topic::parse("a.b").unwrap());
    broker.subscribe_tagged(pattern, actor.clone(), 3);
    assert_eq!(format!("{broker:?}"), "MessageBroker(generation 1)");
    assert_eq!(
        format!("{:?}", broker.matching(&topic)[0]),
        format!("Subscriber {{ actor: {actor:?}, tag: 3 }}")
    );
    let published = broker.try_publish(&topic, Secret).unwrap();
    assert_eq!(format!("{published:?}"), "Published { delivered: 1, skipped: [] }");
    let error = broker.try_publish(&topic, Secret).unwrap_err();
    assert_eq!(format!("{error:?}"), "Full { subscriber: \"a\", .. }");
}

#[tokio::test(start_paused = true)]
async fn errors_show_the_reason_but_not_the_message() {
    let system = ActorSystem::new("shop");
    let spec = ChildSpec::new("a").capacity(1).overflow(Overflow::Reject);
    let prepared = system.prepare::<Secret>(spec).unwrap();
    let actor = prepared.actor_ref();
    actor.try_send(Secret).unwrap();
    let mut reply = None;
    let keep = |to: airssys_rt::ReplyTo<u8>| {
        assert_eq!(format!("{to:?}"), "ReplyTo");
        reply = Some(to);
        Secret
    };
    let full: (SendError<_>, RequestError<_>) =
        (actor.send(Secret).await.unwrap_err(), actor.request(keep, Duration::ZERO).await.unwrap_err());
    assert_eq!(format!("{full:?}"), "(Full(..), Full(..))");
    let Secret = full.0.into_message();
    drop(prepared);
    let closed: (SendError<_>, RequestError<_>) = (
        actor.send(Secret).await.unwrap_err(),
        actor.request(|_: airssys_rt::ReplyTo<u8>| Secret, Duration::ZERO).await.unwrap_err(),
    );
    assert_eq!(format!("{closed:?}"), "(Closed(..), Closed(..))");
    for text in [closed.0.to_string(), closed.1.to_string()] {
        assert_eq!(text, "the actor has ended");
    }
    let refused = BlockingSendError::Send(closed.0);
    assert_eq!(format!("{refused:?}: {refused}"), "Closed(..): the actor has ended");
    let refused = BlockingRequestError::Request(closed.1);
    assert_eq!(format!("{refused:?}: {refused}"), "Closed(..): the actor has ended");
    let quarantined = SendError::Quarantined(Secret);
    assert_eq!(format!("{quarantined:?}"), "Quarantined(..)");
    assert_eq!(quarantined.to_string(), "all workers are quarantined; resume one first");
    let timed_out: RequestError<Secret> = RequestError::TimedOut;
    let no_reply: RequestError<Secret> = RequestError::NoReply;
    assert_eq!(format!("{timed_out:?}: {timed_out}"), "TimedOut: there was no reply in time");
    assert_eq!(format!("{no_reply:?}: {no_reply}"), "NoReply: there will be no reply");
}

/// The cause is in the source only, so that a log that prints both repeats nothing.
#[tokio::test(start_paused = true)]
async fn failed_start_returns_its_reason() {
    let system = ActorSystem::new("shop");
    let start = |name: &'static str, fail_in: &'static [&'static str]| {
        let (log, system) = (Log::default(), system.clone());
        async move {
            system.spawn(ChildSpec::new(name), move || Probe { log: log.clone(), fail_in }).await.unwrap_err()
        }
    };
    let error = start("a", &["pre_start"]).await;
    assert_eq!(error.to_string(), "`a` failed while it started");
    assert_eq!(error.source().unwrap().to_string(), "told to fail");
    let error = start("a", &["post_start!"]).await;
    assert_eq!(error.to_string(), "`a` panicked: told to panic in post_start while it started");
    assert!(error.source().is_none());

    let pool = system.supervise(SupervisorSpec::new("pool")).await.unwrap();
    pool.stop();
    pool.closed().await;
    let error = pool.spawn(ChildSpec::new("b"), || Probe::new(&Log::default())).await.unwrap_err();
    assert!(matches!(error, StartError::SupervisorStopped { .. }));
    assert_eq!(error.to_string(), "`b` cannot start: its supervisor is stopping");
    system.shutdown(Duration::from_secs(1)).await;
    assert!(system.failed().now_or_never().is_none(), "a shutdown is not a failure");
    let error = start("c", &[]).await;
    assert_eq!(error.to_string(), "`c` cannot start: the actor system has stopped");
}
