//! The answers of a running app.

use airssys_spec::GrantChange;
use serde::{Deserialize, Serialize};

use crate::host::reload::Reloaded;
use crate::observe::dead_letters::headline;
use crate::observe::denials::Denial;
use crate::observe::snapshot::AppSnapshot;
use crate::policy::grants::ComponentGrants;
use crate::routing::retained::RetainedMessage;

/// The most of a dead letter's body that is shown, in bytes.
pub const MAX_SHOWN_BYTES: usize = 1 << 20;

/// Any answer of a running app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// The identity of the app.
    About(AboutApp),
    /// A snapshot of the app.
    Snapshot(Box<AppSnapshot>),
    /// Grants of components.
    Grants(GrantList),
    /// A grant that was given or revoked.
    GrantChanged(GrantChange),
    /// Denials of components.
    Denials(DenialList),
    /// A page of dead letters.
    DeadLetters(DeadLetterPage),
    /// A dead letter with its body.
    DeadLetter(LetterWithBody),
    /// Dead letters that were retried or deleted.
    LettersDone(LettersDone),
    /// Instances or a group that were resumed.
    Resumed(Resumed),
    /// Secrets that were read again.
    Reloaded(Reloaded),
    /// A page of retained messages.
    Retained(RetainedPage),
    /// A retained message with its body.
    RetainedMessage(RetainedWithBody),
    /// The retained message of a topic was cleared.
    RetainedCleared(RetainedCleared),
    /// The request failed or could not be read.
    Failed(Failed),
}

/// The identity of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AboutApp {
    /// The app's name.
    pub app: String,
    /// The id of its process.
    pub process: u32,
    /// The version of airssys.
    pub version: String,
    /// The names of its components, sorted.
    pub components: Vec<String>,
}

/// Grants of components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantList {
    /// The grants of each component, sorted by name.
    pub components: Vec<ComponentGrants>,
}

/// The latest denials of components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DenialList {
    /// The denials, the latest first.
    pub denials: Vec<Denial>,
}

/// A page of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetterPage {
    /// The dead letters, oldest first.
    pub letters: Vec<Letter>,
    /// The number of kept dead letters that match the request, listed or not.
    pub kept: usize,
    /// The number of all dead letters so far, for every receiver.
    pub total: u64,
}

/// A dead letter with its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LetterWithBody {
    /// The dead letter.
    pub letter: Letter,
    /// The body without its codec prefix, in hexadecimal: at most [`MAX_SHOWN_BYTES`] of it.
    pub body: String,
}

/// A dead letter without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Letter {
    /// Its number.
    pub id: u64,
    /// The component that it was sent to.
    pub receiver: String,
    /// The instance that had it in its mailbox or its handler; `None` if it reached no instance.
    #[serde(default)]
    pub instance: Option<String>,
    /// The instance that sent it.
    pub sender: String,
    /// The topic; `None` if it was not a publication.
    pub topic: Option<String>,
    /// The span that sent it; `None` if it belongs to no trace.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// The reason for which it was not handled.
    pub reason: String,
    /// The number of attempts to handle it.
    pub attempts: u32,
    /// The time at which it was given up, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its codec; `None` if its prefix is unknown.
    pub codec: Option<String>,
    /// The length of its body, in bytes.
    pub body_bytes: usize,
}

impl Letter {
    /// Returns the line of the reason that says most. The others are a stack trace, for example.
    pub fn headline(&self) -> String {
        headline(&self.reason)
    }
}

/// The result of retrying or deleting dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LettersDone {
    /// The ids for which it succeeded.
    pub done: Vec<u64>,
    /// The other ids, by the reason.
    pub failed: Vec<LettersFailed>,
}

/// Dead letters that could not be retried or deleted, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LettersFailed {
    /// The reason.
    pub message: String,
    /// True if their receivers had no room, so that they may take the letters later.
    #[serde(default)]
    pub no_room: bool,
    /// The receiver, if it had no room.
    #[serde(default)]
    pub receiver: Option<String>,
    /// Their ids.
    pub ids: Vec<u64>,
}

/// A page of retained messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedPage {
    /// The messages, sorted by topic.
    pub messages: Vec<RetainedMessage>,
    /// The number of retained messages whose topic matches the request, listed or not.
    pub matching: usize,
}

/// A retained message with its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedWithBody {
    /// The message.
    pub message: RetainedMessage,
    /// The body without its codec prefix, in hexadecimal: at most [`MAX_SHOWN_BYTES`] of it.
    pub body: String,
}

/// Instances or a group that were resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resumed {
    /// Their names.
    pub names: Vec<String>,
}

/// The retained message of a topic was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedCleared {
    /// The topic.
    pub topic: String,
}

/// The request failed or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failed {
    /// The reason, for people.
    pub message: String,
}
