//! Rates of events.

/// A number of events a second, and the number at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events a second, in the long run. At least 1, because 0 is read as 1.
    pub per_second: u64,
    /// The most events at once.
    pub burst: u64,
}
