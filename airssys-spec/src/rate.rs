//! Rates: how many a second, and how many at once.

/// How many a second, and how many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second, in the long run. At least 1: 0 is taken as that.
    pub per_second: u64,
    /// The most at once.
    pub burst: u64,
}
