//! The messages to the component of the benches.

use serde::{Deserialize, Serialize};

/// The message of the benches: in CBOR it has 64 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<S = String> {
    /// The sensor's name.
    pub sensor: S,
    /// The reading's number. [`Reading::new`] gives it five bytes.
    pub number: u32,
    /// The temperature.
    pub celsius: f64,
}

/// The number of the first reading.
pub const FIRST: u32 = 1 << 16;

impl Reading<&'static str> {
    /// Makes the reading with this number, counted from 0.
    pub fn new(number: u32) -> Self {
        Reading { sensor: "building-7/floor-3/room-1", number: FIRST + number, celsius: 21.37 }
    }
}

/// An order to the component, in JSON, so that it differs from readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Send this many readings, one by one.
    Send { to: String, times: u32 },
    /// Send this many readings, in batches of this size.
    SendBatch { to: String, times: u32, at_once: u32 },
    /// Send this many raw bytes, this many times.
    SendRaw { to: String, times: u32, bytes: usize },
    /// Send this many readings in a row to each of this many components in turn: `PREFIX-0`,
    /// `PREFIX-1` and so on.
    Round { prefix: String, components: u32, in_a_row: u32, times: u32 },
    /// Publish this many readings.
    Publish { topic: String, times: u32 },
    /// Ask this many times, with this many requests in flight.
    Ask { to: String, times: u32, at_once: u32 },
    /// Ask this many times, one after the other. Reply with the nanoseconds that each took.
    Time { to: String, times: u32 },
    /// Reply with the counts.
    Count,
    /// Panic.
    Panic,
}

/// The counts of an instance since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Readings, and messages of raw bytes.
    pub messages: u64,
    /// The bytes of messages of raw bytes.
    pub bytes: u64,
    /// Replies to its requests.
    pub replies: u64,
}
