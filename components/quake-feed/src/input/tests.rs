use std::io::{self, Read};

use super::*;

/// An input that gives this many bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// The events of an input, checked to be the same for all sizes of reads.
fn events(input: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let of = |step: usize| {
        let mut events = Events::new(Slowly(input, step));
        let mut all = Vec::new();
        loop {
            match events.next() {
                Ok(Some((number, Item::Event(event)))) => {
                    all.push(event.to_vec());
                    assert_eq!(number.number, all.len() as u64);
                }
                Ok(Some((number, Item::TooLong(length)))) => {
                    all.push(format!("{number} is too long: {length}").into());
                }
                Ok(None) => {
                    assert!(events.next().unwrap().is_none(), "the end stays the end");
                    return Ok(all);
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).unwrap();
                    return Err(format!("{error}: {cause}"));
                }
            }
        }
    };
    let all = of(usize::MAX);
    if input.len() < 10_000 {
        for step in [1, 2, 3, 7] {
            assert_eq!(of(step), all, "in steps of {step}");
        }
    }
    all
}

fn texts(input: &str) -> Vec<String> {
    let events = events(input.as_bytes()).unwrap();
    events.into_iter().map(|event| String::from_utf8(event).unwrap()).collect()
}

#[test]
fn empty_input_has_no_events() {
    assert!(texts("").is_empty());
}

#[test]
fn lines_are_cut_exactly() {
    assert_eq!(texts("a\nb\n"), ["a", "b"]);
    assert_eq!(texts("a\nb"), ["a", "b"]);
    assert_eq!(texts("a\r\nb\r\n"), ["a", "b"]);
    assert_eq!(texts("a\rb\r"), ["a\rb\r"]);
    assert_eq!(texts("\n\na\n\n"), ["", "", "a", ""]);
    assert_eq!(texts("  {\"type\":\"Feature\"}  \n"), ["  {\"type\":\"Feature\"}  "]);
    assert_eq!(events(b"a\xff\n\xfe").unwrap(), [&b"a\xff"[..], b"\xfe"]);
}

#[test]
fn broken_first_lines_are_lines() {
    for first in
        ["{\"type\":\"Fea", "{\"properties\":{\"mag\":", "{\"id\":\"a\\\"", "{", "[1,2]", "}", "\"x\""]
    {
        assert_eq!(texts(&format!("{first}\n{{\"type\":\"Feature\"}}\n"))[0], first);
    }
}

#[test]
fn features_are_cut_exactly() {
    let compact =
        r#"{"type":"FeatureCollection","features":[{"a":1},{"b":[2,{"c":"]}\"\\"}]}],"bbox":[1,2]}"#;
    assert_eq!(texts(compact), [r#"{"a":1}"#, r#"{"b":[2,{"c":"]}\"\\"}]}"#]);
    let spread = "\u{feff}\r\n{ \"metadata\" : {\"features\":[7]},\n  \"features\" :\n [ { \"a\" : 1 } ,\n\t{}\n ]\n ,\"type\":\"FeatureCollection\"}\n\n";
    assert_eq!(texts(spread), ["{ \"a\" : 1 }", "{}"]);
    assert_eq!(texts(r#"{"features":[],"type":"FeatureCollection"}"#), Vec::<String>::new());
    assert_eq!(texts(r#"{"features":[null, 1.5e3,"x,]" ,true]}"#), ["null", "1.5e3", "\"x,]\"", "true"]);
}

#[test]
fn broken_collection_is_an_error_with_its_place() {
    for (input, expected) in [
        (
            r#"{"type":"FeatureCollection","features":[{"a":1},{"b""#,
            "byte 52: it ends where the end of a feature is expected",
        ),
        (r#"{"type":"FeatureCollection","features":[{"a":1}"#, "byte 47: it ends where , or ] is expected"),
        (r#"{"type":"FeatureCollection","features":[{"a":1}]"#, "byte 48: it ends where , or } is expected"),
        (r#"{"type":"FeatureCollection","meta"#, "byte 33: it ends where the end of a name is expected"),
        (r#"{"type":"FeatureCollection"}"#, "byte 28: it has no `features`"),
        (
            r#"{"type":"FeatureCollection","features":null}"#,
            "byte 39: expected the [ of the features, found n",
        ),
        (r#"{"features":[{"a":1} {"b":1}]}"#, "byte 21: expected , or ], found {"),
        (r#"{"features":[{"a":[1}]}"#, "byte 20: expected ], found }"),
        (r#"{"features":[{},]}"#, "byte 16: expected a feature, found ]"),
        (r#"{"features":[]}{"#, "byte 15: expected nothing more, found {"),
    ] {
        assert_eq!(
            events(input.as_bytes()).unwrap_err(),
            format!("the FeatureCollection is broken at {expected}")
        );
    }
    let deep = format!("{{\"features\":[{}", "[".repeat(1025));
    assert!(events(deep.as_bytes()).unwrap_err().contains("values are nested deeper than 1024"));
}

#[test]
fn long_events_are_skipped_and_memory_stays_bounded() {
    let exact = "x".repeat(MAX_EVENT_LEN);
    let lines = format!("{exact}\r\n{exact}y\nz\n");
    let cut = texts(&lines);
    assert_eq!(cut[0], exact);
    assert_eq!(cut[1..], [format!("line 2 is too long: {}", MAX_EVENT_LEN + 1), "z".to_owned()]);

    let feature = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_EVENT_LEN * 2));
    let mut events = Events::new(io::Cursor::new(format!("{{\"features\":[{feature},{{}}]}}")));
    assert_eq!(events.next().unwrap().unwrap().1, Item::TooLong(feature.len() as u64));
    let (number, next) = events.next().unwrap().unwrap();
    assert_eq!((number.to_string().as_str(), next), ("feature 2", Item::Event(b"{}")));
    assert!(events.event.bytes.capacity() <= 2 * MAX_EVENT_LEN);
    assert_eq!(events.window.len(), WINDOW_LEN);
}

#[test]
fn unreadable_input_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut events = Events::new(io::Read::chain(&b"a\nb"[..], Broken));
    assert_eq!(events.next().unwrap().unwrap().1, Item::Event(b"a"));
    let error = events.next().unwrap_err();
    assert_eq!(error.to_string(), "the input cannot be read at byte 3");
}

#[test]
fn every_feature_of_the_example_is_cut() {
    let text = include_str!("../../../../examples/quakes/earthquakes.json");
    let features = texts(text);
    assert_eq!(features.len(), 1707);
    assert!(features.iter().all(|feature| feature.starts_with("{\"type\":\"Feature\"")));
    assert!(text.contains(&features.join(",\n")));
}
