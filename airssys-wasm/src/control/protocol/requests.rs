//! The requests to a running app.

use std::collections::BTreeSet;

use airssys_spec::Capability;
use serde::{Deserialize, Serialize};

/// Any request to a running app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// Identifies the app.
    About(About),
    /// Takes a snapshot of the app.
    Snapshot(Snapshot),
    /// Lists grants.
    Grants(ListGrants),
    /// Gives a grant.
    Give(Give),
    /// Revokes grants.
    Revoke(Revoke),
    /// Lists the latest denials.
    Denials(ListDenials),
    /// Lists dead letters.
    DeadLetters(ListDeadLetters),
    /// Shows a dead letter with its body.
    DeadLetter(ShowDeadLetter),
    /// Hands dead letters to their receivers again.
    RetryDeadLetters(RetryDeadLetters),
    /// Deletes dead letters.
    DropDeadLetters(DropDeadLetters),
    /// Starts quarantined instances again.
    Resume(Resume),
    /// Reads secrets again.
    Reload(Reload),
    /// Lists retained messages.
    Retained(ListRetained),
    /// Shows a retained message with its body.
    RetainedMessage(ShowRetained),
    /// Clears the retained message of a topic.
    ClearRetained(ClearRetained),
}

/// Identifies the app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {}

/// Takes a snapshot of the app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// True if the snapshot is to have the resident memory of each component, which takes longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resident: bool,
}

/// Lists the grants of components.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListGrants {
    /// The only component to list; `None` for all components.
    pub component: Option<String>,
}

/// Gives a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Give {
    /// The component.
    pub component: String,
    /// The kind of access.
    pub capability: Capability,
    /// A pattern of names or of topics.
    pub pattern: String,
}

/// Revokes grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// The component.
    pub component: String,
    /// The kind of access.
    pub capability: Capability,
    /// A pattern of names or of topics.
    pub pattern: String,
}

/// Lists the latest denials of components.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDenials {
    /// The only component to list; `None` for all components.
    pub component: Option<String>,
}

/// Lists the dead letters that are kept, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDeadLetters {
    /// The only receiver to list; `None` for all receivers.
    pub receiver: Option<String>,
    /// Lists only dead letters with greater ids.
    #[serde(default)]
    pub after: u64,
    /// The most dead letters to list.
    pub limit: usize,
}

/// Shows a dead letter with its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowDeadLetter {
    /// The id of the dead letter.
    pub id: u64,
}

/// Hands dead letters to their receivers again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryDeadLetters {
    /// The dead letters.
    pub which: Letters,
    /// Receivers that get none of them, because an earlier letter waits for room in their mailboxes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub held_back: BTreeSet<String>,
}

/// Deletes dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropDeadLetters {
    /// The dead letters.
    pub which: Letters,
}

/// A selection of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Letters {
    /// The dead letters with these ids.
    Ids(Vec<u64>),
    /// All dead letters that are kept when the request arrives.
    All {
        /// The only receiver; `None` for all receivers.
        receiver: Option<String>,
    },
}

/// Lists retained messages, sorted by topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRetained {
    /// Lists only topics that match this pattern.
    pub pattern: Option<String>,
    /// Lists only topics that come after this one.
    pub after: Option<String>,
    /// The most messages to list.
    pub limit: usize,
}

/// Clears the retained message of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearRetained {
    /// The topic.
    pub topic: String,
}

/// Starts the quarantined instances of a component again, or one instance, or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The name.
    pub name: String,
}

/// Reads again the variables and the files with settings of components and secrets of backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {}

/// Shows the retained message of a topic with its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowRetained {
    /// The topic.
    pub topic: String,
}
