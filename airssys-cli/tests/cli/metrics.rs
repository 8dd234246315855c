//! Metrics of a running app over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::*;

/// The samples of a page, by name and labels as written in the page.
type Samples = BTreeMap<String, f64>;

/// Sends an HTTP request. Returns status, head and body.
fn ask(address: &str, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

/// Parses a page as strictly as Prometheus does.
fn parse(page: &str) -> Samples {
    let mut samples = Samples::new();
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut family = "";
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap();
            assert!(!kinds.contains_key(family), "{family} comes twice");
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            kinds.insert(name, kind);
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap();
        let name = key.split('{').next().unwrap();
        let of_family = match kinds[family] {
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{family}{end}")),
            _ => name == family,
        };
        assert!(of_family, "{name} is under {family}");
        assert!(kinds[family] != "counter" || name.ends_with("_total"), "{name}");
        let before = samples.insert(key.to_owned(), value.parse().unwrap());
        assert!(before.is_none(), "{key} comes twice");
    }
    assert!(page.ends_with('\n'));
    samples
}

/// An app that keeps running after its work is done, and the address of its metrics.
fn app_with_metrics(folder: &Folder) -> (Running, String) {
    let app = folder.quakes(&[("until = \"quake-feed\"\n", "")]);
    let mut running = airssys(["run", "--json", &app, "--metrics", "127.0.0.1:0"])
        .arg("--input")
        .arg(&path("examples/quakes/broken.ndjson"))
        .start();
    let address = running.line_with("metrics at http://");
    let address = address.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    (running, address)
}

#[test]
fn a_scrape_shows_what_the_summary_shows() {
    let folder = Folder::new();
    let (mut running, address) = app_with_metrics(&folder);
    running.until_it_says("quake-feed: read ");
    // Scrapes until nothing is in flight.
    let samples = loop {
        let (status, head, page) = ask(&address, "GET /metrics");
        assert_eq!(status, 200);
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        let samples = parse(&page);
        if samples["airssys_in_flight"] == 0.0 {
            break samples;
        }
    };
    running.interrupt();
    let outcome = running.end().exits(130).json();
    let mut handled = 0.0;
    for summary in outcome["components"].as_array().unwrap() {
        let name = summary["name"].as_str().unwrap();
        let of = |metric: &str| samples[&format!("airssys_{metric}{{component=\"{name}\"}}")];
        for (metric, key) in [
            ("messages_received_total", "received"),
            ("messages_handled_total", "handled"),
            ("messages_dead_lettered_total", "dead_lettered"),
            ("messages_retried_total", "retried"),
            ("mailbox_full_total", "mailbox_full"),
        ] {
            assert_eq!(of(metric), count(summary, key) as f64, "{metric} of {name}");
        }
        for (reason, refused) in summary["refused"].as_object().unwrap() {
            let refusals =
                format!("airssys_messages_refused_total{{component=\"{name}\",reason=\"{reason}\"}}");
            assert_eq!(samples[&refusals], refused.as_f64().unwrap());
        }
        let instance =
            |metric: &str| samples[&format!("airssys_{metric}{{component=\"{name}\",instance=\"{name}\"}}")];
        assert_eq!(instance("restarts_total"), count_instances(summary, "restarts") as f64);
        assert_eq!(instance("mailbox_depth"), 0.0);
        assert!(instance("mailbox_high_water") <= instance("mailbox_capacity"));
        let state = |state: &str| {
            let labels = format!("component=\"{name}\",instance=\"{name}\",state=\"{state}\"");
            samples[&format!("airssys_instance_state{{{labels}}}")]
        };
        // The feed is temporary: it has stopped and its memory is released.
        let memory = instance("linear_memory_bytes");
        match name {
            "quake-feed" => assert_eq!((state("stopped"), state("running"), memory), (1.0, 0.0, 0.0)),
            _ => {
                assert_eq!((state("stopped"), state("running")), (0.0, 1.0), "{name}");
                let pages = memory / 65_536.0;
                assert!(pages >= 1.0 && pages.fract() == 0.0, "{memory}");
                assert!(memory <= instance("linear_memory_limit_bytes"));
            }
        }
        for metric in ["handling", "guest", "wait", "mailbox_wait"] {
            buckets_are_cumulative(&samples, &format!("airssys_{metric}_duration_seconds"), name);
        }
        let sum = |metric: &str| of(&format!("{metric}_duration_seconds_sum"));
        assert!((sum("guest") + sum("wait") - sum("handling")).abs() < 1e-6, "{name}");
        handled += of("messages_handled_total");
    }
    assert_eq!(handled, count(&outcome["summary"], "handled") as f64);
    assert!(count(&outcome["summary"], "dead_lettered") > 0 && count(&outcome["summary"], "refused") > 0);
}

