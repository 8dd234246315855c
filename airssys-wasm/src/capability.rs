//! The one function that decides who may do what.

use airssys_rt::{Topic, TopicPattern};

use crate::pattern::NamePattern;

/// What a component may do. Default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whom it may send messages to.
    pub send: Vec<NamePattern>,
    /// Whom it may send requests to.
    pub request: Vec<NamePattern>,
    /// What it may publish on.
    pub publish: Vec<TopicPattern>,
    /// What it may subscribe to.
    pub subscribe: Vec<TopicPattern>,
    /// Whether it may read an input.
    pub input: bool,
}

/// Who wants to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    instance: String,
    component: String,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access<'a> {
    /// Send a message to a component or one of its instances.
    Send {
        /// Its name.
        to: &'a str,
    },
    /// Send a request to a component or one of its instances.
    Request {
        /// Its name.
        to: &'a str,
    },
    /// Publish a message.
    Publish {
        /// The topic.
        topic: &'a Topic,
    },
    /// Get the messages of topics.
    Subscribe {
        /// The topics.
        pattern: &'a TopicPattern,
    },
    /// Read an input.
    Input,
}

/// A denial: who wanted what, and which lines would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{instance}` may not {action}; to allow it, put `{line}` under [capabilities] in its \
     Component.toml and under [grants.{component}] in the app's manifest"
)]
pub struct Denied {
    /// The instance that wanted it.
    pub instance: String,
    /// Its component.
    pub component: String,
    /// What it wanted to do.
    pub action: String,
    /// What would allow it, as in a manifest.
    pub line: String,
}

impl Capabilities {
    /// To be allowed everything, as the program that runs an app is.
    pub fn everything() -> Capabilities {
        let topics = || TopicPattern::parse("*").into_iter().collect();
        Capabilities {
            send: vec![NamePattern::any()],
            request: vec![NamePattern::any()],
            publish: topics(),
            subscribe: topics(),
            input: true,
        }
    }
}

impl Subject {
    /// An instance of a component.
    pub fn new(instance: impl Into<String>, component: impl Into<String>) -> Subject {
        Subject { instance: instance.into(), component: component.into() }
    }
}

/// Decides whether somebody may do something: only what its capabilities list. A component may
/// always send to itself.
///
/// # Errors
/// [`Denied`] if not, with what would allow it.
pub fn decide(who: &Subject, capabilities: &Capabilities, access: &Access<'_>) -> Result<(), Denied> {
    let allowed = match access {
        Access::Send { to } => is_own_name(who, to) || names(&capabilities.send, to),
        Access::Request { to } => names(&capabilities.request, to),
        Access::Publish { topic } => capabilities.publish.iter().any(|pattern| pattern.matches(topic)),
        Access::Subscribe { pattern } => capabilities.subscribe.iter().any(|granted| granted.covers(pattern)),
        Access::Input => capabilities.input,
    };
    if allowed {
        return Ok(());
    }
    let (action, line) = match access {
        Access::Send { to } => (format!("send to `{to}`"), format!("send = [\"{to}\"]")),
        Access::Request { to } => (format!("send requests to `{to}`"), format!("request = [\"{to}\"]")),
        Access::Publish { topic } => {
            let topic = topic.as_str();
            (format!("publish on `{topic}`"), format!("publish = [\"{topic}\"]"))
        }
        Access::Subscribe { pattern } => {
            let pattern = pattern.as_str();
            (format!("subscribe to `{pattern}`"), format!("subscribe = [\"{pattern}\"]"))
        }
        Access::Input => ("read an input".to_owned(), "input = …".to_owned()),
    };
    Err(Denied { instance: who.instance.clone(), component: who.component.clone(), action, line })
}

fn is_own_name(who: &Subject, name: &str) -> bool {
    name == who.instance || name == who.component
}

fn names(patterns: &[NamePattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject::new("feed/1", "feed")
    }

    #[test]
    fn everything_is_denied_that_is_not_listed() {
        let (none, who) = (Capabilities::default(), subject());
        let (topic, pattern) = (Topic::parse("a.b").unwrap(), TopicPattern::parse("a.*").unwrap());
        let accesses = [
            Access::Send { to: "parse" },
            Access::Request { to: "parse" },
            Access::Request { to: "feed" },
            Access::Publish { topic: &topic },
            Access::Subscribe { pattern: &pattern },
            Access::Input,
        ];
        for access in accesses {
            let denied = decide(&who, &none, &access).unwrap_err();
            assert!(denied.to_string().contains("[grants.feed]"), "{denied}");
            assert_eq!(decide(&who, &Capabilities::everything(), &access), Ok(()));
        }
    }

    #[test]
    fn a_component_may_send_to_itself_only_as_itself() {
        let none = Capabilities::default();
        for own in ["feed", "feed/1"] {
            assert_eq!(decide(&subject(), &none, &Access::Send { to: own }), Ok(()));
        }
        for other in ["feed/2", "feeder", "fee"] {
            assert!(decide(&subject(), &none, &Access::Send { to: other }).is_err(), "{other}");
        }
    }

    #[test]
    fn rights_do_not_stand_for_each_other() {
        let send = Capabilities { send: vec!["parse".parse().unwrap()], ..Capabilities::default() };
        assert_eq!(decide(&subject(), &send, &Access::Send { to: "parse" }), Ok(()));
        assert!(decide(&subject(), &send, &Access::Request { to: "parse" }).is_err());
        assert!(decide(&subject(), &send, &Access::Send { to: "parser" }).is_err());
    }

    #[test]
    fn a_subscription_needs_a_right_to_all_of_its_topics() {
        let subscribe = vec![TopicPattern::parse("quakes.*").unwrap()];
        let may = Capabilities { subscribe, ..Capabilities::default() };
        let allowed = |text: &str| {
            let pattern = TopicPattern::parse(text).unwrap();
            decide(&subject(), &may, &Access::Subscribe { pattern: &pattern }).is_ok()
        };
        assert!(allowed("quakes.major.*") && allowed("quakes.*.asia") && allowed("quakes.*"));
        assert!(!allowed("*") && !allowed("quakes") && !allowed("*.major"));
    }
}
