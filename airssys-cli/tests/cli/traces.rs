//! Traces to a collector, configured by the standard variables.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{TcpListener, TcpStream};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::collector::{Collector, attributes};
use crate::support::*;

const APP: &str = "examples/quakes/app.toml";

#[test]
fn one_trace_shows_the_whole_chain_and_nothing_is_lost() {
    let collector = Collector::start();
    let outcome = airssys(["run", "--json", APP])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret%20word")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=7")
        .run()
        .exits(0)
        .json();
    crate::quakes::is_the_week(&outcome);
    let received = collector.received();
    assert!(received.paths.iter().all(|path| path == "/v1/traces"), "{:?}", received.paths);
    assert_eq!(received.headers["x-key"], "secret word");
    assert_eq!(received.headers["content-type"], "application/x-protobuf");
    for (name, value) in
        [("service.name", "quakes"), ("service.version", "7"), ("deployment.environment.name", "test")]
    {
        assert_eq!(received.resource.get(name).map(String::as_str), Some(value), "{name}");
    }

    // Each handled message has a span, and so has the report.
    let handled = count(&outcome["summary"], "handled") + 1;
    assert_eq!(received.spans.len() as u64, handled);
    let ids: BTreeMap<&[u8], &Span> = received.spans.iter().map(|span| (&span.span_id[..], span)).collect();
    assert_eq!(ids.len(), received.spans.len(), "span ids are unique");

    // The chain leads from an alert back to the first message of the feed.
    let alert = received.spans.iter().find(|span| receiver(span) == "quake-alerts").unwrap();
    let mut chain = vec![alert];
    while let Some(parent) = ids.get(&chain[chain.len() - 1].parent_span_id[..]) {
        chain.push(parent);
    }
    let mut names: Vec<String> = chain.iter().map(|span| receiver(span)).collect();
    names.dedup();
    assert_eq!(names, ["quake-alerts", "quake-classify", "quake-parse", "quake-feed"]);
    assert!(chain.last().unwrap().parent_span_id.is_empty());
    assert!(chain.iter().all(|span| span.trace_id == alert.trace_id));
    // The whole week is one trace, and the request for the report is another.
    let traces: BTreeSet<&[u8]> = received.spans.iter().map(|span| &span.trace_id[..]).collect();
    assert_eq!(traces.len(), 2);

    let told = attributes(&alert.attributes);
    let topic = &told["messaging.destination.name"];
    assert!(topic.starts_with("quakes.major."), "{topic}");
    assert_eq!((alert.name.as_str(), alert.kind), (&*format!("process {topic}"), SpanKind::Consumer as i32));
    assert!(alert.start_time_unix_nano > 0 && alert.start_time_unix_nano <= alert.end_time_unix_nano);
    for (name, value) in [
        ("messaging.system", "airssys"),
        ("messaging.operation.type", "process"),
        ("messaging.consumer.group.name", "quake-alerts"),
        ("messaging.client.id", "quake-alerts"),
        ("airssys.app", "quakes"),
        ("airssys.sender", "quake-classify"),
        ("airssys.receiver", "quake-alerts"),
        ("airssys.codec", "cbor"),
        ("airssys.attempt", "1"),
        ("airssys.wants_reply", "false"),
        ("airssys.outcome", "done"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(told["messaging.message.envelope.size"].parse::<u64>().unwrap() > 10);
    let region = received.spans.iter().find(|span| receiver(span) == "quake-region").unwrap();
    let told = attributes(&region.attributes);
    assert_eq!((&*told["airssys.wants_reply"], &*told["airssys.outcome"]), ("true", "replied"));
    assert_eq!(receiver(ids[&region.parent_span_id[..]]), "quake-classify");
}

fn receiver(span: &Span) -> String {
    attributes(&span.attributes)["airssys.receiver"].clone()
}

#[test]
fn failures_are_failed_spans_and_variables_control_the_export() {
    let collector = Collector::start();
    let run = |variables: &[(&str, &str)]| {
        let mut program = airssys(["run", "examples/quakes", "--input", "examples/quakes/broken.ndjson"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
        for (name, value) in variables {
            program = program.env(name, value);
        }
        program.run().exits(0)
    };
    run(&[("OTEL_SDK_DISABLED", "true")]);
    run(&[("OTEL_TRACES_EXPORTER", "none")]);
    run(&[("OTEL_TRACES_SAMPLER", "always_off")]);
    let refused = run(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    refused.says(&["no traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"]);
    assert!(collector.received().paths.is_empty(), "{:?}", collector.received().paths);

    run(&[("OTEL_SERVICE_NAME", "week"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other")]);
    let received = collector.received();
    assert_eq!(received.resource["service.name"], "week");
    let failed: Vec<&Span> = received.spans.iter().filter(|span| span.status.is_some()).collect();
    let failed: Vec<&Span> = failed
        .into_iter()
        .filter(|span| span.status.as_ref().unwrap().code == StatusCode::Error as i32)
        .collect();
    assert!(!failed.is_empty());
    for span in failed {
        let told = attributes(&span.attributes);
        assert!(["rejected", "failed"].contains(&&*told["airssys.outcome"]), "{told:?}");
        assert_eq!(told["error.type"], told["airssys.outcome"]);
        assert!(!span.status.as_ref().unwrap().message.is_empty());
    }
}

#[test]
fn a_collector_that_is_away_costs_nothing_but_spans() {
    // The listener is dropped, so its port is closed.
    let endpoint = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let outcome =
        airssys(["run", "--json", APP]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).run().exits(0).json();
    crate::quakes::is_the_week(&outcome);
    // This collector accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let ended =
        airssys(["run", "--json", APP]).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint).run().exits(0);
    crate::quakes::is_the_week(&ended.json());
    ended.says(&["the last spans may not have reached the collector"]);
}

#[test]
fn a_hostile_collector_costs_nothing_but_spans() {
    // It answers each batch without end, and its texts try to control the terminal.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || endless_answer(stream));
        }
    });
    let ended =
        airssys(["run", "--json", "-v", APP]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).run().exits(0);
    crate::quakes::is_the_week(&ended.json());
    assert!(!ended.stderr.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{ended}");
}

fn endless_answer(mut stream: TcpStream) {
    let head = "HTTP/1.1 500 \u{9b}31mpwned\r\nx: \u{9b}31m\r\ncontent-length: 99999999999\r\n\r\n";
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() {
        sent = stream.write_all("\u{1b}]0;pwned\u{7}\u{9b}".repeat(4_096).as_bytes());
    }
}
