//! `Component.toml`.

use std::path::Path;

use airssys_core::{Overflow, TopicPattern};
use airssys_message::{Accepts, Codec};
use semver::Version;
use toml::de::DeTable;

use super::amount::Unit;
use super::diagnostic::{Document, Fault, verdict};
use super::limits::Written;
use super::lists::{Lists, component_name, topics};
use super::reader::{List, Located, Table};
use super::syntax::syntax;
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
    /// `None` if it is absent or wrong.
    pub(super) name: Option<Located<String>>,
    version: Option<Version>,
    description: Option<String>,
    accepts: Option<Accepts>,
    pub(super) subscribes: List<TopicPattern>,
    pub(super) mailbox: Mailbox,
    delivery: Delivery,
    batch_size: Option<usize>,
    pub(super) lists: Lists,
    pub(super) input: Option<Located<bool>>,
    pub(super) limits: Written,
}

impl Asked {
    pub(super) fn read(document: &Document, text: &str) -> Self {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        if syntax(document, text, &errors) {
            return Self::default();
        }
        let root = Table::root(document, parsed.get_ref());
        let mut asked = Self::default();
        match root.table("component") {
            Some(table) => asked.component(table),
            None if root.value("component").is_none() => document.report(
                None,
                "the file has no [component]".to_owned(),
                "add a [component] with name = \"quake-feed\" and version = \"0.1.0\"".to_owned(),
            ),
            None => {}
        }
        if let Some(table) = root.table("messages") {
            asked.messages(table);
        }
        if let Some(table) = root.table("mailbox") {
            asked.mailbox = mailbox(table);
        }
        if let Some(table) = root.table("capabilities") {
            asked.lists = Lists::read(&table);
            asked.input = table.boolean("input");
            table.finish();
        }
        asked.limits = Written::of_component(root.table("limits"));
        root.finish();
        asked
    }

    fn component(&mut self, table: Table<'_>) {
        self.name = table.required("name", "\"quake-feed\"", component_name);
        let version = table.required("version", "\"0.1.0\"", |text| {
            Version::parse(text).map_err(|error| Fault {
                message: format!("{text:?} is not a semantic version: {error}"),
                help: "write three numbers, such as \"0.1.0\"".to_owned(),
            })
        });
        self.version = version.map(|version| version.value);
        self.description = table.text("description", "\"…\"").map(|text| text.value.to_owned());
        table.finish();
    }

    fn messages(&mut self, table: Table<'_>) {
        self.accepts = Some(accepts(&table));
        self.subscribes = table.list("subscribes", "\"quakes.*\"", topics);
        self.delivery = delivery(&table);
        let most = MAX_BATCH_SIZE as u64;
        let batch_size = table.amount("batch_size", Unit::Count, 1..=most, most);
        self.batch_size = batch_size.map(|size| size.value as usize);
        table.finish();
    }

    /// Returns true if it accepts messages of this codec.
    pub(super) fn accepts(&self, codec: Codec) -> bool {
        self.accepts.is_none_or(|accepts| accepts.contains(codec))
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
            name: self.name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
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
                input: self.input.as_ref().is_some_and(|input| input.value),
            },
            limits: self.limits.over(Limits::DEFAULT),
        }
    }
}

/// Returns the codecs that a component accepts. The preferred codec is the first, unless another is
/// written.
fn accepts(table: &Table<'_>) -> Accepts {
    let codec = |text: &str| {
        text.parse::<Codec>().map_err(|error| Fault {
            message: error.to_string(),
            help: "write the name of a codec, such as \"cbor\"".to_owned(),
        })
    };
    let list = table.list("accepts", "\"cbor\"", codec);
    let prefers = table.parsed("prefers", "\"cbor\"", codec);
    let accepts = Accepts::of(list.items.iter().map(|item| item.value));
    if let (Some(span), None, true) = (&list.span, accepts, list.complete) {
        let message = "`accepts` in [messages] is empty: a component takes at least one codec".to_owned();
        let help = "write accepts = [\"cbor\"], or remove it, which means the same".to_owned();
        table.document.report(Some(span.clone()), message, help);
    }
    let accepts = accepts.unwrap_or(Accepts::only(Codec::Cbor));
    let Some(prefers) = prefers else { return accepts };
    accepts.preferring(prefers.value).unwrap_or_else(|error| {
        if list.complete {
            let help = format!("add \"{}\" to `accepts`, or prefer one of {accepts}", prefers.value);
            table.document.report(Some(prefers.span), format!("`prefers` in [messages]: {error}"), help);
        }
        accepts
    })
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
        overflow: table.choice("overflow", OVERFLOWS).unwrap_or(default.overflow),
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
        attempts: attempts.map_or(default.attempts, |attempts| attempts.value as u32),
        backoff: backoff::strategy(table, default.backoff),
    };
    if matches!(chosen, Some(Delivery::Retry(_))) {
        return Delivery::Retry(retry);
    }
    for key in ["attempts", "backoff"] {
        // A wrong choice is reported instead.
        if let Some(value) =
            table.value(key).filter(|_| chosen.is_some() || table.value("delivery").is_none())
        {
            let message = format!("`{key}` in [messages] is only for delivery = \"retry\"");
            let help = format!("add delivery = \"retry\", or remove `{key}`");
            table.document.report(Some(value.span()), message, help);
        }
    }
    Delivery::AtMostOnce
}

/// Returns the capacity of a mailbox.
pub(super) fn capacity(table: &Table<'_>, key: &'static str) -> Option<usize> {
    let range = 1..=MAX_MAILBOX_CAPACITY as u64;
    table
        .amount(key, Unit::Count, range, Mailbox::default().capacity as u64)
        .map(|amount| amount.value as usize)
}
