//! The quakes app: its results, which are the same for mailboxes of any size.

use serde_json::{Value, json};

use crate::support::*;

const APP: &str = "examples/quakes/app.toml";

/// The messages that each component handles for the week of earthquakes.
const HANDLED: [(&str, u64); 5] = [
    ("quake-alerts", 39),
    ("quake-classify", 1_707),
    ("quake-parse", 1_707),
    ("quake-region", 1_707),
    ("quake-stats", 1_707),
];

const STRONGEST: [(f64, &str, &str); 10] = [
    (6.4, "22km NNE of Hualian, Taiwan", "2018-02-06T15:50:42Z"),
    (6.1, "35km S of Jarm, Afghanistan", "2018-01-31T07:07:00Z"),
    (6.1, "21km NNE of Hualian, Taiwan", "2018-02-04T13:56:42Z"),
    (6.0, "272km SSE of Sigave, Wallis and Futuna", "2018-02-01T11:05:50Z"),
    (6.0, "265km NE of Scott Island Bank, Antarctica", "2018-02-02T11:37:53Z"),
    (5.7, "55km SE of Pedasi, Panama", "2018-01-31T16:37:06Z"),
    (5.6, "34km SE of Lae, Papua New Guinea", "2018-01-31T11:49:39Z"),
    (5.6, "67km NNE of Isangel, Vanuatu", "2018-02-06T18:37:59Z"),
    (5.5, "138km SE of Modayag, Indonesia", "2018-02-02T00:20:42Z"),
    (5.4, "Pacific-Antarctic Ridge", "2018-02-01T04:18:30Z"),
];

/// Asserts that a run handled the week of earthquakes: all events, each once, and nothing else.
#[track_caller]
pub(crate) fn is_the_week(outcome: &Value) {
    assert_eq!(outcome["app"], "quakes");
    let [events, strongest] = outcome["report"]["tables"].as_array().unwrap().as_slice() else {
        panic!("{}", outcome["report"]);
    };
    let rows = events["rows"].as_array().unwrap();
    assert_eq!(rows.last().unwrap(), &json!(["total", 1_410, 258, 39, 1_707]));
    for column in 1..=4 {
        let regions = rows[..rows.len() - 1].iter().map(|row| row[column].as_u64().unwrap());
        assert_eq!(regions.sum::<u64>(), rows.last().unwrap()[column].as_u64().unwrap(), "column {column}");
    }
    let expected = STRONGEST.map(|(magnitude, place, time)| json!([magnitude, place, time]));
    let found = strongest["rows"].as_array().unwrap().iter().map(|row| json!([row[0], row[1], row[3]]));
    assert_eq!(found.collect::<Vec<_>>(), expected);

    for (name, handled) in HANDLED {
        assert_eq!(count(component(outcome, name), "handled"), handled, "{name}");
    }
    for component in outcome["components"].as_array().unwrap() {
        assert_eq!(count(component, "received"), count(component, "handled"), "{component}");
        assert_eq!(component["refused"], json!({}), "{component}");
        assert_eq!(
            (count(component, "dead_lettered"), count_instances(component, "restarts")),
            (0, 0),
            "{component}"
        );
        for times in ["total", "guest", "waits", "mailbox"].map(|times| &component["handling"][times]) {
            assert!(count(times, "p50_ns") <= count(times, "p99_ns"), "{component}");
            let messages =
                times["buckets"].as_array().unwrap().iter().map(|bucket| count(bucket, "messages"));
            assert_eq!(messages.sum::<u64>(), count(component, "handled"), "{component}");
        }
    }
    let summary = &outcome["summary"];
    let handled: u64 =
        outcome["components"].as_array().unwrap().iter().map(|component| count(component, "handled")).sum();
    assert_eq!(count(summary, "handled"), handled);
    assert_eq!(
        [count(summary, "refused"), count(summary, "dead_lettered"), count(summary, "restarts")],
        [0; 3]
    );
    assert_eq!(outcome["dead_letters"], json!([]));
}

#[test]
fn a_week_of_earthquakes_as_json() {
    let ended = airssys(["run", APP, "--json"]).run().exits(0);
    is_the_week(&ended.json());
    assert_eq!(ended.stderr.matches("quake-alerts: magnitude").count(), 39, "{ended}");
    assert!(ended.stderr.contains("quake-feed: read 1707 events: 1707 sent, 0 refused"), "{ended}");
}

#[test]
fn a_week_of_earthquakes_as_tables() {
    let ended = airssys(["run", APP]).run().exits(0);
    let rows = ended.words();
    let row = |first: &str| rows.iter().find(|row| row.first() == Some(&first)).expect("a row").clone();
    assert_eq!(row("total"), ["total", "1,410", "258", "39", "1,707"]);
    let begin = rows.iter().position(|row| row[..] == ["Strongest", "ten"]).expect("the strongest ten") + 3;
    for ((magnitude, place, time), row) in STRONGEST.iter().zip(&rows[begin..]) {
        let line = row.join(" ");
        assert!(line.starts_with(&format!("{magnitude:.1} {place} ")) && line.ends_with(time), "{line}");
    }
    let columns =
        ["component", "in", "handled", "refused", "dead", "restarts", "p50", "p99", "waits", "queued"];
    assert_eq!(row("component"), columns);
    for (name, handled) in HANDLED {
        let handled = if handled == 39 { "39" } else { "1,707" };
        assert_eq!(row(name)[1..6], [handled, handled, "0", "0", "0"], "{name}");
    }
    let summary = ended.stdout.lines().last().unwrap();
    assert!(summary.contains(" messages handled, 0 refused, 0 dead letters, 0 restarts, in "), "{summary}");
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains('\u{1b}'), "{ended}");
    }
    let widest = ended.stdout.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest.unwrap() <= 100, "{ended}");
}

#[test]
fn a_folder_stands_for_the_manifest_in_it() {
    is_the_week(
        &airssys(["run", "--json", "."]).within(&root().join("examples/quakes")).run().exits(0).json(),
    );
}

#[test]
fn small_mailboxes_slow_the_sender_down_and_lose_nothing() {
    for mailbox in ["16", "1"] {
        let folder = Folder::new();
        let limit = format!("quake-classify\"\nmailbox = {mailbox}");
        let app = folder.quakes(&[("components/quake-classify\"", &format!("components/{limit}"))]);
        let outcome = airssys(["run", "--json", &app]).run().exits(0).json();
        is_the_week(&outcome);
        let classify = component(&outcome, "quake-classify");
        assert!(count(classify, "mailbox_full") > 0, "{classify}");
        assert_eq!(count_instances(classify, "high_water").to_string(), mailbox);
    }
}

#[test]
fn mailboxes_of_one_lose_nothing() {
    let folder = Folder::new();
    let names = ["alerts", "stats", "region", "classify", "parse"];
    let changes = names.map(|name| {
        let source = format!("components/quake-{name}\"");
        (source.clone(), format!("{source}\nmailbox = 1"))
    });
    let app = folder.quakes(&changes.each_ref().map(|(from, to)| (from.as_str(), to.as_str())));
    let outcome = airssys(["run", "--json", &app]).run().exits(0).json();
    is_the_week(&outcome);
    for name in ["quake-parse", "quake-classify"] {
        assert!(count(component(&outcome, name), "mailbox_full") > 0, "{outcome}");
    }
    for component in outcome["components"].as_array().unwrap() {
        assert_eq!(count_instances(component, "high_water"), 1, "{component}");
    }
}
