//! A place where a rule is broken.

use std::fmt;

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    pub(super) path: String,
    pub(super) line: usize,
    /// The mistake there.
    pub(super) what: String,
    /// The way to mend it.
    pub(super) mend: String,
}

impl Violation {
    pub(super) fn new(
        path: &str,
        line: usize,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Violation {
        Violation { path: path.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_shown_with_its_place_and_its_mending() {
        let violation = Violation::new("a/b.rs", 7, "this is wrong", "do that");
        assert_eq!(violation.to_string(), "a/b.rs:7: this is wrong; do that");
    }
}
