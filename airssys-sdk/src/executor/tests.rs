use std::time::Duration;

use airssys_message::Codec;
use futures_util::future::{Either, select};

use super::*;
use crate::error::{Rejection, SendError};
use crate::fake_host::{self, advance_ms, calls, full_for};
use crate::host::{self, SendError as HostError};
use crate::together::join;
use crate::{Reply, RequestError, codec};

/// Does what the text of its message says.
struct Script {
    handled: u64,
}

impl Component for Script {
    fn initialize(config: &Config, _context: &Context) -> Result<Script, StartError> {
        Ok(Script { handled: config.parse("handled")?.unwrap_or(0) })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        self.handled += 1;
        match message.decode::<String>()?.as_str() {
            "count" => Ok(Reply::cbor(&self.handled)?),
            "send" => {
                context.send("peer", &1).timeout(Duration::from_millis(50)).await?;
                Ok(Reply::none())
            }
            "send to myself" => {
                context.send("myself", &1).await?;
                Ok(Reply::none())
            }
            "send the forbidden" => {
                context.send("forbidden", &1).await?;
                Ok(Reply::none())
            }
            "publish" => Ok(Reply::cbor(&context.publish("a.b", &1).await?)?),
            "ask three" => {
                let asked = ["a", "bb", "ccc"].map(|peer| context.request::<u64>(peer, "?"));
                let replies: Result<Vec<u64>, _> = join(asked).await.into_iter().collect();
                Ok(Reply::cbor(&replies?)?)
            }
            "ask myself" => {
                context.request::<u64>("myself", "?").await?;
                Ok(Reply::none())
            }
            "ask the faster" => {
                let (slow, fast) = (context.request::<u64>("slow", "?"), context.request::<u64>("fast", "?"));
                let first = match select(slow, fast).await {
                    Either::Left((reply, _)) | Either::Right((reply, _)) => reply?,
                };
                let last: Option<u64> = context.request("last", "?").await?;
                Ok(Reply::cbor(&(first, last))?)
            }
            "send a batch" => {
                let sent = context.send_batch("peer", &[1, 2, 3, 4, 5, 6]).timeout(Duration::from_millis(50));
                sent.await?;
                Ok(Reply::none())
            }
            "try a batch" => {
                context.try_send_batch("peer", &[1, 2, 3, 4])?;
                Ok(Reply::none())
            }
            "again" => {
                context.try_send("peer", &1).map_err(Rejection::retry)?;
                Ok(Reply::none())
            }
            "stop" => {
                context.stop();
                Ok(Reply::none())
            }
            other => Err(Rejection::from(format!("no script `{other}`"))),
        }
    }
}

fn start() -> impl Running {
    initialize::<Script, false>(&Config::default()).unwrap()
}

fn text(script: &str) -> Vec<u8> {
    codec::encode(script, Codec::Cbor).unwrap()
}

fn reply(value: u64) -> Callback {
    Callback::Reply(codec::encode(&value, Codec::Cbor).unwrap())
}

fn rejection(outcome: Outcome) -> String {
    match outcome {
        Outcome::Completed(Completion::Rejected(reason)) => reason,
        other => panic!("not a rejection: {other:?}"),
    }
}

#[test]
fn handler_that_does_not_wait_completes_at_once() {
    let mut executor = start();
    for count in 1..=3_u64 {
        let Outcome::Completed(Completion::Reply(reply)) = executor.handle_message(count, text("count"))
        else {
            panic!("no reply");
        };
        assert_eq!(codec::decode_reply::<u64>(&reply).unwrap(), count);
    }
    assert_eq!(rejection(executor.handle_message(4, text("nonsense"))), "no script `nonsense`");
    assert_eq!(
        rejection(executor.handle_message(5, Vec::new())),
        "the message is empty: it has no codec prefix"
    );
    assert!(matches!(executor.health(), Health::Healthy));
}

#[test]
fn joined_requests_are_in_flight_together() {
    let mut executor = start();
    assert!(matches!(executor.handle_message(7, text("ask three")), Outcome::Deferred));
    let sent = calls();
    assert_eq!(sent.iter().filter(|call| call.starts_with("request")).count(), 3, "{sent:?}");
    executor.handle_callback(3, reply(30));
    executor.handle_callback(1, reply(10));
    assert!(calls().is_empty());
    assert!(matches!(executor.health(), Health::Degraded(_)));
    executor.handle_callback(2, reply(20));
    let expected = codec::encode(&[10, 20, 30], Codec::Cbor).unwrap();
    assert_eq!(calls(), [format!("complete 7: reply {expected:?}")]);
    assert!(matches!(executor.health(), Health::Healthy));
}

