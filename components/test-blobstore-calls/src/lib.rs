//! The calls of the component `test-blobstore`.

use serde::{Deserialize, Serialize};

/// The order in which a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Name the object, then write.
    NameFirst,
    /// Write, then name the object.
    BytesFirst,
}

/// A call. Containers are opened anew for each, except with [`Call::Hold`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    Create(String),
    /// Get a container, and keep it open for the calls that follow.
    Hold(String),
    Remove(String),
    ContainerExists(String),
    ContainerInfo(String),
    Put {
        container: String,
        name: String,
        value: Vec<u8>,
        order: Order,
    },
    /// Write this many bytes, each the low byte of its place divided by 1,000, in chunks.
    PutLarge {
        container: String,
        name: String,
        size: u64,
        finishes: bool,
    },
    /// Read a range as a list.
    Get {
        container: String,
        name: String,
        start: u64,
        end: u64,
    },
    /// Read a range as a stream, and count its bytes and those that [`Call::PutLarge`] did not write.
    GetLarge {
        container: String,
        name: String,
        start: u64,
        end: u64,
    },
    Has {
        container: String,
        name: String,
    },
    Info {
        container: String,
        name: String,
    },
    Delete {
        container: String,
        names: Vec<String>,
    },
    Clear(String),
    Copy {
        from: (String, String),
        to: (String, String),
    },
    Move {
        from: (String, String),
        to: (String, String),
    },
    /// List all names, this many at once, after skipping some.
    List {
        container: String,
        page: u64,
        skip: u64,
    },
    /// Open a value, replace or delete its object, then read the value.
    ReadAfterDelete {
        container: String,
        name: String,
    },
    /// Open this many values, and read none.
    OpenMany {
        container: String,
        name: String,
        count: u32,
    },
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Done,
    Flag(bool),
    Value(Vec<u8>),
    /// The bytes of a stream, and the wrong ones among them.
    Streamed {
        bytes: u64,
        wrong: u64,
    },
    Info {
        name: String,
        container: String,
        size: u64,
        created: u64,
    },
    Names {
        names: Vec<String>,
        pages: u32,
        skipped: u64,
    },
    Error(String),
}
