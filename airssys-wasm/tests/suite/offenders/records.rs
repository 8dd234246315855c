//! Components that fill what all share: the log, the table of reasons, the audit.

use std::collections::BTreeMap;
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_wasm::audit::{Audit, AuditFile};
use airssys_wasm::{Capabilities, ComponentHost, ComponentSpec, HostOptions, Limits};
use serde_json::Value;

use crate::support::*;

/// The number of times that each offence is repeated. The clock is paused meanwhile.
const TIMES: usize = 60;

/// The most lines of the log that the repetitions of one offence may cause, whatever their kinds.
const FEW: usize = 12;

/// Returns the lines of the log that the host wrote about its components, not what they wrote.
fn lines_of_the_host(log: &Log) -> Vec<String> {
    let is_shown = |line: &&str| {
        !line.contains("airssys::component:") && !line.contains("DEBUG") && !line.contains("TRACE")
    };
    log.text().lines().filter(is_shown).map(str::to_owned).collect()
}

/// A component that may send only to itself.
fn alone(name: &str) -> ComponentSpec {
    let itself = || vec![name.parse().unwrap()];
    let capabilities = Capabilities { send: itself(), request: itself(), ..Capabilities::default() };
    ComponentSpec { capabilities, ..denied(name) }
}

/// A word for each number, because kinds of reasons do not differ by numbers.
fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[tokio::test(start_paused = true)]
async fn repeated_offences_write_few_lines_to_the_log() {
    let tally = || Box::new(Command::Tally("x".to_owned()));
    let itself = || "offender".to_owned();
    let offences = [
        Command::Panic("drill".to_owned()),
        Command::Exit,
        Command::Reject("no".to_owned()),
        Command::Retry("again".to_owned()),
        Command::Stop,
        Command::Stall,
        Command::RequestAndStall { to: itself(), command: tally(), times: 30, timeout_ms: 1 },
        Command::TrySend { to: "absent".to_owned(), command: tally(), times: 5 },
        Command::Request { to: "absent".to_owned(), command: tally(), timeout_ms: 1 },
        Command::Subscribe("news.*".to_owned()),
        Command::Publish { topic: "news".to_owned(), command: tally() },
        Command::SendBytes { to: itself(), codec: "cbor".to_owned(), bytes: 5_000 },
        Command::SendBytes { to: itself(), codec: "borsh".to_owned(), bytes: 5 },
        Command::FloodForever { to: itself(), command: tally() },
    ];
    for offence in offences {
        let host = host();
        let limits = Limits {
            message_size_bytes: 4_000,
            execution_time: Duration::from_millis(5),
            ..Limits::default()
        };
        host.spawn(ComponentSpec { limits, ..alone("offender") }).await.unwrap();
        let log = Log::capture();
        for _ in 0..TIMES {
            host.tell("offender", offence.clone()).await;
            host.drained().await;
        }
        let lines = lines_of_the_host(&log);
        assert!(lines.len() <= FEW, "{offence:?}: {} lines, such as {:#?}", lines.len(), &lines[..FEW]);
        host.shutdown(SOON).await;
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_deadlocks_are_one_line_and_a_count() {
    let log = Log::capture();
    let host = host();
    for name in ["a", "b", "c"] {
        host.spawn(trusted(name)).await.unwrap();
    }
    let ask = |to: &str, command: Command, timeout_ms| Command::Request {
        to: to.to_owned(),
        command: Box::new(command),
        timeout_ms,
    };
    // `a` waits for `b`, `b` for `c`, `c` for `a`; `c` gives up first.
    let echo = Command::Echo("x".to_owned());
    let ring = ask("b", ask("c", ask("a", echo, 5), 20_000), 20_000);
    for _ in 0..TIMES {
        host.ask("a", ring.clone()).await.unwrap_err();
    }
    host.shutdown(SOON).await;
    let text = log.text();
    assert_eq!(text.matches("deadlock, ended by a timeout").count(), 1, "{text}");
    let others = format!("{} more deadlocks since the last line", TIMES - 1);
    assert!(text.contains(&others), "{text}");
}

#[tokio::test]
async fn reasons_of_one_component_leave_those_of_another_apart() {
    let host = host();
    for name in ["loud", "quiet"] {
        host.spawn(denied(name)).await.unwrap();
    }
    for number in 0..1_200 {
        host.tell("loud", Command::Reject(word(number))).await;
    }
    host.drained().await;
    host.tell("quiet", Command::Reject("sold out".to_owned())).await;
    host.drained().await;
    let counts = host.dead_letters().counts();
    let of = |name: &str| -> BTreeMap<&str, u64> {
        let of_it = counts.iter().filter(|count| count.receiver == name);
        of_it.map(|count| (count.kind.as_str(), count.count)).collect()
    };
    assert_eq!(of("quiet"), BTreeMap::from([("rejected: sold out", 1)]));
    assert_eq!(of("loud").values().sum::<u64>(), 1_200);
    assert_eq!((of("loud").len(), of("loud")["other reasons"]), (101, 1_100));
}

#[tokio::test]
async fn denials_of_one_component_do_not_rotate_those_of_another_out_of_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let file = AuditFile { max_size_bytes: 64 << 10, keep: 1, ..AuditFile::new(&path) };
    let options = HostOptions { audit: Some(Audit::to_file(file).unwrap()), ..HostOptions::default() };
    let host = ComponentHost::with_options(ActorSystem::new("test"), options).unwrap();
    for name in ["quiet", "loud"] {
        host.spawn(denied(name)).await.unwrap();
    }
    let send = |to: String| Command::TrySend { to, command: note("x"), times: 1 };
    host.ask("quiet", send("treasure".to_owned())).await.unwrap_err();
    let times = 1_000;
    for number in 0..times {
        host.tell("loud", send(format!("name-{number}"))).await;
    }
    host.drained().await;
    host.shutdown(SOON).await;
    let files = std::fs::read_dir(folder.path()).unwrap();
    let text: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |component: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["component"] == component).collect()
    };
    assert_eq!(of("quiet").len(), 1, "{text}");
    assert_eq!(of("quiet")[0]["object"], "treasure");
    let counted: u64 = of("loud").iter().map(|line| line["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, times, "each denial is a line or in a count");
}
