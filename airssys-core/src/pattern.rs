//! Patterns: sets of subjects that have segments.

/// A set of subjects: of topics, or of names.
pub trait Pattern {
    /// The subjects among which the pattern selects.
    type Subject: ?Sized;

    /// Returns true if the pattern contains the subject.
    fn matches(&self, subject: &Self::Subject) -> bool;

    /// Returns true if the pattern contains every subject that `other` contains.
    fn covers(&self, other: &Self) -> bool;

    /// Returns true if both patterns contain some subject. A limit on the length of subjects is
    /// not considered.
    fn overlaps(&self, other: &Self) -> bool;
}

/// The segment of a pattern that stands for any segment.
pub const WILDCARD: &str = "*";

/// The segments of a pattern: the rules that all kinds of patterns share.
///
/// A segment is a literal or [`WILDCARD`], and stands for exactly one segment of a subject. An open
/// pattern lets any number of segments follow the last.
///
/// ```
/// use airssys_core::pattern::Segments;
///
/// // Patterns of topics are open if they end in a wildcard, patterns of names always.
/// let topics = Segments::new("events.*", '.', true);
/// assert!(topics.matches("events.user.created".split('.')));
/// assert!(!topics.matches("events".split('.')));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Segments<'a> {
    text: &'a str,
    separator: char,
    open: bool,
}

impl<'a> Segments<'a> {
    /// The segments of `text` between separators.
    pub fn new(text: &'a str, separator: char, open: bool) -> Self {
        Self { text, separator, open }
    }

    /// Returns true if the pattern contains the subject that has these segments.
    pub fn matches<'b>(&self, mut subject: impl Iterator<Item = &'b str>) -> bool {
        self.begins(&mut subject) && (self.open || subject.next().is_none())
    }

    /// Returns true if every subject of `other` is a subject of this pattern.
    pub fn covers(&self, other: &Segments<'_>) -> bool {
        let mut narrower = other.iter();
        self.begins(&mut narrower) && (self.open || (narrower.next().is_none() && !other.open))
    }

    /// Returns true if some subject belongs to both patterns.
    pub fn overlaps(&self, other: &Segments<'_>) -> bool {
        let (mut own, mut others) = (self.iter(), other.iter());
        loop {
            match (own.next(), others.next()) {
                (None, None) => return true,
                // The longer pattern needs segments that the shorter one only has if it is open.
                (Some(_), None) => return other.open,
                (None, Some(_)) => return self.open,
                (Some(own), Some(other)) if stands_for(own, other) || other == WILDCARD => {}
                (Some(_), Some(_)) => return false,
            }
        }
    }

    fn iter(&self) -> std::str::Split<'a, char> {
        self.text.split(self.separator)
    }

    /// Takes as many segments as the pattern has, and returns true if each of them fits.
    ///
    /// Segments of a pattern fit by the same rule, because only a wildcard covers a wildcard.
    fn begins<'b>(&self, subject: &mut impl Iterator<Item = &'b str>) -> bool {
        self.iter().all(|segment| subject.next().is_some_and(|found| stands_for(segment, found)))
    }
}

fn stands_for(segment: &str, found: &str) -> bool {
    segment == WILDCARD || segment == found
}
