//! The lists of rights that components ask for and apps grant, and the names in them.

use airssys_core::{InvalidTopic, TopicPattern};

use super::diagnostic::{Document, Fault};
use super::reader::{List, Located, Setting, Table};
use super::suggest;
use crate::capability::Capability;
use crate::origin::{InvalidOrigin, OriginFault, OriginPattern};
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
    pub(super) http_outgoing: List<OriginPattern>,
}

impl Lists {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let document = table.document;
        let (name, topic) = (example_name(document), example_topic(document));
        let names = |text: &str| names(text, &name);
        let topics = |text: &str| topics(text, &topic);
        Self {
            send: table.list("send", &name, names),
            request: table.list("request", &name, names),
            publish: table.list("publish", &topic, topics),
            subscribe: table.list("subscribe", &topic, topics),
            uses: table.list("use", USE_EXAMPLE, uses),
            http_outgoing: http_outgoing(table),
        }
    }

    /// Returns the patterns of a kind of right as text.
    pub(super) fn texts(&self, capability: Capability) -> Vec<String> {
        match capability {
            Capability::Send => self.send.texts(),
            Capability::Request => self.request.texts(),
            Capability::Publish => self.publish.texts(),
            Capability::Subscribe => self.subscribe.texts(),
            Capability::Use => self.uses.texts(),
            Capability::HttpOutgoing => self.http_outgoing.texts(),
            Capability::Input => Vec::new(),
        }
    }
}

const USE_EXAMPLE: &str = "\"SERVICE/RESOURCE:VERB\"";

/// Returns a name that the manifest knows, as an example.
pub(super) fn example_name(document: &Document) -> String {
    suggest::string(&document.name_of_app(0))
}

/// Returns a pattern of topics, as an example.
pub(super) fn example_topic(document: &Document) -> String {
    suggest::string(&format!("{}.*", document.name_of_app(0)))
}

fn names(text: &str, example: &str) -> Result<NamePattern, Fault> {
    text.parse().map_err(|error: InvalidName| {
        let help = "write the name of a component or of an instance, or \"*\" for every component";
        fault(error.to_string(), &suggest::name_pattern(text), NamePattern::parse, help, example)
    })
}

pub(super) fn topics(text: &str, example: &str) -> Result<TopicPattern, Fault> {
    text.parse().map_err(|error: InvalidTopic| {
        let help =
            "write segments separated by dots, where \"*\" stands for a whole segment, at the end for one or more";
        fault(error.to_string(), &suggest::topic_pattern(text), TopicPattern::parse, help, example)
    })
}

fn uses(text: &str) -> Result<UsePattern, Fault> {
    text.parse().map_err(|error: InvalidUse| {
        let help = "write SERVICE/RESOURCE:VERB; without a verb, every verb is meant";
        let mended = suggest::use_pattern(text);
        fault(error.to_string(), &mended, UsePattern::parse, help, "")
    })
}

/// Returns the list of the key `http.outgoing`.
fn http_outgoing(table: &Table<'_>) -> List<OriginPattern> {
    match table.table("http") {
        Setting::Absent => List::default(),
        Setting::Wrong => List::unknown(),
        Setting::Written(http) => {
            let list = http.value.list("outgoing", Capability::HttpOutgoing.example(), origins);
            http.value.finish();
            list
        }
    }
}

fn origins(text: &str) -> Result<OriginPattern, Fault> {
    text.parse().map_err(|error: InvalidOrigin| {
        let help = match &error.fault {
            OriginFault::Form { canonical } => format!("write `{}`", suggest::string(canonical)),
            _ => match suggest::origin_pattern(text) {
                Some(mended) => format!("write `{}`", suggest::string(&mended)),
                None => format!(
                    "write scheme, host and port, such as `{}` or `\"https://*.example.org:443\"`",
                    Capability::HttpOutgoing.example()
                ),
            },
        };
        Fault { message: error.to_string(), help }
    })
}

/// Returns a mistake in a pattern, with the mended pattern if it parses, or else with an example.
fn fault<T, E>(
    message: String,
    mended: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    help: &str,
    example: &str,
) -> Fault {
    let help = match parse(mended) {
        Ok(_) => format!("write `{}`", suggest::string(mended)),
        Err(_) if example.is_empty() => help.to_owned(),
        Err(_) => format!("{help}, such as `{example}`"),
    };
    Fault { message, help }
}

/// The name of a component or an app.
pub(super) fn component_name(text: &str) -> Result<String, Fault> {
    check_component_name(text).map(|()| text.to_owned()).map_err(|error| {
        let help = match suggest::component_name(text) {
            Some(mended) => format!("write `{}`", suggest::string(&mended)),
            None => "write lower-case words joined by a hyphen".to_owned(),
        };
        Fault { message: error.to_string(), help }
    })
}

/// Reports a name that no component or group may have; `kind` says which of the two it is. `verb` is
/// `write` at the name itself, and `add` where no name is written.
pub(super) fn reserved(document: &Document, kind: &str, verb: &str, name: Option<&Located<String>>) {
    if let Some(name) = name.filter(|name| name.value == HOST_NAME) {
        document.report(
            Some(name.span.clone()),
            format!("`{HOST_NAME}` stands for the world outside the app: no {kind} can have the name"),
            format!("give it another name: {verb} `name = \"my-{HOST_NAME}\"`"),
        );
    }
}
