//! The kinds of amounts.

/// The unit of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Unit {
    /// Bytes, written with a unit.
    Bytes,
    /// Milliseconds, written with a unit.
    Time,
    /// Things, written as a number.
    Count,
}
