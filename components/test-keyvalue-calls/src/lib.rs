//! The calls of the component `test-keyvalue`.

use serde::{Deserialize, Serialize};

/// The interface through which a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Api {
    /// `wasi:keyvalue@0.2.0-draft`.
    Draft,
    /// `wasi:keyvalue@0.2.0-draft2`.
    Draft2,
    /// `airssys:keyvalue@0.1.0`.
    Own,
}

impl Api {
    /// Every interface.
    pub const ALL: [Api; 3] = [Api::Draft, Api::Draft2, Api::Own];
}

/// The condition of a [`Call::Set`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// No condition.
    Always,
    /// The key is absent.
    Absent,
    /// The key has this version.
    Version(String),
}

/// A call on the bucket of a label, which stays open in the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Open the label again.
    Open,
    Get(String),
    Set {
        key: String,
        value: Vec<u8>,
        /// For [`Api::Own`] only.
        ttl_ms: Option<u64>,
        /// For [`Api::Own`] only.
        when: When,
    },
    Delete(String),
    Exists(String),
    Increment {
        key: String,
        delta: i64,
    },
    /// Increment by one, this many times.
    Count {
        key: String,
        times: u32,
    },
    /// List all keys, page by page.
    ListAll {
        prefix: String,
        limit: u32,
    },
    /// List one page.
    List {
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    },
    GetMany(Vec<String>),
    SetMany {
        entries: Vec<(String, Vec<u8>)>,
        ttl_ms: Option<u64>,
    },
    DeleteMany(Vec<String>),
    /// Make a handle for compare-and-swap; for [`Api::Draft2`] only, as the two below.
    NewCas(String),
    /// Read the value of the handle.
    CurrentCas,
    /// Swap the value of the handle. A failed swap keeps the handle that comes back.
    Swap(Vec<u8>),
}

/// A message to the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub api: Api,
    pub label: String,
    pub call: Call,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Done,
    /// A value, and its version if the interface has versions.
    Value(Option<(Vec<u8>, Option<String>)>),
    Version(String),
    Flag(bool),
    Number(i64),
    Keys {
        keys: Vec<String>,
        cursor: Option<String>,
        /// The number of pages.
        pages: u32,
    },
    Values(Vec<Option<Vec<u8>>>),
    /// An error with its name and its text.
    Error {
        name: String,
        text: String,
    },
}
