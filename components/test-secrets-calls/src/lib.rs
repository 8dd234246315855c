//! The calls of the component `test-secrets`.

use serde::{Deserialize, Serialize};

/// A call on a locker, which stays open in the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Exists(String),
    /// One page, from a cursor on.
    List {
        cursor: Option<String>,
        limit: u32,
    },
}

/// A message to the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub label: String,
    pub call: Call,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Done,
    Value(Option<Vec<u8>>),
    Flag(bool),
    /// A page, with the cursor of the next one.
    Ids(Vec<String>, Option<String>),
    /// An error with its name and its text.
    Error {
        name: String,
        text: String,
    },
}
