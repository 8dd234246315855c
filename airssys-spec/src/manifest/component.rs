//! `Component.toml`.

use std::path::Path;

use airssys_core::{Overflow, TopicPattern};
use airssys_message::{Accepts, Codec};
use semver::Version;

use super::amount::Unit;
use super::diagnostic::{Document, Fault, verdict};
use super::limits::Written;
use super::lists::{Lists, component_name, example_topic, topics};
use super::reader::{List, Setting, Table};
use super::suggest::{either, nearest, string};
use super::syntax;
use super::value::scalar;
use super::{
    ComponentManifest, Diagnostics, Disk, Files, MAX_ATTEMPTS, MAX_BATCH_SIZE, MAX_MAILBOX_CAPACITY, Mailbox,
    backoff,
};
use crate::capability::Capabilities;
use crate::delivery::{Delivery, Retry};
use crate::limits::Limits;

impl ComponentManifest {
    /// Reads the text of a `Component.toml`, which diagnostics call `file`. No file is read.
    ///
    /// ```
    /// use airssys_spec::manifest::ComponentManifest;
    ///
    /// let text = "[component]\nname = \"quake-feed\"\nversion = \"0.1.0\"";
    /// let manifest = ComponentManifest::parse(text, "Component.toml".as_ref())?;
    /// assert_eq!(manifest.mailbox.capacity, 1024);
    ///
    /// let wrong = ComponentManifest::parse("[component]\nnam = \"quake-feed\"", "Component.toml".as_ref());
    /// assert!(wrong.unwrap_err().to_string().contains("did you mean `name`?"));
    /// # Ok::<(), airssys_spec::manifest::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Diagnostics> {
        let document = Document::new(file, text);
        let read = Asked::read(&document, text);
        verdict([&document])?;
        Ok(read.manifest())
    }

    /// Reads and checks a `Component.toml`.
    ///
    /// # Errors
    /// All mistakes in it, or that it cannot be read.
    pub fn load(file: &Path) -> Result<Self, Diagnostics> {
        let text = Disk.read(file).map_err(|error| Document::unreadable(file, &error).into_diagnostics())?;
        Self::parse(&text, file)
    }
}

/// The content of a `Component.toml`, with places. Wrong parts are left out.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) name: Setting<String>,
    version: Option<Version>,
    description: Option<String>,
    accepts: Option<Accepts>,
    /// True if nothing is wrong with `accepts`.
    knows_codecs: bool,
    pub(super) subscribes: List<TopicPattern>,
    pub(super) mailbox: Mailbox,
    delivery: Delivery,
    batch_size: Option<usize>,
    pub(super) lists: Lists,
    pub(super) input: Setting<bool>,
    pub(super) limits: Written,
}

impl Asked {
    pub(super) fn read(document: &Document, text: &str) -> Self {
        let Some(parsed) = syntax::parse(document, text) else { return Self::default() };
        let root = Table::root(document, parsed.get_ref());
        let mut asked = Self { knows_codecs: true, ..Self::default() };
        match root.table("component") {
            Setting::Written(table) => asked.component(table.value),
            Setting::Absent => {
                let name = string(&document.name_of_app(0));
                let help = format!("add this:\n[component]\nname = {name}\nversion = \"0.1.0\"");
                document.report(None, "the file has no [component]".to_owned(), help);
            }
            Setting::Wrong => {}
        }
        document.knows(asked.name.written().map(|name| name.value.clone()));
        if let Some(table) = root.table("messages").into_value() {
            asked.messages(table);
        }
        if let Some(table) = root.table("mailbox").into_value() {
            asked.mailbox = mailbox(table);
        }
        if let Some(table) = root.table("capabilities").into_value() {
            asked.lists = Lists::read(&table);
            asked.input = table.boolean("input");
            table.finish();
        }
        asked.limits = Written::of_component(root.table("limits"));
        root.finish();
        asked
    }

