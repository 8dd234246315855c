//! Rights: what a component asks for, and what an app grants.

use std::fmt::{self, Display};
use std::str::FromStr;

use airssys_rt::TopicPattern;

use super::reader::{Found, Table};
use crate::capability::Capabilities;
use crate::pattern::{NamePattern, is_component_name};

/// Lists of rights, with their places. Asked for, or granted.
#[derive(Clone, Debug, Default)]
pub(super) struct Rights {
    pub(super) send: Vec<Found<NamePattern>>,
    pub(super) request: Vec<Found<NamePattern>>,
    pub(super) publish: Vec<Found<TopicPattern>>,
    pub(super) subscribe: Vec<Found<TopicPattern>>,
}

/// A right that is asked for and not granted.
pub(super) struct Missing {
    /// What the component wants, in words.
    pub(super) wish: String,
    /// The key under `[grants.NAME]`.
    pub(super) key: &'static str,
    /// What has to be in the list of that key.
    pub(super) item: String,
}

impl Rights {
    pub(super) fn read(table: &Table<'_>) -> Rights {
        Rights {
            send: table.list("send", "[\"other-component\"]").unwrap_or_default(),
            request: table.list("request", "[\"other-component\"]").unwrap_or_default(),
            publish: table.list("publish", "[\"topic.*\"]").unwrap_or_default(),
            subscribe: table.list("subscribe", "[\"topic.*\"]").unwrap_or_default(),
        }
    }

    /// What is asked for here and not granted there.
    pub(super) fn missing(&self, granted: &Rights) -> Vec<Missing> {
        let mut missing = Vec::new();
        uncovered("send", "send to", &self.send, &granted.send, NamePattern::covers, &mut missing);
        uncovered(
            "request",
            "send requests to",
            &self.request,
            &granted.request,
            NamePattern::covers,
            &mut missing,
        );
        uncovered(
            "publish",
            "publish on",
            &self.publish,
            &granted.publish,
            TopicPattern::covers,
            &mut missing,
        );
        uncovered(
            "subscribe",
            "subscribe to",
            &self.subscribe,
            &granted.subscribe,
            TopicPattern::covers,
            &mut missing,
        );
        missing
    }

    pub(super) fn capabilities(&self, input: bool) -> Capabilities {
        fn values<T: Clone>(list: &[Found<T>]) -> Vec<T> {
            list.iter().map(|found| found.value.clone()).collect()
        }
        Capabilities {
            send: values(&self.send),
            request: values(&self.request),
            publish: values(&self.publish),
            subscribe: values(&self.subscribe),
            input,
        }
    }
}

fn uncovered<T: Display>(
    key: &'static str,
    verb: &str,
    asked: &[Found<T>],
    granted: &[Found<T>],
    covers: impl Fn(&T, &T) -> bool,
    missing: &mut Vec<Missing>,
) {
    for wish in asked {
        if !granted.iter().any(|grant| covers(&grant.value, &wish.value)) {
            let item = wish.value.to_string();
            missing.push(Missing { wish: format!("{verb} `{item}`"), key, item });
        }
    }
}

/// A component's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComponentName(pub(super) String);

/// A text that cannot be a component's name.
#[derive(Debug)]
pub(super) struct NoComponentName(String);

impl FromStr for ComponentName {
    type Err = NoComponentName;

    fn from_str(text: &str) -> Result<ComponentName, NoComponentName> {
        match is_component_name(text) {
            true => Ok(ComponentName(text.to_owned())),
            false => Err(NoComponentName(text.to_owned())),
        }
    }
}

impl Display for NoComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be a name", self.0)
    }
}

/// How a name has to look.
pub(super) const NAME_HELP: &str =
    "write lower-case letters, digits and hyphens, a letter first, at most 64 in all, such as \"order-book\"";
