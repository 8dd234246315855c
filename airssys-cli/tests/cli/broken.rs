//! Input with every kind of mistake.

use serde_json::{Value, json};

use crate::support::*;

const RUN: [&str; 4] = ["run", "examples/quakes/app.toml", "--input", "examples/quakes/broken.ndjson"];

const REJECTED: [&str; 6] = [
    "rejected: latitude 95.2 is outside -90 to 90",
    "rejected: magnitude is a string: \"4.1\"",
    "rejected: magnitude is missing",
    "rejected: not JSON: EOF while parsing a string at column 200",
    "rejected: not UTF-8 at byte 53",
    "rejected: the line is empty",
];

const PANICKED: &str = "failed: panicked: drill: the event `panic-drill`";

#[test]
fn good_and_bad_events_are_all_accounted_for() {
    let outcome = airssys(RUN).arg("--json").run().exits(0).json();
    let total = outcome["report"]["tables"][0]["rows"].as_array().unwrap().last().unwrap();
    assert_eq!(total, &json!(["total", 15, 2, 3, 20]));

    let mut rejected = Vec::new();
    let mut panicked = Vec::new();
    for letter in outcome["dead_letters"].as_array().unwrap() {
        assert_eq!(letter["count"], 1, "{letter}");
        let reason = letter["reason"].as_str().unwrap();
        match letter["receiver"].as_str().unwrap() {
            "quake-parse" => rejected.push(reason),
            "quake-classify" => panicked.push(reason),
            _ => panic!("{letter}"),
        }
    }
    assert_eq!(rejected, REJECTED);
    assert!(matches!(&panicked[..], [reason] if reason.starts_with(PANICKED)), "{panicked:?}");

    let counts = |name: &str| {
        let of = component(&outcome, name);
        let [received, handled, dead] =
            ["received", "handled", "dead_lettered"].map(|counter| count(of, counter));
        [received, handled, dead, count_instances(of, "restarts")]
    };
    assert_eq!(counts("quake-parse"), [27, 21, 6, 0]);
    assert_eq!(counts("quake-classify"), [21, 20, 1, 1]);
    assert_eq!(counts("quake-stats"), [20, 20, 0, 0]);
    assert_eq!(component(&outcome, "quake-parse")["refused"], json!({"message-too-large": 1}));
    let summary: &Value = &outcome["summary"];
    assert_eq!(["refused", "dead_lettered", "restarts"].map(|counter| count(summary, counter)), [1, 7, 1]);
    assert_eq!(summary["refused_by_reason"], json!({"message-too-large": 1}));
}

#[test]
fn every_bad_event_is_shown_with_its_reason() {
    let ended = airssys(RUN).run().exits(0);
    let rows: Vec<String> = ended.words().iter().map(|words| words.join(" ")).collect();
    let shown = |row: &str| assert!(rows.iter().any(|found| found.starts_with(row)), "no `{row}`: {ended}");
    shown("quake-parse 1 refused: message-too-large");
    REJECTED.iter().for_each(|reason| shown(&format!("quake-parse 1 dead letter: {reason}")));
    shown(&format!("quake-classify 1 dead letter: {PANICKED}"));
    let summary = ended.stdout.lines().last().unwrap();
    assert!(summary.contains(" handled, 1 refused, 7 dead letters, 1 restart, in "), "{summary}");
    ended.says(&[
        "quake-feed: line 18 is refused: the message of 2097154 bytes is larger than `quake-parse` accepts",
        "quake-feed: read 28 events: 27 sent, 1 refused",
        "WARN quake-classify: ",
    ]);
}

#[test]
fn restart_after_the_last_message_is_counted() {
    let lines = std::fs::read(path("examples/quakes/broken.ndjson")).unwrap();
    let drill =
        lines.split(|byte| *byte == b'\n').find(|line| line.windows(11).any(|at| at == b"panic-drill"));
    let run = ["run", "examples/quakes/app.toml", "--json", "--input", "-"];
    let outcome = airssys(run).input(drill.unwrap()).run().exits(0).json();
    assert_eq!(count(&outcome["summary"], "restarts"), 1);
    assert_eq!(count(&outcome["summary"], "dead_lettered"), 1);
}

#[test]
fn rejections_that_differ_in_a_number_are_one_kind() {
    let lines: String = (10..82).map(|length| format!("{{\"type\": \"{}\n", "x".repeat(length))).collect();
    let run = ["run", "examples/quakes/app.toml", "--input", "-"];
    let ended = airssys(run).input(lines.clone()).run().exits(0);
    let rows: Vec<String> = ended.words().iter().map(|words| words.join(" ")).collect();
    let rejected: Vec<&String> = rows.iter().filter(|row| row.contains("dead letter: rejected")).collect();
    let kind = "quake-parse 72 dead letter: rejected: not JSON: EOF while parsing a string at column …";
    assert_eq!(rejected, [kind], "{ended}");
    let outcome = airssys(run).arg("--json").input(lines).run().exits(0).json();
    let letter = &outcome["dead_letters"][0];
    assert_eq!(count(letter, "count"), 72);
    assert_eq!(letter["kind"], "rejected: not JSON: EOF while parsing a string at column …");
    assert_eq!(letter["reason"], "rejected: not JSON: EOF while parsing a string at column 20");
}
