//! Patterns: a parsed pattern prints as it was written, and coverage agrees with matching.

use airssys_core::{Topic, TopicPattern};
use airssys_spec::NamePattern;
use airssys_spec::pattern::{check_component_name, check_instance_name};

use crate::lines;

/// Returns a segment that is in no pattern, because it is longer than the given one.
fn unnamed(pattern: &str) -> String {
    "x".repeat(pattern.len() + 1)
}

/// Input: two patterns of topics and a topic, a line each.
pub fn topic_patterns(data: &[u8]) {
    let Some([one, other, topic]) = lines(data) else { return };
    let (Ok(one), Ok(other)) = (shown(one), shown(other)) else { return };
    assert!(one.covers(&one) && other.covers(&other));
    if let Ok(topic) = topic.parse::<Topic>() {
        assert_eq!(topic.to_string().parse(), Ok(topic.clone()));
        assert!(
            !one.covers(&other) || !other.matches(&topic) || one.matches(&topic),
            "{one} {other} {topic}"
        );
        // A topic without a wildcard is also a pattern that matches only itself.
        let itself: TopicPattern =
            shown(topic.as_str()).unwrap_or_else(|()| panic!("{topic} is not a pattern"));
        assert_eq!(one.matches(&topic), one.covers(&itself), "{one} {topic}");
    }
    // Topics that tell `one` and `other` apart, if any topic does.
    let fresh = unnamed(one.as_str());
    let longest = one.segments().count() + other.segments().count() + 1;
    let all = (1..=longest).filter_map(|length| instance(&other, &fresh, length));
    let matched = all.map(|topic| one.matches(&topic)).collect::<Vec<_>>();
    if !matched.is_empty() {
        assert_eq!(one.covers(&other), matched.iter().all(|matched| *matched), "{one} {other}");
    }
}

/// Returns a topic of `length` segments that the pattern matches, with `fresh` for every wildcard.
fn instance(pattern: &TopicPattern, fresh: &str, length: usize) -> Option<Topic> {
    let segments: Vec<&str> = pattern.segments().collect();
    let is_open = segments.last() == Some(&"*");
    if length < segments.len() || (length > segments.len() && !is_open) {
        return None;
    }
    let named = |at: usize| segments.get(at).filter(|segment| **segment != "*").copied().unwrap_or(fresh);
    let text = (0..length).map(named).collect::<Vec<_>>().join(".");
    // The text may be too long for a topic.
    let topic: Topic = text.parse().ok()?;
    assert!(pattern.matches(&topic), "{pattern} {topic}");
    Some(topic)
}

fn shown(text: &str) -> Result<TopicPattern, ()> {
    let pattern: TopicPattern = text.parse().map_err(|error: airssys_core::InvalidTopic| {
        assert!(!error.to_string().is_empty());
    })?;
    assert_eq!(pattern.to_string(), text);
    Ok(pattern)
}

/// Input: two patterns of names and a name, a line each.
pub fn name_patterns(data: &[u8]) {
    let Some([one, other, name]) = lines(data) else { return };
    assert!(check_component_name(name).is_err() || check_instance_name(name).is_ok(), "{name}");
    let (Ok(one), Ok(other)) = (NamePattern::parse(one), NamePattern::parse(other)) else { return };
    assert_eq!(NamePattern::parse(one.as_str()), Ok(one.clone()));
    assert!(one.covers(&one) && other.covers(&other));
    assert!(!one.matches(name) || check_instance_name(name).is_ok(), "{one} {name}");
    assert!(!one.covers(&other) || !other.matches(name) || one.matches(name), "{one} {other} {name}");
    let fresh = unnamed(one.as_str());
    let segments: Vec<&str> =
        other.segments().map(|segment| if segment == "*" { &fresh } else { segment }).collect();
    let longest = one.segments().count() + 1;
    let names = (0..=longest).map(|more| {
        let below = std::iter::repeat_n(fresh.as_str(), more);
        segments.iter().copied().chain(below).collect::<Vec<_>>().join("/")
    });
    let possible = names.filter(|name| check_instance_name(name).is_ok()).collect::<Vec<_>>();
    for name in &possible {
        assert!(other.matches(name), "{other} {name}");
    }
    if !possible.is_empty() {
        let matched = possible.iter().all(|name| one.matches(name));
        assert_eq!(one.covers(&other), matched, "{one} {other}");
    }
}
