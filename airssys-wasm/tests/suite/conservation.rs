//! No message is lost: each is handled, dead-lettered or refused.

use airssys_rt::{Overflow, RestartStrategy};
use airssys_wasm::{ComponentSnapshot, ComponentSpec, Delivery, Retry};
use proptest::prelude::*;

use crate::support::*;

fn command() -> impl Strategy<Value = Command> {
    let names = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => Just(Command::Note("n".to_owned())),
        1 => Just(Command::Reject("no".to_owned())),
        1 => Just(Command::Panic("no".to_owned())),
        1 => Just(Command::Stall),
        1 => Just(Command::Retry("later".to_owned())),
        1 => Just(Command::RetryBefore { attempt: 2, text: "r".to_owned() }),
        1 => Just(Command::PanicBefore { attempt: 2, text: "p".to_owned() }),
        2 => Just(Command::Echo("e".to_owned())),
    ];
    leaf.prop_recursive(2, 8, 1, move |inner| {
        let (send, publish, request) = (names.clone(), Just("news".to_owned()), names.clone());
        prop_oneof![
            (send, inner.clone(), 1..20u32).prop_map(|(to, command, times)| {
                Command::TrySend { to, command: Box::new(command), times }
            }),
            (publish, inner.clone())
                .prop_map(|(topic, command)| { Command::Publish { topic, command: Box::new(command) } }),
            (request, inner).prop_map(|(to, command)| {
                Command::Request { to, command: Box::new(command), timeout_ms: 50 }
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_received_message_is_accounted_for(commands in prop::collection::vec(command(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let snapshots = runtime.block_on(async {
            let host = host();
            for (name, overflow) in [("a", Overflow::Wait), ("b", Overflow::Reject), ("c", Overflow::Reject)] {
                let subscribes = vec![pattern("news")];
                let delivery = match name {
                    "a" => Delivery::AtMostOnce,
                    _ => Delivery::Retry(Retry { attempts: 3, backoff: RestartStrategy::Immediate }),
                };
                let spec = ComponentSpec { capacity: 8, overflow, subscribes, delivery, ..trusted(name) };
                host.spawn(spec).await.unwrap();
            }
            for (index, command) in commands.iter().enumerate() {
                // A mailbox that rejects may refuse the message, which is then not received.
                drop(host.send(["a", "b", "c"][index % 3], message(command)).await);
            }
            tokio::time::timeout(SOON, host.drained()).await.expect("everything ends");
            prop_assert_eq!(host.in_flight(), 0);
            let full = "the receiver's mailbox was full";
            let counts = host.dead_letters().counts();
            let skipped: u64 = counts.iter().filter(|c| c.reason == full).map(|c| c.count).sum();
            Ok((host.component_snapshots(), host.dead_letters().total(), skipped))
        });
        let (snapshots, dead_letters, skipped) = snapshots?;
        let sum = |count: fn(&ComponentSnapshot) -> u64| -> u64 { snapshots.iter().map(count).sum() };
        prop_assert_eq!(sum(|s| s.dead_lettered), dead_letters);
        // A copy that was skipped in a publication was dead-lettered without being received.
        prop_assert_eq!(sum(|s| s.received) + skipped, sum(|s| s.handled + s.dead_lettered), "{:?}", snapshots);
    }
}