    fn component(&mut self, table: Table<'_>) {
        self.name = table.required("name", &string(&table.document.name_of_app(0)), component_name);
        let written = table.value("version").and_then(|version| scalar(version.get_ref()));
        let example = written.and_then(|text| full_version(&text)).unwrap_or_else(|| Version::new(0, 1, 0));
        let version = table.required("version", &string(&example.to_string()), |text| {
            Version::parse(text).map_err(|error| Fault {
                message: format!("{text:?} is not a semantic version: {error}"),
                help: format!("write three numbers: `{}`", string(&example.to_string())),
            })
        });
        self.version = version.into_value();
        self.description = table.text("description", "\"…\"").into_value();
        table.finish();
    }

    fn messages(&mut self, table: Table<'_>) {
        (self.accepts, self.knows_codecs) = accepts(&table);
        let topic = example_topic(table.document);
        self.subscribes = table.list("subscribes", &topic, |text| topics(text, &topic));
        self.delivery = delivery(&table);
        let most = MAX_BATCH_SIZE as u64;
        let batch_size = table.amount("batch_size", Unit::Count, 1..=most, most);
        self.batch_size = batch_size.into_value().map(|size| size as usize);
        table.finish();
    }

    /// Returns the codecs that it accepts, if they are without mistakes and this one is not among them.
    pub(super) fn accepts_without(&self, codec: Codec) -> Option<Accepts> {
        self.accepts.filter(|accepts| self.knows_codecs && !accepts.contains(codec))
    }

    /// Returns the manifest. The result is only right if there are no mistakes.
    pub(super) fn manifest(&self) -> ComponentManifest {
        let mut subscribe = self.subscribes.values();
        for pattern in self.lists.subscribe.values() {
            if !subscribe.contains(&pattern) {
                subscribe.push(pattern);
            }
        }
        ComponentManifest {
            name: self.name.clone().into_value().unwrap_or_default(),
            version: self.version.clone().unwrap_or(Version::new(0, 0, 0)),
            description: self.description.clone(),
            accepts: self.accepts.unwrap_or(Accepts::only(Codec::Cbor)),
            subscribes: self.subscribes.values(),
            mailbox: self.mailbox,
            delivery: self.delivery,
            batch_size: self.batch_size.unwrap_or(MAX_BATCH_SIZE),
            capabilities: Capabilities {
                send: self.lists.send.values(),
                request: self.lists.request.values(),
                publish: self.lists.publish.values(),
                subscribe,
                uses: self.lists.uses.values(),
                http_outgoing: self.lists.http_outgoing.values(),
                input: self.input.clone().into_value().unwrap_or_default(),
            },
            limits: self.limits.over(Limits::DEFAULT),
        }
    }
}

/// Returns the version that an incomplete one stands for: `1.2` for 1.2.0, `v1.2.3` for 1.2.3.
fn full_version(text: &str) -> Option<Version> {
    let numbers = text.trim().trim_start_matches(['v', 'V', '=', '^', '~']);
    let mut parts = numbers.split('.').map(|part| part.parse().ok());
    let mut next = || parts.next().unwrap_or(Some(0));
    let version = Version::new(next()?, next()?, next()?);
    Version::parse(numbers).ok().or(Some(version))
}

fn codec(text: &str) -> Result<Codec, Fault> {
    text.parse::<Codec>().map_err(|error| {
        let meant = match text.to_lowercase().as_str() {
            "msgpack" => Some("messagepack"),
            "proto" | "protobuffers" => Some("protobuf"),
            other => nearest(other, Codec::all().map(Codec::name)),
        };
        let help = match meant {
            Some(name) => format!("write `{}`", string(name)),
            None => "write the name of a codec".to_owned(),
        };
        Fault { message: error.to_string(), help }
    })
}

