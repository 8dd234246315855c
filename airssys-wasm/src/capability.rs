//! What a component may do, and the one function that decides it.

use std::fmt;

use airssys_rt::{InvalidTopic, Topic, TopicPattern};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::pattern::{InvalidName, NamePattern, check_instance_name};

/// What a component may do: nothing, unless it is listed here.
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
    /// Whether it may read a standard input.
    pub input: bool,
}

impl Capabilities {
    /// To be allowed everything, as the program that runs an app is.
    pub fn everything() -> Capabilities {
        let names = || NamePattern::parse("*").into_iter().collect();
        let topics = || TopicPattern::parse("*").into_iter().collect();
        Capabilities { send: names(), request: names(), publish: topics(), subscribe: topics(), input: true }
    }

    /// The patterns of one kind of access, as text; none for [`Capability::Input`].
    pub fn patterns(&self, capability: Capability) -> Vec<String> {
        let names = |names: &[NamePattern]| names.iter().map(ToString::to_string).collect();
        let topics = |topics: &[TopicPattern]| topics.iter().map(ToString::to_string).collect();
        match capability {
            Capability::Send => names(&self.send),
            Capability::Request => names(&self.request),
            Capability::Publish => topics(&self.publish),
            Capability::Subscribe => topics(&self.subscribe),
            Capability::Input => Vec::new(),
        }
    }

    /// The same, with one pattern only of one kind.
    fn with_only(&self, capability: Capability, index: usize) -> Capabilities {
        fn one<P: Clone>(list: &[P], index: usize) -> Vec<P> {
            list.get(index).cloned().into_iter().collect()
        }
        let mut only = Capabilities::default();
        match capability {
            Capability::Send => only.send = one(&self.send, index),
            Capability::Request => only.request = one(&self.request, index),
            Capability::Publish => only.publish = one(&self.publish, index),
            Capability::Subscribe => only.subscribe = one(&self.subscribe, index),
            Capability::Input => only.input = self.input,
        }
        only
    }
}

/// Who wants to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    component: String,
    instance: String,
}

impl Subject {
    /// An instance, such as `pool/2`, of the component that has this name in the app, `pool`.
    pub fn new(component: impl Into<String>, instance: impl Into<String>) -> Self {
        Self { component: component.into(), instance: instance.into() }
    }

    /// The component's name in the app.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The instance's name.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Whether this is the name of its component or of one of that component's instances.
    fn is_own(&self, name: &str) -> bool {
        let below = name.strip_prefix(self.component.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && check_instance_name(name).is_ok()
    }
}

/// Something that a component wants to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Access<'a> {
    /// Send a message.
    Send {
        /// The name of a component or an instance.
        to: &'a str,
    },
    /// Send a message that is to be answered.
    Request {
        /// The name of a component or an instance.
        to: &'a str,
    },
    /// Publish on a topic.
    Publish {
        /// The topic.
        topic: &'a Topic,
    },
    /// Subscribe to topics.
    Subscribe {
        /// Which topics.
        pattern: &'a TopicPattern,
    },
    /// Read the standard input.
    Input,
}

/// The kinds of access: one for each key of `[capabilities]` and `[grants.…]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Capability {
    /// Send messages.
    Send,
    /// Send requests.
    Request,
    /// Publish on topics.
    Publish,
    /// Subscribe to topics.
    Subscribe,
    /// Read a standard input.
    Input,
}

impl Capability {
    /// The key in manifests.
    pub fn key(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Request => "request",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Input => "input",
        }
    }

    /// How it reads before the object, as in "may not **send to** `x`".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Send => "send to",
            Self::Request => "send requests to",
            Self::Publish => "publish on",
            Self::Subscribe => "subscribe to",
            Self::Input => "read a standard input",
        }
    }
}

/// A component wanted to do what it may not.
///
/// Its Display names the lines of both manifests that would allow it. It is meant for the operator:
/// a guest learns only that access is denied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct Denied {
    /// Who wanted it.
    pub who: Subject,
    /// What kind of access it was.
    pub capability: Capability,
    /// The name, topic or pattern; none for [`Capability::Input`].
    pub object: Option<String>,
}

