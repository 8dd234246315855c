//! `Component.toml`: what a component is, and what it asks for.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airssys_message::Codec;
use airssys_rt::{Overflow, TopicPattern};

use super::diagnostic::{Diagnostics, Problems};
use super::grants::{ComponentName, NAME_HELP, Rights};
use super::limits::NamedLimits;
use super::reader::{Found, Table, read_document};
use crate::capability::Capabilities;
use crate::limits::Limits;

/// The most messages that a mailbox can be made for.
pub(super) const MAX_CAPACITY: u64 = 1_000_000;

const DEFAULT_CAPACITY: u64 = 1_024;

/// What a component is, and what it asks for: a valid `Component.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentManifest {
    /// The component's name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// What it is for.
    pub description: Option<String>,
    /// The codecs that it accepts.
    pub accepts: Vec<Codec>,
    /// The topics that it is subscribed to from the start.
    pub subscribes: Vec<TopicPattern>,
    /// Messages that its mailbox holds.
    pub capacity: usize,
    /// What senders meet when the mailbox is full.
    pub overflow: Overflow,
    /// What it asks to be allowed to do.
    pub capabilities: Capabilities,
    /// What it asks to use.
    pub limits: Limits,
}

/// A `Component.toml` as far as it could be read, with the places that an app is checked against.
pub(super) struct ComponentDraft {
    pub(super) manifest: Option<ComponentManifest>,
    pub(super) rights: Rights,
    pub(super) input: bool,
    pub(super) limits: NamedLimits,
}

impl ComponentManifest {
    /// Reads and checks a `Component.toml`.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong with it.
    pub fn load(path: &Path) -> Result<ComponentManifest, Diagnostics> {
        let problems = RefCell::default();
        let manifest = read_text(path, &problems).and_then(|text| draft(path, &text, &problems).manifest);
        problems.into_inner().finish(manifest)
    }

    /// Checks the text of a `Component.toml`; `file` names it in what is reported.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong with it.
    pub fn parse(file: &Path, text: &str) -> Result<ComponentManifest, Diagnostics> {
        let problems = RefCell::new(Problems::default());
        problems.borrow_mut().add_source(file, &Arc::from(text));
        let manifest = draft(file, text, &problems).manifest;
        problems.into_inner().finish(manifest)
    }
}

/// A file's text; reports it if it cannot be read.
pub(super) fn read_text(path: &Path, problems: &RefCell<Problems>) -> Option<Arc<str>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text: Arc<str> = Arc::from(text);
            problems.borrow_mut().add_source(path, &text);
            Some(text)
        }
        Err(error) => {
            let help = "name a file that is there, is text, and may be read".to_owned();
            problems.borrow_mut().add(path, None, format!("the file cannot be read: {error}"), help);
            None
        }
    }
}

/// Reads what can be read of a `Component.toml`.
pub(super) fn draft(file: &Path, text: &str, problems: &RefCell<Problems>) -> ComponentDraft {
    read_document(file, text, problems, |document| {
        let component = document.table("component", Heading::read);
        if component.is_none() {
            let help = "add [component] with name = \"…\" and version = \"0.1.0\"";
            document.problem(document.span(), "the manifest has no [component]", help);
        }
        let (accepts, subscribes) = document.table("messages", read_messages).unwrap_or_default();
        let accepts = accepts.unwrap_or_else(|| vec![Codec::Cbor]);
        let (capacity, overflow) = document.table("mailbox", read_mailbox).unwrap_or((None, Overflow::Wait));
        let read_rights = |table: &Table<'_>| (Rights::read(table), table.boolean("input"));
        let (mut rights, input) = document.table("capabilities", read_rights).unwrap_or_default();
        let input = input.is_some_and(|input| input.value);
        let limits = document.table("limits", NamedLimits::read).unwrap_or_default();
        check_ceiling(document, &limits);
        // A static subscription needs the same right as one made while running.
        rights.subscribe.extend(subscribes.iter().cloned());
        let heading = component.flatten();
        let manifest = heading.map(|Heading { name, version, description }| ComponentManifest {
            name,
            version,
            description,
            accepts,
            subscribes: subscribes.into_iter().map(|found| found.value).collect(),
            capacity: usize::try_from(capacity.unwrap_or(DEFAULT_CAPACITY)).unwrap_or(usize::MAX),
            overflow,
            capabilities: rights.capabilities(input),
            limits: limits.or(&Limits::DEFAULT),
        });
        ComponentDraft { manifest, rights, input, limits }
    })
}

struct Heading {
    name: String,
    version: semver::Version,
    description: Option<String>,
}

impl Heading {
    fn read(table: &Table<'_>) -> Option<Heading> {
        let name = table.required_string("name", "\"order-book\"");
        let name: Option<Found<ComponentName>> = name.and_then(|name| table.parse(&name, NAME_HELP));
        let version = table.required_string("version", "\"0.1.0\"");
        let version = version.and_then(|version| {
            let parsed = semver::Version::parse(version.value);
            if let Err(error) = &parsed {
                let message = format!("`version` is \"{}\": {error}", version.value);
                table.problem(&version.span, message, "write three numbers, such as \"0.1.0\"");
            }
            parsed.ok()
        });
        let description = table.string("description", "\"Keeps the orders\"");
        let description = description.map(|found| found.value.to_owned());
        Some(Heading { name: name?.value.0, version: version?, description })
    }
}

type Messages = (Option<Vec<Codec>>, Vec<Found<TopicPattern>>);

fn read_messages(table: &Table<'_>) -> Messages {
    let accepts: Option<Vec<Found<Codec>>> = table.list("accepts", "[\"cbor\"]");
    let subscribes = table.list("subscribes", "[\"orders.*\"]").unwrap_or_default();
    (accepts.map(|list| list.into_iter().map(|found| found.value).collect()), subscribes)
}

fn read_mailbox(table: &Table<'_>) -> (Option<u64>, Overflow) {
    let capacity = table.integer("capacity", 1..=MAX_CAPACITY).map(|found| found.value);
    let overflow = table.string("overflow", "\"wait\"");
    let overflow = overflow.map(|found| match found.value {
        "wait" => Overflow::Wait,
        "reject" => Overflow::Reject,
        other => {
            let help = "write \"wait\" (senders wait for room) or \"reject\" (they are refused)";
            table.problem(&found.span, format!("`overflow` is \"{other}\""), help);
            Overflow::Wait
        }
    });
    (capacity, overflow.unwrap_or(Overflow::Wait))
}

/// Reports limits that no host gives.
pub(super) fn check_ceiling(document: &Table<'_>, limits: &NamedLimits) {
    for exceeded in limits.beyond(&Limits::HOST_MAX) {
        let message = format!("`{}` is {}, more than any host gives", exceeded.key, exceeded.asked);
        document.problem(&exceeded.span, message, format!("write at most {}", exceeded.allowed));
    }
}

/// A path that a manifest names, relative to the manifest's folder.
pub(super) fn beside(manifest: &Path, named: &str) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("")).join(named)
}
