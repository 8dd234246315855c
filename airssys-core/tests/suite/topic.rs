//! Topics and patterns: parsing and matching. The tests of airssys-spec check covering and overlapping.

use airssys_core::{InvalidTopic, MAX_TOPIC_BYTES, Topic, TopicPattern};
use proptest::prelude::*;

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap()
}

#[test]
fn topics_are_segments_of_plain_characters() {
    for good in ["a", "a.b", "Orders_2.new-item.9", &"x".repeat(MAX_TOPIC_BYTES)] {
        assert_eq!(topic(good).as_str(), good);
        assert_eq!(pattern(good).to_string(), good);
        assert_eq!(good.parse::<Topic>().unwrap(), topic(good));
    }
    let bad = |text: &str| Topic::parse(text).unwrap_err();
    assert_eq!(bad(""), InvalidTopic::Empty);
    assert_eq!(bad(&"x".repeat(256)), InvalidTopic::TooLong { length: 256 });
    for (text, index) in [(".", 0), (".a", 0), ("a.", 1), ("a..b", 1)] {
        assert_eq!(bad(text), InvalidTopic::EmptySegment { text: text.into(), index });
    }
    assert_eq!(bad("a.b c"), InvalidTopic::Character { text: "a.b c".into(), character: ' ', position: 3 });
    assert_eq!(bad("a.é"), InvalidTopic::Character { text: "a.é".into(), character: 'é', position: 2 });
    assert_eq!(bad("a.*"), InvalidTopic::WildcardInTopic { text: "a.*".into(), position: 2 });
}

#[test]
fn wildcard_is_a_whole_segment() {
    for good in ["*", "*.*", "a.*", "a.*.b", "*.b"] {
        assert_eq!(pattern(good).as_str(), good);
    }
    for (text, segment) in [("a*", "a*"), ("a.**", "**"), ("*b.c", "*b")] {
        assert_eq!(
            TopicPattern::parse(text).unwrap_err(),
            InvalidTopic::PartialWildcard { text: text.into(), segment: segment.into() }
        );
    }
}

#[test]
fn errors_show_the_text() {
    let error = Topic::parse("a..b").unwrap_err();
    assert_eq!(error.to_string(), "segment 1 of `a..b` is empty");
    let error = TopicPattern::parse("a.b*").unwrap_err();
    assert_eq!(error.to_string(), "segment `b*` of `a.b*` mixes `*` with other characters");
}

#[test]
fn matching_follows_the_rules() {
    let table = [
        ("events.*", "events.user", true),
        ("events.*", "events.user.created", true),
        ("events.*", "events", false),
        ("events.*", "eventsx.user", false),
        ("*", "a", true),
        ("*", "a.b.c", true),
        ("*.*", "a", false),
        ("*.*", "a.b.c", true),
        ("a.*.c", "a.b.c", true),
        ("a.*.c", "a.b.b.c", false),
        ("a.*.c", "a.c", false),
        ("*.c", "a.c", true),
        ("*.c", "a.b.c", false),
        ("a.b", "a.b", true),
        ("a.b", "a.b.c", false),
        ("a.b", "a", false),
        ("a.b", "A.b", false),
    ];
    for (pattern_text, topic_text, expected) in table {
        assert_eq!(
            pattern(pattern_text).matches(&topic(topic_text)),
            expected,
            "{pattern_text} {topic_text}"
        );
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_keeps_the_text(text in "[a*._ é-]{0,8}") {
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.as_str(), &text);
            prop_assert!(TopicPattern::parse(&text).unwrap().matches(&topic));
        }
        if let Ok(pattern) = TopicPattern::parse(&text) {
            prop_assert_eq!(pattern.as_str(), &text);
            prop_assert!(pattern.covers(&pattern) && pattern.overlaps(&pattern));
        }
    }
}
