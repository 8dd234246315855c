//! Random apps and scripts: every message is accounted for.

use airssys_rt::{ActorState, Overflow, RestartPolicy, RestartStrategy};
use airssys_wasm::limits::Rates;
use airssys_wasm::{
    Capabilities, Capability, ComponentHost, ComponentSnapshot, ComponentSpec, DeadLetter, DeadLetterReason,
    Delivery, GrantVerb, HostCosts, Limits, NamePattern, Retry,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use test_commands::{Action, Fate, Mark};

use crate::ledger::Ledger;
use crate::support::*;

/// The file of cases that failed once, which are tried first.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/graphs.regressions");

/// Names of components. An app has the first two to four of them.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

const TOPICS: [&str; 3] = ["news", "news.local", "sport"];
const PATTERNS: [&str; 3] = ["news", "news.*", "*"];

/// A random component.
#[derive(Clone, Debug)]
struct Node {
    capacity: usize,
    overflow: Overflow,
    attempts: u32,
    restart: RestartPolicy,
    instances: usize,
    subscribes: Vec<&'static str>,
    /// True for each component to which it may send neither messages nor requests.
    denied: [bool; 4],
    publishes: bool,
    concurrent_requests: usize,
    /// The number of messages that it may send at once, and about as many in ten seconds.
    burst: Option<u64>,
}

/// An event from outside the app.
#[derive(Clone, Debug)]
enum Step {
    /// A component is told to act.
    Act(usize, Vec<Action>),
    /// A component is sent a mark.
    Mark(usize, Mark),
    /// A mark is published.
    Publish(&'static str, Mark),
    /// A mark is published to be retained.
    Retain(&'static str, Mark),
    /// The operator clears the retained message of a topic.
    ClearRetained(&'static str),
    /// A component is given, or loses, a right that it asks for.
    Grant(usize, GrantVerb, Right),
    /// The operator retries all dead letters.
    RetryLetters,
    /// An instance is killed.
    Kill(usize),
    /// A component is retired.
    Retire(usize),
    /// The script yields to tasks that are ready.
    Yield,
}

/// A right that can be given and revoked.
#[derive(Clone, Debug)]
enum Right {
    Send(&'static str),
    Request(&'static str),
    Publish(&'static str),
    Subscribe(&'static str),
}

impl Right {
    fn parts(&self) -> (Capability, &'static str) {
        match self {
            Right::Send(name) => (Capability::Send, name),
            Right::Request(name) => (Capability::Request, name),
            Right::Publish(pattern) => (Capability::Publish, pattern),
            Right::Subscribe(pattern) => (Capability::Subscribe, pattern),
        }
    }
}

fn right() -> impl Strategy<Value = Right> {
    let (name, pattern) = (prop::sample::select(&NAMES[..]), prop::sample::select(&PATTERNS[..]));
    prop_oneof![
        name.clone().prop_map(Right::Send),
        name.prop_map(Right::Request),
        pattern.clone().prop_map(Right::Publish),
        pattern.prop_map(Right::Subscribe),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let restart = prop_oneof![6 => Just(RestartPolicy::Permanent), 1 => Just(RestartPolicy::Transient), 1 => Just(RestartPolicy::Temporary)];
    let subscribes = prop::collection::vec(prop::sample::select(&PATTERNS[..]), 0..3);
    let denied = prop::array::uniform4(prop::bool::weighted(0.15));
    let overflow = prop_oneof![
        2 => Just(Overflow::Wait),
        1 => Just(Overflow::Reject),
        1 => Just(Overflow::DropOldest),
        1 => Just(Overflow::DropNewest),
    ];
    let burst = prop_oneof![4 => Just(None), 1 => (1..20_u64).prop_map(Some)];
    let sizes = (2..12_usize, 1..4_u32, 1..3_usize, 1..5_usize, burst);
    (sizes, overflow, restart, subscribes, denied, prop::bool::weighted(0.8)).prop_map(
        |(
            (capacity, attempts, instances, concurrent_requests, burst),
            overflow,
            restart,
            subscribes,
            denied,
            publishes,
        )| {
            Node {
                capacity,
                overflow,
                attempts,
                restart,
                instances,
                subscribes,
                denied,
                publishes,
                concurrent_requests,
                burst,
            }
        },
    )
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Done),
        2 => Just(Fate::Reject),
        1 => Just(Fate::Retry),
        2 => Just(Fate::RetryOnce),
        1 => Just(Fate::Panic),
        2 => Just(Fate::PanicOnce),
    ]
}

/// A mark without its number.
fn mark() -> impl Strategy<Value = Mark> {
    fate().prop_map(|fate| Mark { id: 0, fate })
}

/// A component, one of its instances, or an unused name.
fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => prop::sample::select(&NAMES[..]).prop_map(|name| format!("{name}/2")),
        1 => Just("nobody".to_owned()),
    ]
}

fn topic() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TOPICS[..])
}

fn action() -> impl Strategy<Value = Action> {
    let timeout = prop_oneof![Just(1_u64), Just(5), Just(40)];
    prop_oneof![
        6 => (target(), mark()).prop_map(|(to, mark)| Action::Send { to, mark }),
        3 => (target(), prop::collection::vec(mark(), 1..12)).prop_map(|(to, marks)| Action::SendBatch { to, marks }),
        3 => (topic(), mark()).prop_map(|(topic, mark)| Action::Publish { topic: topic.to_owned(), mark }),
        2 => (topic(), mark()).prop_map(|(topic, mark)| Action::Retain { topic: topic.to_owned(), mark }),
        1 => topic().prop_map(|topic| Action::ClearRetained(topic.to_owned())),
        4 => (target(), mark(), timeout, any::<bool>())
            .prop_map(|(to, mark, timeout_ms, cancel)| Action::Request { to, mark, timeout_ms, cancel }),
        1 => prop::sample::select(&PATTERNS[..]).prop_map(|pattern| Action::Subscribe(pattern.to_owned())),
        1 => prop::sample::select(&PATTERNS[..]).prop_map(|pattern| Action::Unsubscribe(pattern.to_owned())),
        1 => Just(Action::Panic),
        1 => Just(Action::Stop),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..NAMES.len();
    prop_oneof![
        12 => (who.clone(), prop::collection::vec(action(), 1..6)).prop_map(|(who, actions)| Step::Act(who, actions)),
        6 => (who.clone(), mark()).prop_map(|(who, mark)| Step::Mark(who, mark)),
        3 => (topic(), mark()).prop_map(|(topic, mark)| Step::Publish(topic, mark)),
        1 => (topic(), mark()).prop_map(|(topic, mark)| Step::Retain(topic, mark)),
        1 => topic().prop_map(Step::ClearRetained),
        2 => (who.clone(), prop_oneof![Just(GrantVerb::Give), Just(GrantVerb::Revoke)], right())
            .prop_map(|(who, verb, right)| Step::Grant(who, verb, right)),
        1 => Just(Step::RetryLetters),
        1 => who.clone().prop_map(Step::Kill),
        1 => who.prop_map(Step::Retire),
        3 => Just(Step::Yield),
    ]
}

/// Gives every mark its own number.
fn number(steps: &mut [Step]) {
    let mut next = 0;
    let mut give = |mark: &mut Mark| {
        next += 1;
        mark.id = next;
    };
    for step in steps {
        match step {
            Step::Mark(_, mark) | Step::Publish(_, mark) | Step::Retain(_, mark) => give(mark),
            Step::Act(_, actions) => actions.iter_mut().for_each(|action| match action {
                Action::Send { mark, .. }
                | Action::Publish { mark, .. }
                | Action::Retain { mark, .. }
                | Action::Request { mark, .. } => give(mark),
                Action::SendBatch { marks, .. } => marks.iter_mut().for_each(&mut give),
                _ => {}
            }),
            _ => {}
        }
    }
}

impl Node {
    fn spec(&self, name: &str) -> ComponentSpec {
        let allowed = || -> Vec<NamePattern> {
            let names = NAMES.iter().chain(&["nobody"]).zip(self.denied.iter().chain(&[false]));
            names.filter(|(_, denied)| !**denied).map(|(name, _)| name.parse().unwrap()).collect()
        };
        let everything = Capabilities::everything();
        let publish = if self.publishes { everything.publish.clone() } else { Vec::new() };
        let backoff = RestartStrategy::Immediate;
        let messages_per_second = self.burst.map(|burst| burst.div_ceil(10));
        let rates = Rates { messages_per_second, messages_burst: self.burst, ..Rates::UNLIMITED };
        ComponentSpec {
            capabilities: Capabilities { send: allowed(), request: allowed(), publish, ..everything },
            capacity: self.capacity,
            overflow: self.overflow,
            delivery: match self.attempts {
                1 => Delivery::AtMostOnce,
                attempts => Delivery::Retry(Retry { attempts, backoff }),
            },
            restart: self.restart,
            instances: self.instances,
            subscribes: self.subscribes.iter().map(|text| pattern(text)).collect(),
            limits: Limits { concurrent_requests: self.concurrent_requests, rates, ..Limits::default() },
            ..ComponentSpec::new(name, probe())
        }
    }
}

/// Takes one step of a script. A step on a component that has ended does nothing.
async fn take(host: &ComponentHost, step: Step, ledger: &Ledger) {
    match step {
        Step::Act(who, actions) => {
            let command = message(&Command::Act(actions));
            // The host waits for room in a full mailbox, and a component that has ended refuses.
            drop(
                tokio::time::timeout(SOON, host.send(NAMES[who], command))
                    .await
                    .expect("there is room in time"),
            );
        }
        Step::Mark(who, mark) => {
            let id = mark.id;
            let sent = host.send(NAMES[who], message(&Command::Mark(mark)));
            let sent = tokio::time::timeout(SOON, sent).await.expect("there is room in time");
            ledger.sent("host", id, u64::from(sent.is_ok()));
        }
        Step::Publish(topic, mark) => {
            let id = mark.id;
            let published = host.publish(topic, message(&Command::Mark(mark)));
            ledger.sent("host", id, published.map_or(0, u64::from));
        }
        Step::Retain(topic, mark) => {
            let id = mark.id;
            ledger.retains("host", id);
            let published = host.publish_retained(topic, message(&Command::Mark(mark)));
            ledger.sent("host", id, published.map_or(0, u64::from));
        }
        Step::ClearRetained(topic) => drop(host.clear_retained(topic)),
        Step::Grant(who, verb, right) => {
            let (capability, pattern) = right.parts();
            // The change fails for a right that is not asked for, and for a part of a wider one.
            drop(match verb {
                GrantVerb::Give => host.grant(NAMES[who], capability, pattern),
                GrantVerb::Revoke => host.revoke(NAMES[who], capability, pattern),
            });
        }
        Step::RetryLetters => {
            for letter in host.dead_letters().kept() {
                let marked = mark_of(&letter);
                if let Some(id) = marked {
                    // This comes first, before a component can handle the message.
                    ledger.retried(&letter.sender, id);
                }
                drop(host.retry_dead_letter(letter.id));
            }
        }
        Step::Kill(who) => host.actors(NAMES[who]).iter().take(1).for_each(|actor| actor.kill()),
        Step::Retire(who) => drop(host.retire(NAMES[who]).await),
        Step::Yield => tokio::task::yield_now().await,
    }
}

/// Returns the number of the mark in a dead letter.
fn mark_of(letter: &DeadLetter) -> Option<u64> {
    let (_, body) = airssys_message::Codec::split(&letter.message).ok()?;
    match ciborium::from_reader(body) {
        Ok(Command::Mark(mark)) => Some(mark.id),
        _ => None,
    }
}

/// Returns the stats of all components but one, without refusals and without the effects of a restart.
fn others(host: &ComponentHost, but: &str) -> Vec<ComponentSnapshot> {
    let mut others = host.component_snapshots();
    others.retain(|snapshot| snapshot.name != but);
    for other in &mut others {
        other.refused.clear();
        other.mailbox_full = 0;
        other.usage.clear();
        other.costs = HostCosts::default();
        for instance in &mut other.instances {
            // An instance that was ended with an empty mailbox is restarted later by its supervisor.
            (instance.restarts, instance.state, instance.memory_bytes) = (0, ActorState::Running, 0);
            // The runtime counts a handled message after the component has.
            instance.handled = 0;
            instance.usage.clear();
        }
    }
    others
}

/// Checks, in an app with nothing in flight, that a refusal changes no counters but the sender's.
async fn refusals_change_nobody_else(host: &ComponentHost, ledger: &Ledger) -> Result<(), TestCaseError> {
    let mut id = 1_000_000;
    for name in host.names() {
        for to in NAMES.iter().chain(&["nobody"]).chain(&TOPICS) {
            id += 1;
            let (to, mark) = ((*to).to_owned(), Mark { id, fate: Fate::Done });
            let action = match TOPICS.contains(&&*to) {
                true => Action::Publish { topic: to.clone(), mark },
                false => Action::Send { to: to.clone(), mark },
            };
            let before = others(host, &name);
            let told = host.send(&name, message(&Command::Act(vec![action])));
            if tokio::time::timeout(SOON, told).await.expect("there is room in time").is_err() {
                break;
            }
            tokio::time::timeout(SOON, host.drained()).await.expect("everything ends");
            if ledger.taken(id) == Some(0) {
                prop_assert_eq!(others(host, &name), before, "{} to {}", name, to);
            }
        }
    }
    Ok(())
}

/// Plays a script to an app of these components, and checks that every message is accounted for.
async fn play(nodes: Vec<Node>, steps: Vec<Step>, ledger: &Ledger) -> Result<(), TestCaseError> {
    let host = host();
    for (name, node) in NAMES.iter().zip(&nodes) {
        host.spawn(node.spec(name)).await.unwrap();
    }
    let retires = steps.iter().any(|step| matches!(step, Step::Retire(_)));
    for step in steps {
        take(&host, step, ledger).await;
    }
    tokio::time::timeout(SOON, host.drained()).await.expect("everything ends");
    prop_assert_eq!((host.in_flight(), host.requests_in_flight()), (0, 0));
    refusals_change_nobody_else(&host, ledger).await?;
    for letter in host.dead_letters().kept() {
        // A copy that a subscriber refused does not count as sent.
        let skipped = letter.topic.is_some()
            && matches!(
                letter.reason,
                DeadLetterReason::MailboxFull
                    | DeadLetterReason::CodecRefused(_)
                    | DeadLetterReason::TooLarge { .. }
            );
        if let Some(id) = mark_of(&letter).filter(|_| !skipped) {
            ledger.dead(&letter.sender, id);
        }
    }
    // A message refused by a full mailbox does not count as received.
    let skipped = |count: &&airssys_wasm::DeadLetterCount| count.reason == "the receiver's mailbox was full";
    let counts = host.dead_letters().counts();
    let snapshots = host.component_snapshots();
    for snapshot in &snapshots {
        let own = counts.iter().filter(|count| count.receiver == snapshot.name);
        let skipped: u64 = own.filter(skipped).map(|count| count.count).sum();
        prop_assert_eq!(
            snapshot.received + skipped,
            snapshot.handled + snapshot.dead_lettered,
            "{:?}",
            snapshot
        );
    }
    if !retires {
        let dead: u64 = snapshots.iter().map(|snapshot| snapshot.dead_lettered).sum();
        prop_assert_eq!(dead, host.dead_letters().total());
    }
    ledger.check().map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_message_of_a_random_app_is_handled_refused_or_dead_lettered(
        nodes in prop::collection::vec(node(), 2..5),
        mut steps in prop::collection::vec(step(), 1..40),
    ) {
        number(&mut steps);
        let ledger = Ledger::default();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = ledger.listen(runtime.worker_threads(2).enable_all()).build().unwrap();
        let played = runtime.block_on(play(nodes, steps, &ledger));
        runtime.shutdown_background();
        played?;
    }
}
