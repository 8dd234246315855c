use proptest::prelude::*;

use super::*;

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn topics(text: &str) -> TopicPattern {
    text.parse().unwrap()
}

#[test]
fn each_list_allows_only_its_own_kind() {
    let who = Subject::new("feed", "feed/1");
    let (name, topic, pattern) = ("parse", topic("parse"), topics("parse"));
    let accesses = [
        Access::Send { to: name },
        Access::Request { to: name },
        Access::Publish { topic: &topic },
        Access::Subscribe { pattern: &pattern },
        Access::Input,
    ];
    let nothing = Capabilities::default();
    let lists = [
        Capabilities { send: vec!["parse".parse().unwrap()], ..nothing.clone() },
        Capabilities { request: vec!["parse".parse().unwrap()], ..nothing.clone() },
        Capabilities { publish: vec![topics("parse")], ..nothing.clone() },
        Capabilities { subscribe: vec![topics("parse")], ..nothing.clone() },
        Capabilities { input: true, ..nothing.clone() },
    ];
    for (listed, capabilities) in lists.iter().enumerate() {
        for (tried, access) in accesses.iter().enumerate() {
            assert_eq!(decide(&who, capabilities, access).is_ok(), listed == tried, "{access:?}");
            assert!(decide(&who, &nothing, access).is_err(), "{access:?}");
        }
    }
}

#[test]
fn component_may_send_to_itself() {
    let (who, nothing) = (Subject::new("pool", "pool/1"), Capabilities::default());
    for (to, allowed) in [
        ("pool", true),
        ("pool/1", true),
        ("pool/2", true),
        ("pools", false),
        ("pool-2", false),
        ("pool/", false),
        ("", false),
    ] {
        assert_eq!(decide(&who, &nothing, &Access::Send { to }).is_ok(), allowed, "{to}");
        assert!(decide(&who, &nothing, &Access::Request { to }).is_err());
    }
}

#[test]
fn granted_pattern_must_cover_the_whole_subscription() {
    let who = Subject::new("a", "a");
    let granted = Capabilities { subscribe: vec![topics("quakes.*")], ..Capabilities::default() };
    for (pattern, allowed) in [("quakes.big", true), ("quakes.*", true), ("*", false), ("quakes", false)] {
        let pattern = topics(pattern);
        assert_eq!(decide(&who, &granted, &Access::Subscribe { pattern: &pattern }).is_ok(), allowed);
    }
}

#[test]
fn denial_names_the_lines_that_would_allow_it() {
    let who = Subject::new("pool", "pool/2");
    let denied = decide(&who, &Capabilities::default(), &Access::Request { to: "region" }).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "`pool/2` may not send requests to `region`: to allow it, Component.toml asks under \
         [capabilities]: request = [\"region\"], and app.toml grants under [grants.pool]: \
         request = [\"region\"]"
    );
    let denied = decide(&who, &Capabilities::default(), &Access::Input).unwrap_err();
    assert_eq!(
        (denied.component_line(), denied.grant_line()),
        ("input = true".into(), "input = \"FILE\"".into())
    );
}

proptest! {
    #[test]
    fn unlisted_target_is_denied(to in "[a-z*/.-]{0,12}", listed in "[a-z][a-z-]{0,6}") {
        let who = Subject::new("someone", "someone");
        let capabilities = Capabilities { send: vec![listed.parse().unwrap()], ..Capabilities::default() };
        let allowed = decide(&who, &capabilities, &Access::Send { to: &to }).is_ok();
        let below = to.starts_with(&format!("{listed}/")) && crate::pattern::check_instance_name(&to).is_ok();
        prop_assert_eq!(allowed, to == listed || below);
        let unlisted = decide(&who, &Capabilities::default(), &Access::Send { to: &to });
        prop_assert!(unlisted.is_err());
    }
}
