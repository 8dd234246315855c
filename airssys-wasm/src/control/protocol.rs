//! What can be asked over the control socket, and what is answered.

use airssys_message::Codec;
use airssys_spec::{Capability, GrantChange};
use serde::{Deserialize, Serialize};

use crate::observe::dead_letters::DeadLetter;
use crate::observe::denials::Denial;
use crate::observe::snapshot::AppSnapshot;
use crate::observe::unix_time::unix_ms;
use crate::policy::grants::ComponentGrants;
use crate::routing::retained::RetainedMessage;

/// The version of the protocol. A server refuses every other.
pub const VERSION: u32 = 1;

/// The longest request, in bytes with its line end.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The longest answer, in bytes with its line end.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How much of a dead letter's body is shown, in bytes.
pub const MAX_SHOWN_BYTES: usize = 1 << 20;

/// A request as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// What is asked.
    pub request: Request,
}

/// An answer as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// [`VERSION`].
    pub version: u32,
    /// What is answered.
    pub answer: Answer,
}

/// What can be asked of a running app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// Which app it is: [`Answer::About`].
    About,
    /// How the app is: [`Answer::Snapshot`].
    Snapshot,
    /// What components may do: [`Answer::Grants`].
    Grants {
        /// Of this component only.
        component: Option<String>,
    },
    /// Gives a grant: [`Answer::GrantChanged`].
    Give {
        /// The component.
        component: String,
        /// The kind of access.
        capability: Capability,
        /// A pattern of names or of topics.
        pattern: String,
    },
    /// Revokes grants: [`Answer::GrantChanged`].
    Revoke {
        /// The component.
        component: String,
        /// The kind of access.
        capability: Capability,
        /// A pattern of names or of topics.
        pattern: String,
    },
    /// What components were denied lately: [`Answer::Denials`].
    Denials {
        /// Of this component only.
        component: Option<String>,
    },
    /// Dead letters that are kept, oldest first: [`Answer::DeadLetters`].
    DeadLetters {
        /// For this component only.
        receiver: Option<String>,
        /// Only those with greater ids.
        #[serde(default)]
        after: u64,
        /// At most so many.
        limit: usize,
    },
    /// A dead letter with its body: [`Answer::DeadLetter`].
    DeadLetter {
        /// Its id.
        id: u64,
    },
    /// Hands dead letters to their receivers again: [`Answer::LettersDone`].
    RetryDeadLetters {
        /// Which.
        which: Letters,
    },
    /// Drops dead letters for good: [`Answer::LettersDone`].
    DropDeadLetters {
        /// Which.
        which: Letters,
    },
    /// What is retained, in the order of the topics: [`Answer::Retained`].
    Retained {
        /// Of topics that match this pattern only.
        pattern: Option<String>,
        /// Only topics that come after this one.
        after: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// Forgets what is retained of a topic: [`Answer::RetainedCleared`].
    ClearRetained {
        /// The topic.
        topic: String,
    },
}

/// Which dead letters are meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Letters {
    /// Those with these ids.
    Ids(Vec<u64>),
    /// All that are kept when the request comes.
    All {
        /// For this component only.
        receiver: Option<String>,
    },
}

/// What a running app answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// To [`Request::About`].
    About(About),
    /// To [`Request::Snapshot`].
    Snapshot(Box<AppSnapshot>),
    /// To [`Request::Grants`].
    Grants {
        /// By component, in the order of their names.
        components: Vec<ComponentGrants>,
    },
    /// To [`Request::Give`] and [`Request::Revoke`].
    GrantChanged(GrantChange),
    /// To [`Request::Denials`].
    Denials {
        /// The latest first.
        denials: Vec<Denial>,
    },
    /// To [`Request::DeadLetters`].
    DeadLetters {
        /// Oldest first.
        letters: Vec<Letter>,
        /// How many are kept that were asked for, shown or not.
        kept: usize,
        /// How many dead letters there were in all, whoever they were for.
        total: u64,
    },
    /// To [`Request::DeadLetter`].
    DeadLetter {
        /// All but its body.
        letter: Letter,
        /// The body without its codec prefix, in hexadecimal: at most [`MAX_SHOWN_BYTES`] of it.
        body: String,
    },
    /// To [`Request::RetryDeadLetters`] and [`Request::DropDeadLetters`].
    LettersDone {
        /// The ids of those it was done with.
        done: Vec<u64>,
        /// The others, by what was the matter.
        failed: Vec<LettersFailed>,
    },
    /// To [`Request::Retained`].
    Retained {
        /// In the order of their topics.
        messages: Vec<RetainedMessage>,
        /// How many there are of those topics, shown or not.
        matching: usize,
    },
    /// To [`Request::ClearRetained`].
    RetainedCleared {
        /// The topic.
        topic: String,
    },
    /// To whatever cannot be done, or is not understood.
    Failed {
        /// Why not, for people.
        message: String,
    },
}

/// Which app it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct About {
    /// The app's name.
    pub app: String,
    /// The process that it runs in.
    pub process: u32,
    /// The version of airssys.
    pub version: String,
    /// Its components, in the order of their names.
    pub components: Vec<String>,
}

/// A dead letter without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Letter {
    /// Its number.
    pub id: u64,
    /// The component that it was for.
    pub receiver: String,
    /// The instance that had it, in its mailbox or its handler; none if it never came that far.
    #[serde(default)]
    pub instance: Option<String>,
    /// The instance that sent it.
    pub sender: String,
    /// The topic it was published on, if it was.
    pub topic: Option<String>,
    /// The place in a trace where it was sent, if it belongs to one.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// Why it was not handled.
    pub reason: String,
    /// How often its handler got it.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its codec, if it has one.
    pub codec: Option<String>,
    /// The length of its body, in bytes.
    pub body_bytes: usize,
}

/// Dead letters that something could not be done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LettersFailed {
    /// Why not.
    pub message: String,
    /// Their ids.
    pub ids: Vec<u64>,
}

/// A message's codec and body.
pub(super) fn split(message: &[u8]) -> (Option<Codec>, &[u8]) {
    Codec::split(message).map_or((None, message), |(codec, body)| (Some(codec), body))
}

impl Letter {
    pub(super) fn of(letter: &DeadLetter) -> Letter {
        let (codec, body) = split(&letter.message);
        Letter {
            id: letter.id,
            receiver: letter.receiver.to_string(),
            sender: letter.sender.to_string(),
            instance: letter.instance.as_deref().map(str::to_owned),
            topic: letter.topic.as_deref().map(str::to_owned),
            traceparent: letter.trace.map(|trace| trace.to_string()),
            reason: letter.reason.to_string(),
            attempts: letter.attempts,
            at_ms: unix_ms(letter.at),
            codec: codec.map(|codec| codec.to_string()),
            body_bytes: body.len(),
        }
    }
}