/// Checks the buckets of a histogram of a component.
fn buckets_are_cumulative(samples: &Samples, metric: &str, component: &str) {
    let prefix = format!("{metric}_bucket{{component=\"{component}\",le=\"");
    let mut buckets: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|(key, count)| {
            let bound = key.strip_prefix(&prefix)?.strip_suffix("\"}")?;
            Some((bound.replace("+Inf", "inf").parse().unwrap(), *count))
        })
        .collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert_eq!((buckets.len(), buckets[0].0), (23, 1e-6), "{component}");
    assert!(buckets.is_sorted_by(|one, next| one.1 <= next.1), "{buckets:?}");
    let all = samples[&format!("airssys_messages_handled_total{{component=\"{component}\"}}")];
    assert_eq!(buckets.last().unwrap(), &(f64::INFINITY, all));
    assert_eq!(samples[&format!("{metric}_count{{component=\"{component}\"}}")], all);
    let sum = samples[&format!("{metric}_sum{{component=\"{component}\"}}")];
    let may_be_zero = metric.contains("_wait_");
    assert!((sum > 0.0) == (all > 0.0) || may_be_zero, "{sum} s over {all}");
}

#[test]
fn only_the_metrics_are_served() {
    let folder = Folder::new();
    let (running, address) = app_with_metrics(&folder);
    assert_eq!(ask(&address, "GET /").0, 404);
    let (status, head, _) = ask(&address, "POST /metrics");
    assert_eq!(status, 405);
    assert!(head.contains("allow: get, head"), "{head}");
    assert_eq!(ask(&address, "HEAD /metrics").2, "");
    assert_eq!(ask(&address, "nonsense").0, 400);
    running.interrupt();
    running.end().exits(130);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn slow_clients_do_not_block_a_scrape() {
    let folder = Folder::new();
    let (running, address) = app_with_metrics(&folder);
    let slow = |request: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // A client that has lost its place cannot write.
        drop(stream.write_all(request.as_bytes()));
        stream
    };
    // Some say nothing, some begin a request, and some never read the answers.
    let mut clients: Vec<_> = (0..20).map(|_| slow("")).collect();
    clients.extend((0..20).map(|_| slow("GET /metrics HTTP/1.1\r\nhost: ")));
    clients.extend((0..20).map(|_| slow(&"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1_000))));
    let mut scrape = TcpStream::connect(&address).unwrap();
    // The slow clients would hold it up for longer than that.
    scrape.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(scrape, "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    scrape.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("airssys_"), "{page}");
    drop(clients);
    running.interrupt();
    running.end().exits(130);
}

#[test]
fn an_address_that_others_can_reach_has_to_be_allowed() {
    let app = "examples/quakes/app.toml";
    let run = |args: &[&str]| airssys(["run", app].iter().chain(args)).run();
    run(&["--metrics", "0.0.0.0:0"])
        .exits(2)
        .says(&["`0.0.0.0:0` is not a loopback address; pass `--metrics-anywhere`"]);
    run(&["--metrics", "[::]:0"]).exits(2);
    run(&["--metrics", "nowhere"]).exits(2);
    run(&["--metrics-anywhere"]).exits(2);
    run(&["--metrics", "[::1]:0"]).exits(0).says(&["metrics at http://[::1]:"]);
    run(&["--metrics", "0.0.0.0:0", "--metrics-anywhere"]).exits(0).says(&["metrics at http://0.0.0.0:"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    run(&["--metrics", &taken]).exits(1).says(&["cannot be listened on"]);
}