/// Returns the codecs that a component accepts, and false if they are wrong. The preferred codec is
/// the first, unless another is written.
fn accepts(table: &Table<'_>) -> (Option<Accepts>, bool) {
    let list = table.list("accepts", "\"cbor\"", codec);
    let prefers = table.parsed("prefers", "\"cbor\"", codec);
    let accepts = Accepts::of(list.items.iter().map(|item| item.value));
    if let (Some(span), None, true) = (&list.span, accepts, list.complete) {
        let message = "`accepts` in [messages] is empty: a component takes at least one codec".to_owned();
        let help = "write `accepts = [\"cbor\"]`, or remove it, which means the same".to_owned();
        table.document.report(Some(span.clone()), message, help);
    }
    let accepts = accepts.unwrap_or(Accepts::only(Codec::Cbor));
    let Setting::Written(prefers) = prefers else { return (Some(accepts), list.complete) };
    let accepts = accepts.preferring(prefers.value).unwrap_or_else(|error| {
        if list.complete {
            let accepted: Vec<Codec> = list.items.iter().map(|item| item.value).collect();
            let accepted = if accepted.is_empty() { vec![Codec::Cbor] } else { accepted };
            let names = accepted.iter().map(|codec| codec.name());
            let all: Vec<_> = names.clone().chain([prefers.value.name()]).collect();
            let others: Vec<_> = names.map(|name| format!("prefers = \"{name}\"")).collect();
            let help = format!("write `accepts = {all:?}`, or write {}", either(&others));
            table.document.report(Some(prefers.span), format!("`prefers` in [messages]: {error}"), help);
        }
        accepts
    });
    (Some(accepts), list.complete)
}

const OVERFLOWS: &[(&str, Overflow)] = &[
    ("wait", Overflow::Wait),
    ("reject", Overflow::Reject),
    ("drop-oldest", Overflow::DropOldest),
    ("drop-newest", Overflow::DropNewest),
];

fn mailbox(table: Table<'_>) -> Mailbox {
    let default = Mailbox::default();
    let mailbox = Mailbox {
        capacity: capacity(&table, "capacity").unwrap_or(default.capacity),
        overflow: table.choice("overflow", OVERFLOWS).or(default.overflow).unwrap_or(default.overflow),
    };
    table.finish();
    mailbox
}

/// Returns the treatment of a message whose handler fails.
fn delivery(table: &Table<'_>) -> Delivery {
    let default = Retry::default();
    let chosen = table
        .choice("delivery", &[("at-most-once", Delivery::AtMostOnce), ("retry", Delivery::Retry(default))]);
    // A single attempt is written as `at-most-once`.
    let attempts = table.amount("attempts", Unit::Count, 2..=MAX_ATTEMPTS.into(), default.attempts.into());
    let retry = Retry {
        // No more than MAX_ATTEMPTS, so it fits.
        attempts: attempts.into_value().map_or(default.attempts, |attempts| attempts as u32),
        backoff: backoff::strategy(table, default.backoff),
    };
    if matches!(chosen.or(Delivery::AtMostOnce), Some(Delivery::Retry(_))) {
        return Delivery::Retry(retry);
    }
    let verb = if chosen.is_absent() { "add" } else { "write" };
    for key in ["attempts", "backoff"] {
        if let Some(value) = table.value(key).filter(|_| !chosen.is_wrong()) {
            let message = format!("`{key}` in [messages] is only for delivery = \"retry\"");
            let help = format!("{verb} `delivery = \"retry\"`, or remove `{key}`");
            table.document.report(Some(value.span()), message, help);
        }
    }
    Delivery::AtMostOnce
}

/// Returns the capacity of a mailbox.
pub(super) fn capacity(table: &Table<'_>, key: &'static str) -> Option<usize> {
    let range = 1..=MAX_MAILBOX_CAPACITY as u64;
    let capacity = table.amount(key, Unit::Count, range, Mailbox::default().capacity as u64);
    capacity.into_value().map(|capacity| capacity as usize)
}
