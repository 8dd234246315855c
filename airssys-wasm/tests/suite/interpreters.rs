//! The environment that the SDKs give to code in JavaScript and Python, seen from inside components.

use std::collections::{BTreeMap, BTreeSet};

use airssys_message::Codec;
use airssys_wasm::{ComponentHost, ComponentSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::languages::{ask, encoded, greeter};
use crate::support::*;

const PAGE: &str = include_str!("../../../docs/languages.md");

async fn alone(name: &str) -> ComponentHost {
    let host = host();
    host.spawn(greeter(name)).await.unwrap();
    host
}

async fn probe(host: &ComponentHost, name: &str, question: &str) -> Value {
    ask(host, name, Codec::Json, json!({ "probe": question })).await
}

/// Returns the names in backticks in a part of the page between two marks.
fn listed(part: &str) -> BTreeSet<String> {
    let (begin, end) = (format!("<!-- begin {part} -->"), format!("<!-- end {part} -->"));
    let (_, rest) = PAGE.split_once(&begin).expect("the part begins");
    let (text, _) = rest.split_once(&end).expect("the part ends");
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Returns the numbers of the lines of a source that contain a text.
fn line(source: &str, text: &str) -> usize {
    1 + source.lines().position(|line| line.contains(text)).expect("the line")
}

#[tokio::test]
async fn page_lists_exactly_the_names_that_javascript_finds() {
    let host = alone("greet-js").await;
    let found = texts(&probe(&host, "greet-js", "names").await);
    assert_eq!(found, listed("names in JavaScript"));
}

#[tokio::test]
async fn page_lists_exactly_the_modules_that_python_lacks() {
    let host = alone("greet-python").await;
    let absent: BTreeMap<String, String> =
        serde_json::from_value(probe(&host, "greet-python", "modules").await).unwrap();
    let names: BTreeSet<String> = absent.keys().cloned().collect();
    assert_eq!(names, listed("modules that Python lacks"), "{absent:?}");
}

/// Every instance has fresh random numbers, except those that the top level has computed.
async fn random_numbers_differ(name: &str) {
    let host = host();
    let mut answers = Vec::new();
    for instance in ["one", "two"] {
        host.spawn(ComponentSpec { name: instance.to_owned(), ..greeter(name) }).await.unwrap();
        answers.push(probe(&host, instance, "random").await);
        answers.push(probe(&host, instance, "random").await);
    }
    // The next incarnation begins with the memory of the build again.
    let _failed = host.request("one", encoded(Codec::Json, &json!({ "probe": "fail" })), SOON).await;
    answers.push(probe(&host, "one", "random").await);
    for random in ["numbers", "bytes", "uuids"] {
        let different: BTreeSet<String> = answers.iter().map(|answer| answer[random].to_string()).collect();
        assert_eq!(different.len(), answers.len(), "{random}");
    }
    for answer in &answers {
        assert_eq!(answer["top"], answers[0]["top"]);
        assert!(answer["now"].as_f64() > answer["top"]["now"].as_f64());
        let numbers: Vec<f64> = serde_json::from_value(answer["numbers"].clone()).unwrap();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)), "{numbers:?}");
        assert!(numbers.iter().any(|number| *number < 0.3) && numbers.iter().any(|number| *number > 0.7));
        for uuid in texts(&answer["uuids"]) {
            let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            assert!(uuid[14..15] == *"4" && "89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }
    if name == "greet-js" {
        let clock: Vec<f64> = serde_json::from_value(answers[0]["performance"].clone()).unwrap();
        assert!(clock[0] >= 0.0 && clock[1] >= clock[0] && clock[2] > 1.7e12, "{clock:?}");
        let refusals = ["DOMException TypeMismatchError", "DOMException QuotaExceededError"];
        assert_eq!(answers[0]["refused"], json!(refusals));
        assert_eq!(answers[0]["two"], 1);
    }
}

#[tokio::test]
async fn random_numbers_differ_in_every_instance_in_javascript() {
    random_numbers_differ("greet-js").await;
}

#[tokio::test]
async fn random_numbers_differ_in_every_instance_in_python() {
    random_numbers_differ("greet-python").await;
}

#[tokio::test]
async fn javascript_has_urls_clones_and_texts() {
    let host = alone("greet-js").await;
    let found = probe(&host, "greet-js", "web").await;
    assert_eq!(
        found,
        json!({
            "href": "https://user@example.org:8080/a/b?x=1&y=%C3%A9&x=2+3#z",
            "params": ["1", "2 3"],
            "canParse": [false, true],
            "clone": [true, 0, true, [1, 2], "2"],
            "text": "é🦀",
            "base64": ["aGVsbG8=", "hello"],
        })
    );
}

#[tokio::test]
async fn console_of_javascript_writes_to_the_log() {
    let log = Log::capture();
    let host = alone("greet-js").await;
    let _done = host.request("greet-js", encoded(Codec::Json, &json!({ "probe": "write" })), SOON).await;
    let text = log.text();
    let source = include_str!("../../../components/greet-js/src/probe.js");
    let at = |text: &str| format!("src/probe.js:{}:", line(source, text));
    for (level, line) in [
        ("INFO", "logged while it was built".to_owned()),
        ("INFO", r#"one is 1 { list: [1, { deep: {…} }], text: "x" }"#.to_owned()),
        ("DEBUG", r#"debug Map { "a" => 1 }"#.to_owned()),
        ("WARN", "warn [undefined, null, 3n]".to_owned()),
        ("INFO", "group".to_owned()),
        ("ERROR", "  RangeError: shown".to_owned()),
        ("ERROR", "assertion failed: assertion".to_owned()),
        ("INFO", "default: 2".to_owned()),
        ("INFO", "timer: ".to_owned()),
        ("DEBUG", "trace: from here".to_owned()),
        ("INFO", r#"log { name: "circle", self: [circular] } [0, 1, 2, "#.to_owned()),
    ] {
        let is_found = text.lines().any(|found| found.contains(level) && found.contains(&line));
        assert!(is_found, "{level} {line}\n{text}");
    }
    for line in [
        "caused by TypeError: inner".to_owned(),
        at("new RangeError"),
        at("console.trace"),
        "… 100 more".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains("bundle.js"), "{text}");
}

#[tokio::test]
async fn lines_of_python_name_their_sources() {
    let log = Log::capture();
    let host = alone("greet-python").await;
    let _done = host.request("greet-python", encoded(Codec::Json, &json!({ "probe": "write" })), SOON).await;
    let text = log.text();
    let source = include_str!("../../../components/greet-python/src/probe.py");
    let raised = format!("File \"src/probe.py\", line {}, in fail", line(source, "raise TypeError"));
    for line in
        ["logged while it was built", "log [1, None]", &raised, "TypeError: failed on purpose", "printed"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// A failure names the exception, its cause, and where it was thrown.
async fn failure_names_its_source(name: &str, expected: &[String]) {
    let log = Log::capture();
    let host = alone(name).await;
    let failed = host.request(name, encoded(Codec::Json, &json!({ "probe": "fail" })), SOON).await;
    assert!(failed.is_err(), "{failed:?}");
    let reasons = host.reasons();
    for part in expected {
        assert!(reasons[0].contains(part), "{part}: {reasons:?}");
    }
    let text = log.text();
    assert!(text.contains("failed on purpose") && !text.contains("bundle.js"), "{text}");
}

#[tokio::test]
async fn failure_in_javascript_names_its_source() {
    let source = include_str!("../../../components/greet-js/src/probe.js");
    let place = format!("at fail (src/probe.js:{}:", line(source, "failed on purpose"));
    let expected =
        ["TypeError: failed on purpose".to_owned(), place, "caused by Error: the cause".to_owned()];
    failure_names_its_source("greet-js", &expected).await;
}

#[tokio::test]
async fn failure_in_python_names_its_source() {
    let source = include_str!("../../../components/greet-python/src/probe.py");
    let place = format!("File \"src/probe.py\", line {}, in fail", line(source, "raise TypeError"));
    let expected = ["TypeError: failed on purpose".to_owned(), place, "KeyError: 'the cause'".to_owned()];
    failure_names_its_source("greet-python", &expected).await;
}

#[derive(Deserialize)]
struct Vector {
    codec: String,
    /// Bytes as hexadecimal digits, and how often they are repeated.
    body: Vec<(String, usize)>,
    read: bool,
}

/// A body that is nested too deep, or damaged, is rejected. It does not end the instance.
async fn deep_nesting_is_rejected(name: &str) {
    let host = alone(name).await;
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../airssys-message/vectors/nesting.json")).unwrap();
    let mut rejected = 0;
    for vector in &vectors {
        let mut message = Vec::new();
        match vector.codec.as_str() {
            "cbor" => Codec::Cbor.write_prefix(&mut message),
            _ => Codec::Json.write_prefix(&mut message),
        }
        let digits: String = vector.body.iter().map(|(digits, times)| digits.repeat(*times)).collect();
        let bytes = (0..digits.len()).step_by(2);
        message.extend(bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()));
        // Each of these values is neither a name nor a question, so that the handler rejects those it reads.
        let refused = host.request(name, message, SOON).await.unwrap_err();
        assert!(refused.to_string().contains("rejected"), "{:?}: {refused}", vector.body);
        rejected += usize::from(!vector.read);
    }
    let reasons = host.reasons();
    assert_eq!(reasons.len(), vectors.len());
    for (reason, vector) in reasons.iter().zip(&vectors) {
        let is_unreadable = reason.contains(&format!("the message is not valid {}", vector.codec));
        assert_eq!(is_unreadable, !vector.read, "{:?}: {reason}", vector.body);
    }
    assert!(rejected > 20, "{rejected}");
    assert!(reasons.iter().any(|reason| reason.contains("nested more than 128 deep")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("nested more than 127 deep")), "{reasons:?}");
    // The same instance goes on.
    assert_eq!(ask(&host, name, Codec::Json, json!({ "name": "you" })).await["heard"], 1);
    assert_eq!(host.component_snapshot(name).unwrap().instances[0].restarts, 0);
}

#[tokio::test]
async fn deep_nesting_is_rejected_in_javascript() {
    deep_nesting_is_rejected("greet-js").await;
}

#[tokio::test]
async fn deep_nesting_is_rejected_in_python() {
    deep_nesting_is_rejected("greet-python").await;
}

/// The modules that values with tags need are imported late.
#[tokio::test]
async fn python_reads_decimals_and_dates() {
    let host = alone("greet-python").await;
    let message = |body: &[u8]| [b"\x51\xa1\x66values".as_slice(), body].concat();
    let values = [
        &b"\x85"[..],
        b"\xc4\x82\x21\x19\x6a\xb3",
        b"\xc0\x742013-03-21T20:04:00Z",
        b"\xc1\x1a\x51\x4b\x67\xb0",
        b"\xd8\x1e\x82\x01\x03",
        b"\xd8\x25\x50\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
    ];
    let reply = host.request("greet-python", message(&values.concat()), SOON).await.unwrap();
    let read: Value = ciborium::from_reader(&reply[1..]).unwrap();
    assert_eq!(
        read,
        json!([
            "Decimal 273.15",
            "datetime 2013-03-21 20:04:00+00:00",
            "datetime 2013-03-21 20:04:00+00:00",
            "Fraction 1/3",
            "UUID 00112233-4455-6677-8899-aabbccddeeff",
        ])
    );
}

/// Calls can be nested as deep as the page says. Twice as many end the instance, with a reason, and the
/// next incarnation goes on.
async fn calls_nest_as_deep_as_the_page_says(name: &str, depth: usize, reason: &str) {
    let host = alone(name).await;
    let nested = |times: usize| encoded(Codec::Json, &json!({ "probe": format!("nested {times}") }));
    let answer = ask(&host, name, Codec::Json, json!({ "probe": format!("nested {depth}") })).await;
    assert_eq!(answer, depth);
    let failed = host.request(name, nested(2 * depth), SOON).await.unwrap_err();
    assert!(failed.to_string().contains("failed"), "{failed}");
    let reasons = host.reasons();
    assert!(reasons.len() == 1 && reasons[0].contains(reason), "{reasons:?}");
    assert_eq!(ask(&host, name, Codec::Json, json!({ "name": "you" })).await["heard"], 1);
    assert_eq!(host.component_snapshot(name).unwrap().instances[0].restarts, 1);
}

/// Returns the number in front of a text of the page.
fn number_before(text: &str) -> usize {
    let (before, _) = PAGE.split_once(text).expect("the page has the text");
    before.rsplit(' ').next().and_then(|number| number.replace(',', "").parse().ok()).expect("a number")
}

#[tokio::test]
async fn calls_in_javascript_nest_as_deep_as_the_page_says() {
    let depth = number_before(" calls of JavaScript can be nested");
    calls_nest_as_deep_as_the_page_says("greet-js", depth, "call stack exhausted").await;
}

#[tokio::test]
async fn calls_in_python_nest_as_deep_as_the_page_says() {
    let depth = number_before(" calls of Python can be nested");
    calls_nest_as_deep_as_the_page_says("greet-python", depth, "RecursionError").await;
}
