//! The lists of rights that components ask for and apps grant.

use airssys_core::{InvalidTopic, TopicPattern};

use super::diagnostic::{Document, Fault};
use super::reader::{List, Located, Table};
use crate::capability::Capability;
use crate::pattern::{HOST_NAME, InvalidName, NamePattern, check_component_name};
use crate::use_pattern::{InvalidUse, UsePattern};

/// The lists that `[capabilities]` and `[grants.…]` have in common.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) send: List<NamePattern>,
    pub(super) request: List<NamePattern>,
    pub(super) publish: List<TopicPattern>,
    pub(super) subscribe: List<TopicPattern>,
    pub(super) uses: List<UsePattern>,
}

impl Lists {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            send: table.list("send", Capability::Send.example(), names),
            request: table.list("request", Capability::Request.example(), names),
            publish: table.list("publish", Capability::Publish.example(), topics),
            subscribe: table.list("subscribe", Capability::Subscribe.example(), topics),
            uses: table.list("use", Capability::Use.example(), uses),
        }
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

pub(super) fn uses(text: &str) -> Result<UsePattern, Fault> {
    text.parse().map_err(|error: InvalidUse| Fault {
        message: error.to_string(),
        help: "write SERVICE/RESOURCE:VERB, such as \"keyvalue/sessions:read\"; without a verb, every verb is meant"
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

/// Turns the text into a name, as far as possible.
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

/// Reports a name that no component or group may have; `kind` says which of the two it is.
pub(super) fn reserved(document: &Document, kind: &str, name: Option<&Located<String>>) {
    if let Some(name) = name.filter(|name| name.value == HOST_NAME) {
        document.report(
            Some(name.span.clone()),
            format!("`{HOST_NAME}` stands for the world outside the app: no {kind} can have the name"),
            "give it another name".to_owned(),
        );
    }
}