#[test]
fn failed_request_says_why() {
    let mut executor = start();
    assert!(matches!(executor.handle_message(7, text("ask three")), Outcome::Deferred));
    calls();
    executor.handle_callback(1, reply(10));
    executor.handle_callback(2, Callback::Failed(host::RequestError::TargetFailed));
    executor.handle_callback(3, Callback::Failed(host::RequestError::TimedOut));
    assert_eq!(calls(), ["complete 7: rejected, `bb` failed while it handled the request"]);
}

#[test]
fn send_waits_for_room_and_tries_again() {
    let mut executor = start();
    full_for(2);
    assert!(matches!(executor.handle_message(7, text("send")), Outcome::Deferred));
    assert_eq!(calls()[1..], ["send 4 2", "await-room 4 within 50"]);
    advance_ms(20);
    executor.handle_callback(1, Callback::Ready);
    assert_eq!(calls(), ["send 4 2", "await-room 4 within 30"]);
    executor.handle_callback(2, Callback::Ready);
    assert_eq!(calls(), ["send 4 2", "complete 7: done"]);
}

#[test]
fn batch_goes_on_where_it_stopped_when_there_is_room() {
    let mut executor = start();
    full_for(2);
    assert!(matches!(executor.handle_message(7, text("send a batch")), Outcome::Deferred));
    // The fake host takes half of a batch when it is full.
    assert_eq!(calls()[1..], ["send-batch 4: 6 messages, 12 bytes", "await-room 4 within 50"]);
    executor.handle_callback(1, Callback::Ready);
    assert_eq!(calls(), ["send-batch 4: 3 messages, 6 bytes", "await-room 4 within 50"]);
    executor.handle_callback(2, Callback::Failed(host::RequestError::TimedOut));
    let why = "only the first 4 messages were taken: the mailbox of `peer` was full for too long";
    assert_eq!(calls(), [format!("complete 7: rejected, {why}")]);

    assert!(matches!(executor.handle_message(8, text("send a batch")), Outcome::Completed(Completion::Done)));
    assert_eq!(calls(), ["send-batch 4: 6 messages, 12 bytes"]);
    full_for(1);
    assert_eq!(
        rejection(executor.handle_message(9, text("try a batch"))),
        "only the first 2 messages were taken: the mailbox of `peer` is full"
    );
}

#[test]
fn handler_asks_for_another_attempt() {
    let mut executor = start();
    full_for(1);
    let Outcome::Completed(Completion::Retry(reason)) = executor.handle_message(1, text("again")) else {
        panic!("no retry");
    };
    assert_eq!(reason, "the mailbox of `peer` is full");
    assert!(matches!(executor.handle_message(2, text("again")), Outcome::Completed(Completion::Done)));
}

#[test]
fn send_waits_no_longer_than_its_timeout() {
    let mut executor = start();
    full_for(2);
    assert!(matches!(executor.handle_message(7, text("send")), Outcome::Deferred));
    advance_ms(50);
    calls();
    executor.handle_callback(1, Callback::Ready);
    assert_eq!(calls()[1..], ["complete 7: rejected, the mailbox of `peer` was full for too long"]);

    full_for(1);
    assert!(matches!(executor.handle_message(8, text("send")), Outcome::Deferred));
    calls();
    executor.handle_callback(2, Callback::Failed(host::RequestError::TargetStopped));
    assert_eq!(calls(), ["complete 8: rejected, `peer` has stopped"]);
}

#[test]
fn component_never_waits_for_itself() {
    let mut executor = start();
    full_for(1);
    let full = rejection(executor.handle_message(1, text("send to myself")));
    assert_eq!(full, "the mailbox of `myself` is full");
    let asked = rejection(executor.handle_message(2, text("ask myself")));
    assert_eq!(asked, "`myself` cannot wait for an answer of its own");
    assert!(!calls().iter().any(|call| call.starts_with("await") || call.starts_with("request")));
}

#[test]
fn publication_waits_for_all_subscribers() {
    let mut executor = start();
    full_for(1);
    assert!(matches!(executor.handle_message(7, text("publish")), Outcome::Deferred));
    assert_eq!(calls(), ["resolve-topic a.b", "publish 3 2", "await-topic-room 3 within 30000"]);
    executor.handle_callback(1, Callback::Ready);
    let two = codec::encode(&2, Codec::Cbor).unwrap();
    assert_eq!(calls(), ["publish 3 2".to_owned(), format!("complete 7: reply {two:?}")]);
}