impl Denied {
    /// The denial of an access to this object, to tell what would allow it.
    pub fn new(who: Subject, capability: Capability, object: impl Into<String>) -> Denied {
        Denied { who, capability, object: Some(object.into()) }
    }

    /// The line under `[capabilities]` of the `Component.toml` that asks for it.
    pub fn component_line(&self) -> String {
        match &self.object {
            Some(object) => format!("{} = [{object:?}]", self.capability.key()),
            None => format!("{} = true", self.capability.key()),
        }
    }

    /// The line under `[grants.<component>]` of the `app.toml` that grants it.
    pub fn grant_line(&self) -> String {
        grant_line(self.capability, self.object.as_slice())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` may not {}", self.who.instance, self.capability.verb())?;
        if let Some(object) = &self.object {
            write!(f, " `{object}`")?;
        }
        let (ask, grant, component) = (self.component_line(), self.grant_line(), &self.who.component);
        write!(f, ": to allow it, Component.toml asks under [capabilities]: {ask}")?;
        write!(f, ", and app.toml grants under [grants.{component}]: {grant}")
    }
}

/// The line of `app.toml` that grants a capability for these objects.
pub(crate) fn grant_line(capability: Capability, objects: &[String]) -> String {
    match capability {
        Capability::Input => "input = \"FILE\"".to_owned(),
        _ => format!("{} = {objects:?}", capability.key()),
    }
}

/// Decides whether a component may do something. Every access goes through here.
///
/// A component may send messages to itself: to its own name and those of its instances.
/// Everything else is denied unless it is listed. Nothing here waits or changes anything, so a
/// decision may be kept for as long as the capabilities are the same.
///
/// # Errors
/// [`Denied`] if it may not.
///
/// ```
/// use airssys_wasm::capability::{Access, Capabilities, Subject, decide};
///
/// let feed = Subject::new("feed", "feed");
/// let capabilities = Capabilities { send: vec!["parse".parse()?], ..Capabilities::default() };
/// assert!(decide(&feed, &capabilities, &Access::Send { to: "parse" }).is_ok());
/// assert!(decide(&feed, &capabilities, &Access::Send { to: "parser" }).is_err());
/// assert!(decide(&feed, &capabilities, &Access::Request { to: "parse" }).is_err());
/// # Ok::<(), airssys_wasm::pattern::InvalidName>(())
/// ```
pub fn decide(who: &Subject, capabilities: &Capabilities, access: &Access<'_>) -> Result<(), Denied> {
    let names = |patterns: &[NamePattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let (allowed, capability, object) = match *access {
        Access::Send { to } => (who.is_own(to) || names(&capabilities.send, to), Capability::Send, Some(to)),
        Access::Request { to } => (names(&capabilities.request, to), Capability::Request, Some(to)),
        Access::Publish { topic } => {
            let allowed = capabilities.publish.iter().any(|pattern| pattern.matches(topic));
            (allowed, Capability::Publish, Some(topic.as_str()))
        }
        Access::Subscribe { pattern } => {
            let allowed = capabilities.subscribe.iter().any(|granted| granted.covers(pattern));
            (allowed, Capability::Subscribe, Some(pattern.as_str()))
        }
        Access::Input => (capabilities.input, Capability::Input, None),
    };
    if allowed {
        Ok(())
    } else {
        Err(Denied { who: who.clone(), capability, object: object.map(str::to_owned) })
    }
}

/// Why an object of an access is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidObject {
    /// It is no name of a component or instance.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It is no topic, or no pattern of topics.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
}

/// What allows an access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedBy {
    /// A component may always send to itself.
    Itself,
    /// This pattern, as it is listed; empty for [`Capability::Input`].
    Pattern(String),
}

/// What allows an access, or none if it is denied: [`decide`] with the reason. `object` is a name
/// for `send` and `request`, a topic for `publish`, a pattern for `subscribe`.
///
/// # Errors
/// [`InvalidObject`] if the object is not one of that kind.
pub fn allowed_by(
    who: &Subject,
    capabilities: &Capabilities,
    capability: Capability,
    object: &str,
) -> Result<Option<AllowedBy>, InvalidObject> {
    let (topic, pattern): (Topic, TopicPattern);
    let access = match capability {
        Capability::Send | Capability::Request => {
            check_instance_name(object)?;
            match capability {
                Capability::Send => Access::Send { to: object },
                _ => Access::Request { to: object },
            }
        }
        Capability::Publish => {
            topic = object.parse()?;
            Access::Publish { topic: &topic }
        }
        Capability::Subscribe => {
            pattern = object.parse()?;
            Access::Subscribe { pattern: &pattern }
        }
        Capability::Input => Access::Input,
    };
    if decide(who, capabilities, &access).is_err() {
        return Ok(None);
    }
    if decide(who, &Capabilities::default(), &access).is_ok() {
        return Ok(Some(AllowedBy::Itself));
    }
    let patterns = capabilities.patterns(capability).into_iter().enumerate();
    let mut allowing = patterns
        .filter(|(index, _)| decide(who, &capabilities.with_only(capability, *index), &access).is_ok());
    Ok(Some(AllowedBy::Pattern(allowing.next().map(|(_, pattern)| pattern).unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(text: &str) -> Topic {
        text.parse().unwrap()
    }

    fn topics(text: &str) -> TopicPattern {
        text.parse().unwrap()
    }

    #[test]
    fn each_list_allows_its_own_kind_only() {
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
    fn a_component_may_send_to_itself() {
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
    fn a_subscription_must_be_covered_whole() {
        let who = Subject::new("a", "a");
        let granted = Capabilities { subscribe: vec![topics("quakes.*")], ..Capabilities::default() };
        for (pattern, allowed) in [("quakes.big", true), ("quakes.*", true), ("*", false), ("quakes", false)]
        {
            let pattern = topics(pattern);
            assert_eq!(decide(&who, &granted, &Access::Subscribe { pattern: &pattern }).is_ok(), allowed);
        }
    }

    #[test]
    fn a_denial_names_the_lines_that_would_allow_it() {
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

    #[test]
    fn what_allows_an_access_is_named() {
        let who = Subject::new("feed", "feed");
        let capabilities = Capabilities {
            send: vec!["a".parse().unwrap(), "*".parse().unwrap()],
            subscribe: vec![topics("quakes.*")],
            ..Capabilities::default()
        };
        let by = |capability, object| allowed_by(&who, &capabilities, capability, object).unwrap();
        let pattern = |text: &str| Some(AllowedBy::Pattern(text.to_owned()));
        assert_eq!(by(Capability::Send, "a"), pattern("a"));
        assert_eq!(by(Capability::Send, "b"), pattern("*"));
        assert_eq!(by(Capability::Send, "feed"), Some(AllowedBy::Itself));
        assert_eq!(by(Capability::Request, "a"), None);
        assert_eq!(by(Capability::Subscribe, "quakes.big"), pattern("quakes.*"));
        assert_eq!(by(Capability::Publish, "quakes.big"), None);
        assert!(allowed_by(&who, &capabilities, Capability::Send, "A").is_err());
        assert!(allowed_by(&who, &capabilities, Capability::Publish, "a..b").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_not_listed_is_denied(to in "[a-z*/.-]{0,12}", listed in "[a-z][a-z-]{0,6}") {
            let who = Subject::new("someone", "someone");
            let capabilities = Capabilities { send: vec![listed.parse().unwrap()], ..Capabilities::default() };
            let allowed = decide(&who, &capabilities, &Access::Send { to: &to }).is_ok();
            let below = to.starts_with(&format!("{listed}/")) && crate::pattern::check_instance_name(&to).is_ok();
            prop_assert_eq!(allowed, to == listed || below);
            let unlisted = decide(&who, &Capabilities::default(), &Access::Send { to: &to });
            prop_assert!(unlisted.is_err());
        }
    }
}
