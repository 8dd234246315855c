//! The lists of capabilities: what a component asks for, and what an app grants.

use std::fmt::Display;

use airssys_rt::{InvalidTopic, TopicPattern};

use super::diagnostic::Fault;
use super::reader::{List, Table};
use crate::pattern::{InvalidName, NamePattern, check_component_name};

/// The lists that `[capabilities]` and `[grants.…]` have in common.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) send: List<NamePattern>,
    pub(super) request: List<NamePattern>,
    pub(super) publish: List<TopicPattern>,
    pub(super) subscribe: List<TopicPattern>,
}

impl Lists {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            send: table.list("send", "\"quake-parse\"", names),
            request: table.list("request", "\"quake-region\"", names),
            publish: table.list("publish", "\"quakes.*\"", topics),
            subscribe: table.list("subscribe", "\"quakes.*\"", topics),
        }
    }
}

/// A pattern of names or of topics.
pub(super) trait Pattern: Display {
    fn covers(&self, other: &Self) -> bool;
}

impl Pattern for NamePattern {
    fn covers(&self, other: &Self) -> bool {
        NamePattern::covers(self, other)
    }
}

impl Pattern for TopicPattern {
    fn covers(&self, other: &Self) -> bool {
        TopicPattern::covers(self, other)
    }
}

pub(super) fn names(text: &str) -> Result<NamePattern, Fault> {
    text.parse().map_err(|error: InvalidName| Fault {
        message: error.to_string(),
        help: "write the name of a component, such as \"quake-parse\", of an instance, \"pool/2\", or \"*\" for \
               every component"
            .to_owned(),
    })
}

pub(super) fn topics(text: &str) -> Result<TopicPattern, Fault> {
    text.parse().map_err(|error: InvalidTopic| Fault {
        message: error.to_string(),
        help: "write segments separated by dots, such as \"quakes.big\"; `*` stands for a whole segment, at the end \
               for one or more"
            .to_owned(),
    })
}

/// The name of a component or an app.
pub(super) fn component_name(text: &str) -> Result<String, Fault> {
    check_component_name(text).map(|()| text.to_owned()).map_err(|error| {
        let mended = kebab(text);
        let help = match check_component_name(&mended) {
            Ok(()) => format!("write {mended:?}"),
            Err(_) => "write lower-case words joined by `-`, such as \"quake-feed\"".to_owned(),
        };
        Fault { message: error.to_string(), help }
    })
}

/// What the text would be as a name.
fn kebab(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_uppercase() && name.ends_with(|last: char| last.is_ascii_lowercase()) {
            name.push('-');
        }
        let allowed = c.is_ascii_alphanumeric() || c == '-';
        name.push(if allowed { c.to_ascii_lowercase() } else { '-' });
    }
    name.trim_matches('-').to_owned()
}
