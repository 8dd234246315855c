use super::*;

const GOOD: &str = r#"{"type":"Feature","properties":{"mag":2,"place":"4km W of \"Castaic\", CA","time":1517966773840,"felt":null},"geometry":{"type":"Point","coordinates":[-118.6671667,34.4945,26.49]},"id":"ci37868143"}"#;

fn reason(text: impl AsRef<[u8]>) -> String {
    read(text.as_ref()).unwrap_err().to_string()
}

/// The reason why the good feature is refused when this is replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    reason(GOOD.replacen(from, to, 1))
}

#[test]
fn feature_is_read() {
    let expected = Quake {
        id: "ci37868143".into(),
        magnitude: 2.0,
        place: "4km W of \"Castaic\", CA".into(),
        time_ms: 1_517_966_773_840,
        longitude: -118.6671667,
        latitude: 34.4945,
        depth_km: 26.49,
    };
    assert_eq!(read(GOOD.as_bytes()), Ok(expected.clone()));
    assert_eq!(
        read(format!("  {}\n", GOOD.replace(",\"", " ,\n \"")).as_bytes()).unwrap().time_ms,
        expected.time_ms
    );
    let nameless = GOOD.replacen(r#""4km W of \"Castaic\", CA""#, "null", 1);
    assert_eq!(read(nameless.as_bytes()).unwrap().place, "");
    let negative = GOOD.replacen(r#""mag":2"#, r#""mag":-0.8"#, 1);
    assert_eq!(read(negative.as_bytes()).unwrap().magnitude, -0.8);
}

#[test]
fn anything_but_a_feature_is_refused_by_kind() {
    assert_eq!(reason(""), "the line is empty");
    assert_eq!(reason(" \t"), "the line is empty");
    assert_eq!(reason(b"{\"type\":\"Feature\xff\"}"), "not UTF-8 at byte 16");
    assert_eq!(reason(&GOOD[..60]), "not JSON: EOF while parsing a string at column 60");
    assert_eq!(reason("{\"type\":\n nothing}"), "not JSON: expected ident at line 2, column 3");
    assert_eq!(reason("nonsense"), "not JSON: expected ident at column 2");
    assert_eq!(
        reason(format!("{GOOD}}}")),
        format!("not JSON: trailing characters at column {}", GOOD.len() + 1)
    );
    assert_eq!(reason("[1]"), "the feature is an array");
    assert_eq!(reason("\"x\""), "the feature is a string: \"x\"");
    assert_eq!(reason("{\"id\":1,\"id\":2}"), "not a feature: duplicate field `id`");
}

#[test]
fn wrong_member_of_a_feature_is_named() {
    for (from, to, expected) in [
        (r#""type":"Feature","#, "", "type is missing"),
        (r#""Feature""#, r#""FeatureCollection""#, "type is \"FeatureCollection\" instead of \"Feature\""),
        (r#""Feature""#, "null", "type is null"),
        (r#","id":"ci37868143""#, "", "id is missing"),
        (r#""ci37868143""#, "5", "id is a number: 5"),
        (r#""mag":2,"#, "", "magnitude is missing"),
        (r#""mag":2"#, r#""mag":null"#, "magnitude is null"),
        (r#""mag":2"#, r#""mag":"4.1""#, "magnitude is a string: \"4.1\""),
        (r#""mag":2"#, r#""mag":true"#, "magnitude is a boolean: true"),
        (r#""mag":2"#, r#""mag":[2]"#, "magnitude is an array"),
        (r#""mag":2"#, r#""mag":1e999"#, "magnitude is not finite: 1e999"),
        (r#""4km W of \"Castaic\", CA""#, "7", "place is a number: 7"),
        (r#""place":"4km W of \"Castaic\", CA","#, "", "place is missing"),
        ("4km W", r"\ud800", "place is not text: unexpected end of hex escape"),
        ("1517966773840", "1.5", "time is not an integer: 1.5"),
        ("1517966773840", "null", "time is null"),
        ("-118.6671667", "-180.5", "longitude -180.5 is outside -180 to 180"),
        ("34.4945", "95.2", "latitude 95.2 is outside -90 to 90"),
        ("34.4945", "\"x\"", "latitude is a string: \"x\""),
        (",26.49", "", "coordinates has 2 values instead of 3"),
        ("26.49", "null", "depth is null"),
        ("[-118.6671667,34.4945,26.49]", "{}", "coordinates is an object"),
        (r#"{"type":"Point","coordinates":[-118.6671667,34.4945,26.49]}"#, "null", "geometry is null"),
        (
            r#","geometry":{"type":"Point","coordinates":[-118.6671667,34.4945,26.49]}"#,
            "",
            "geometry is missing",
        ),
    ] {
        assert_eq!(changed(from, to), expected);
    }
}

#[test]
fn reason_shows_at_most_the_beginning_of_a_value() {
    let long = format!("\"mag\":\"{}\"", "é".repeat(1000));
    assert_eq!(changed(r#""mag":2"#, &long), format!("magnitude is a string: \"{}…", "é".repeat(SHOWN - 1)));
    assert_eq!(changed(r#""Feature""#, &format!("\"{}\"", "x".repeat(1000))).chars().count(), 70);
}

#[test]
fn every_event_of_the_example_is_read() {
    #[derive(Deserialize)]
    struct Collection<'a> {
        #[serde(borrow)]
        features: Vec<&'a RawValue>,
    }
    let text = include_str!("../../../../examples/quakes/earthquakes.json");
    let collection: Collection<'_> = serde_json::from_str(text).unwrap();
    assert_eq!(collection.features.len(), 1707);
    for feature in collection.features {
        read(feature.get().as_bytes()).unwrap();
    }
}

#[test]
fn every_broken_line_of_the_example_has_its_reason() {
    let text = include_bytes!("../../../../examples/quakes/broken.ndjson");
    let lines = text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
    let reasons: Vec<_> = (1..)
        .zip(lines)
        .filter_map(|(number, line)| Some(format!("{number}: {}", read(line).err()?)))
        .collect();
    assert_eq!(
        reasons,
        [
            "3: magnitude is missing",
            "6: magnitude is a string: \"4.1\"",
            "9: latitude 95.2 is outside -90 to 90",
            "12: not JSON: EOF while parsing a string at column 200",
            "15: the line is empty",
            "21: not UTF-8 at byte 53",
        ]
    );
}
