//! Messages and replies that are too large or malformed.

use airssys_wasm::{ComponentSpec, Limits};

use futures_util::FutureExt;

use super::*;
use crate::raw_guest::*;

#[tokio::test]
async fn malformed_reply_is_reported_to_the_requester() {
    let host = host();
    // Four zeros: no codec has the code 0.
    let zeros = "(i32.store8 (i32.const 20) (i32.const 1)) (i32.store (i32.const 24) (i32.const 64)) \
                 (i32.store (i32.const 28) (i32.const 4)) (i32.const 16)";
    host.spawn(ComponentSpec::new("raw", raw_component(zeros))).await.unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let ask = Command::Request { to: "raw".to_owned(), command: note("x"), timeout_ms: 20_000 };
    let refused = host.ask("asks", ask).await.unwrap_err();
    assert!(refused.contains("0x0 is not the multicodec code of a known codec"), "{refused}");
}

#[tokio::test]
async fn oversized_and_malformed_messages_do_not_harm_their_receiver() {
    let host = host();
    let limits = Limits { message_size_bytes: 1_000, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("neighbour") }).await.unwrap();
    host.spawn(trusted("offender")).await.unwrap();
    let send = |codec: &str, bytes| Command::SendBytes {
        to: "neighbour".to_owned(),
        codec: codec.to_owned(),
        bytes,
    };
    for number in 0..5 {
        host.ask("offender", send("cbor", 100_000)).await.unwrap_err();
        host.ask("offender", send("borsh", 5)).await.unwrap_err();
        // The prefix says CBOR, but the body is not CBOR.
        host.ask("offender", send("cbor", 5)).await.unwrap();
        assert_eq!(host.ask("neighbour", Command::Echo(number.to_string())).await, Ok(number.to_string()));
    }
    let neighbour = snapshot(&host, "neighbour");
    assert_eq!((neighbour.received, neighbour.handled, neighbour.dead_lettered), (10, 5, 5));
    assert_eq!((neighbour.refused["message-too-large"], neighbour.refused["codec-refused"]), (5, 5));
    assert_eq!(neighbour.restarts(), 0);
    assert!(host.reasons().iter().all(|reason| reason.starts_with("rejected: ")), "{:?}", host.reasons());
}

#[tokio::test]
async fn tiny_messages_take_their_envelopes_from_the_budget_of_the_mailbox() {
    let host = host();
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let prepared = host.prepare(ComponentSpec { limits, capacity: 1_000_000, ..denied("raw") }).unwrap();
    let tiny = airssys_message::Codec::Cbor.message(b"x");
    let mut waiting = 0;
    while let Some(sent) = host.send("raw", tiny.clone()).now_or_never() {
        sent.unwrap();
        waiting += 1;
    }
    // A waiting message takes 225 bytes of the host at least.
    assert!((10_000..(4 << 20) / 225).contains(&waiting), "{waiting}");
    drop(prepared);
}
