//! The trait `Pattern`: its three methods agree for every kind of pattern.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::str::FromStr;

use airssys_core::{Pattern, Topic, TopicPattern};
use airssys_spec::{NamePattern, Origin, OriginPattern, UsePattern};
use proptest::prelude::*;

fn parse<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Patterns of one to four segments of `a`, `b` and `*`, with one of these endings.
fn patterns<P>(separator: &'static str, endings: &'static [&'static str]) -> impl Strategy<Value = P>
where
    P: FromStr<Err: Debug> + Debug,
{
    let segments = prop::collection::vec(prop::sample::select(vec!["a", "b", "*"]), 1..=4);
    (segments, prop::sample::select(endings))
        .prop_map(move |(segments, ending)| parse(&(segments.join(separator) + ending)))
}

/// Every subject of one to five segments of `a`, `b` and `z`, with each of these endings.
///
/// No pattern names `z`, so it stands for every segment that a pattern does not name.
fn subjects<S: FromStr<Err: Debug>>(separator: &str, endings: &[&str]) -> Vec<S> {
    let mut all = ["a", "b", "z"].map(str::to_owned).to_vec();
    let mut last = all.clone();
    for _ in 1..5 {
        let longer = |head: &String| ["a", "b", "z"].map(|segment| format!("{head}{separator}{segment}"));
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    all.iter().flat_map(|text| endings.iter().map(move |ending| parse(&format!("{text}{ending}")))).collect()
}

/// Checks `covers` and `overlaps` against `matches` over all `subjects`.
fn agree<P, S>((one, other): (P, P), subjects: &[S]) -> Result<(), TestCaseError>
where
    P: Pattern + Debug,
    S: Borrow<P::Subject>,
{
    let both = |subject: &S| (one.matches(subject.borrow()), other.matches(subject.borrow()));
    let included = subjects.iter().map(both).all(|(one, other)| one || !other);
    prop_assert_eq!(one.covers(&other), included, "{:?} covers {:?}", one, other);
    let shared = subjects.iter().map(both).any(|(one, other)| one && other);
    prop_assert_eq!(one.overlaps(&other), shared, "{:?} overlaps {:?}", one, other);
    Ok(())
}

/// Patterns of origins: every name, those below a domain, and single ones.
fn origin_patterns() -> impl Strategy<Value = OriginPattern> {
    let schemes = prop::sample::select(vec!["http", "https"]);
    let hosts = prop::sample::select(vec![
        "a",
        "b.a",
        "b.b.a",
        "ba",
        "*.a",
        "*.b.a",
        "*.ba",
        "127.0.0.1",
        "[::1]",
        "every",
    ]);
    (schemes, hosts, prop::sample::select(vec![80, 443])).prop_map(|(scheme, host, port)| match host {
        "every" => parse("*"),
        host => parse(&format!("{scheme}://{host}:{port}")),
    })
}

/// Origins among which every two of those patterns differ.
fn origins() -> Vec<Origin> {
    let hosts =
        ["a", "ba", "b.a", "z.a", "b.b.a", "z.b.a", "z.b.b.a", "z.ba", "z", "127.0.0.1", "[::1]", "9.9.9.9"];
    let of_host = |host: &str| {
        ["http", "https"].map(|scheme| [80, 443].map(|port| parse(&format!("{scheme}://{host}:{port}"))))
    };
    hosts.iter().flat_map(|host| of_host(host)).flatten().collect()
}

proptest! {
    #[test]
    fn covers_and_overlaps_of_origins_agree_with_matches(one in origin_patterns(), other in origin_patterns()) {
        agree((one, other), &origins())?;
    }

    #[test]
    fn covers_and_overlaps_of_topics_agree_with_matches(one in patterns::<TopicPattern>(".", &[""]), other in patterns(".", &[""])) {
        agree((one, other), &subjects::<Topic>(".", &[""]))?;
    }

    #[test]
    fn covers_and_overlaps_of_names_agree_with_matches(one in patterns::<NamePattern>("/", &[""]), other in patterns("/", &[""])) {
        agree((one, other), &subjects::<String>("/", &[""]))?;
    }

    #[test]
    fn covers_and_overlaps_of_uses_agree_with_matches(
        one in patterns::<UsePattern>("/", &["", ":*", ":read", ":write"]),
        other in patterns("/", &["", ":*", ":read", ":write"]),
    ) {
        // No pattern names the verb `list`.
        agree((one, other), &subjects::<UsePattern>("/", &[":read", ":write", ":list"]))?;
    }
}
