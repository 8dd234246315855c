//! What the component of the benches is sent.

use serde::{Deserialize, Serialize};

/// What travels in the benches: in CBOR it has 64 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<S = String> {
    /// Where it was taken.
    pub sensor: S,
    /// Which one it is; with five bytes as long as it is made by [`Reading::new`].
    pub number: u32,
    /// What was read.
    pub celsius: f64,
}

/// The number of the first reading.
pub const FIRST: u32 = 1 << 16;

impl Reading<&'static str> {
    /// A reading with a number from 0 on.
    pub fn new(number: u32) -> Self {
        Reading { sensor: "building-7/floor-3/room-1", number: FIRST + number, celsius: 21.37 }
    }
}

/// What the component is told to do; in JSON, so that it is told from what travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Send so many readings, one by one.
    Send { to: String, times: u32 },
    /// Send so many readings, so many at once.
    SendBatch { to: String, times: u32, at_once: u32 },
    /// Send so many bytes as they are, so many times.
    SendRaw { to: String, times: u32, bytes: usize },
    /// Send so many readings in a row to each of so many components in turn: `PREFIX-0`, `PREFIX-1`
    /// and so on.
    Round { prefix: String, components: u32, in_a_row: u32, times: u32 },
    /// Publish so many readings.
    Publish { topic: String, times: u32 },
    /// Ask so many times, with so many requests under way at once.
    Ask { to: String, times: u32, at_once: u32 },
    /// Ask so many times, one after the other. Reply with the nanoseconds that each took.
    Time { to: String, times: u32 },
    /// Reply with what was counted.
    Count,
    /// Panic.
    Panic,
}

/// What an instance has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Readings, and messages of raw bytes.
    pub messages: u64,
    /// Bytes of the latter.
    pub bytes: u64,
    /// Replies to what it asked.
    pub replies: u64,
}