#[test]
fn dropped_request_is_cancelled_and_its_callback_ignored() {
    let mut executor = start();
    assert!(matches!(executor.handle_message(7, text("ask the faster")), Outcome::Deferred));
    calls();
    executor.handle_callback(2, reply(20));
    let after = calls();
    assert!(after.contains(&"cancel 1".to_owned()), "{after:?}");
    executor.handle_callback(1, Callback::Failed(host::RequestError::Cancelled));
    assert!(calls().is_empty());
    executor.handle_callback(3, Callback::Reply(Vec::new()));
    let expected = codec::encode(&(20, None::<u64>), Codec::Cbor).unwrap();
    assert_eq!(calls(), [format!("complete 7: reply {expected:?}")]);
}

#[test]
fn route_is_looked_up_once_unless_it_is_refused() {
    let mut executor = start();
    for id in 0..2 {
        assert!(matches!(executor.handle_message(id, text("send")), Outcome::Completed(Completion::Done)));
        let refused = rejection(executor.handle_message(id, text("send the forbidden")));
        assert_eq!(refused, "`forbidden` is not allowed as a target");
    }
    let calls = calls();
    assert_eq!(calls.iter().filter(|call| *call == "resolve peer").count(), 1);
    assert_eq!(calls.iter().filter(|call| *call == "resolve forbidden").count(), 2);
}

#[test]
fn context_asks_the_host() {
    let context = Context::new(Codec::Cbor);
    assert_eq!(context.identity().name, "myself");
    assert_eq!(context.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(), 1_517_966_773_840);
    advance_ms(5);
    assert_eq!(context.monotonic(), Duration::from_millis(5));
    context.subscribe("a.*").unwrap();
    assert!(context.unsubscribe("a.*"));
    context.stop();
    full_for(1);
    assert!(matches!(context.try_send("peer", &1), Err(SendError::MailboxFull { .. })));
    assert_eq!(calls(), ["subscribe a.*", "unsubscribe a.*", "stop-self", "resolve peer", "send 4 2"]);
}

#[test]
fn refusals_of_the_host_become_errors() {
    let text = |error| RequestError::from(SendError::new("peer", error)).to_string();
    assert_eq!(text(HostError::UnknownHandle), "the request was not sent");
    let size = crate::bindings::airssys::component::types::SizeLimit { size: 9, limit: 4 };
    assert!(matches!(
        SendError::new("peer", HostError::MessageTooLarge(size)),
        SendError::MessageTooLarge { size: 9, limit: 4, .. }
    ));
    assert_eq!(fake_host::calls(), Vec::<String>::new());
}

/// Hands over these scripts as a batch. Returns how far that got, and which message is shown as
/// current.
fn batch(executor: &mut impl Running, first: MessageId, scripts: &[&str]) -> (u32, bool, MessageId) {
    let bodies: Vec<Vec<u8>> = scripts.iter().map(|script| text(script)).collect();
    let lengths: Vec<u32> = bodies.iter().map(|body| body.len() as u32).collect();
    let BatchEnd { begun, deferred } = executor.handle_batch(first, &lengths, bodies.concat());
    (begun, deferred, progress::current())
}

#[test]
fn messages_of_a_batch_that_are_not_done_are_completed_one_by_one() {
    let mut executor = start();
    assert_eq!(batch(&mut executor, 4, &["send", "nonsense", "send", "count"]), (4, false, 8));
    let completed: Vec<_> = calls().into_iter().filter(|call| call.starts_with("complete")).collect();
    assert_eq!(completed, ["complete 5: rejected, no script `nonsense`", "complete 7: reply [81, 4]"]);
}

#[test]
fn batch_ends_with_a_message_that_waits() {
    let mut executor = start();
    assert_eq!(batch(&mut executor, 4, &["count", "ask three", "count"]), (2, true, 5));
    calls();
    for request in 1..=3 {
        executor.handle_callback(request, reply(1));
    }
    let expected = codec::encode(&[1, 1, 1], Codec::Cbor).unwrap();
    assert_eq!(calls(), [format!("complete 5: reply {expected:?}")]);
    assert_eq!(batch(&mut executor, 9, &["count"]), (1, false, 10));
}

#[test]
fn batch_ends_with_a_message_that_asks_for_a_retry_or_stops_the_instance() {
    let mut executor = start();
    full_for(1);
    assert_eq!(batch(&mut executor, 1, &["count", "again", "count"]), (2, false, 1 + 1));
    assert!(calls().last().is_some_and(|call| call.starts_with("complete 2: retry")));
    assert_eq!(batch(&mut executor, 3, &["stop", "count"]), (1, false, 4));
}
