//! Names of components and their instances, and the patterns that stand for sets of them.

use std::fmt;
use std::str::FromStr;

use airssys_core::Pattern;
use airssys_core::pattern::{Segments, WILDCARD};
use thiserror::Error;

/// The name that stands for the world outside the app, so no component may have it.
pub const HOST_NAME: &str = "host";

/// The maximum length of a component's name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The maximum length of an instance's name and of a pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 255;

/// Reasons for which a text is not a name, or not a pattern of names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than allowed.
    #[error("a name of {length} bytes is longer than the {limit} allowed")]
    TooLong {
        /// The length of the text, in bytes.
        length: usize,
        /// The limit that applies: [`MAX_NAME_BYTES`] or [`MAX_PATTERN_BYTES`].
        limit: usize,
    },
    /// Two slashes meet, or a slash begins or ends the text.
    #[error("segment {index} of `{text}` is empty")]
    EmptySegment {
        /// The text.
        text: String,
        /// The index of the empty segment; the first is 0.
        index: usize,
    },
    /// The name of a component does not begin with a letter.
    #[error("`{text}` does not begin with a letter from a to z")]
    Beginning {
        /// The text.
        text: String,
    },
    /// The text has a character that names cannot have.
    #[error("`{text}` has {character:?} at byte {position}: only a-z, 0-9 and `-` are allowed")]
    Character {
        /// The text.
        text: String,
        /// The character.
        character: char,
        /// The offset of the character, in bytes.
        position: usize,
    },
    /// A segment of a pattern mixes `*` with other characters.
    #[error("segment `{segment}` of `{text}` mixes `*` with other characters")]
    PartialWildcard {
        /// The text.
        text: String,
        /// The segment.
        segment: String,
    },
}

/// Checks the name of a component: `[a-z][a-z0-9-]*`, at most [`MAX_NAME_BYTES`] bytes.
pub fn check_component_name(text: &str) -> Result<(), InvalidName> {
    check(text, "-", MAX_NAME_BYTES)?;
    check_beginning(text, text)
}

/// Checks the name of an instance: a component's name, alone or followed by segments such as `/2`.
pub fn check_instance_name(text: &str) -> Result<(), InvalidName> {
    check(text, "-/", MAX_PATTERN_BYTES)?;
    text.split('/').next().map_or(Ok(()), |component| check_beginning(text, component))
}

/// A set of instances, by their names: segments separated by `/`, each a name or `*`.
///
/// `*` in the middle stands for exactly one segment, at the end for one or more. A pattern that
/// ends in a name also contains everything below that name: `pool` contains `pool` and its
/// instances `pool/1`, `pool/2` and so on. A name never stands for a part of a segment.
///
/// ```
/// use airssys_spec::pattern::NamePattern;
///
/// let pool = NamePattern::parse("pool")?;
/// assert!(pool.matches("pool") && pool.matches("pool/2"));
/// assert!(!pool.matches("pool-other"));
///
/// let instances = NamePattern::parse("pool/*")?;
/// assert!(instances.matches("pool/2") && !instances.matches("pool"));
/// assert!(pool.covers(&instances) && !instances.covers(&pool));
/// # Ok::<(), airssys_spec::pattern::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamePattern(Box<str>);

impl NamePattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        check(text, "-/*", MAX_PATTERN_BYTES)?;
        match text.split('/').find(|segment| segment.contains('*') && *segment != WILDCARD) {
            Some(segment) => {
                Err(InvalidName::PartialWildcard { text: text.to_owned(), segment: segment.to_owned() })
            }
            None if text.starts_with('*') => Ok(Self(text.into())),
            None => check_beginning(text, text).map(|()| Self(text.into())),
        }
    }

    /// Returns the text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the segments in order, at least one; a wildcard is `*`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns true if the pattern has no `*`, so that it names one component or one instance.
    pub fn is_exact(&self) -> bool {
        self.segments().all(|segment| segment != WILDCARD)
    }

    /// Returns true if the pattern contains this instance. No pattern contains a text that is not
    /// the name of an instance.
    pub fn matches(&self, name: &str) -> bool {
        check_instance_name(name).is_ok() && self.parts().matches(name.split('/'))
    }

    /// Returns true if every name that `other` contains is contained in this pattern.
    pub fn covers(&self, other: &Self) -> bool {
        self.parts().covers(&other.parts())
    }

    /// Returns true if both patterns contain some name.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.parts().overlaps(&other.parts())
    }

    /// The segments, under the rules that all patterns share. A pattern of names is always open.
    fn parts(&self) -> Segments<'_> {
        Segments::new(&self.0, '/', true)
    }
}

impl Pattern for NamePattern {
    type Subject = str;

    fn matches(&self, name: &str) -> bool {
        NamePattern::matches(self, name)
    }

    fn covers(&self, other: &Self) -> bool {
        NamePattern::covers(self, other)
    }

    fn overlaps(&self, other: &Self) -> bool {
        NamePattern::overlaps(self, other)
    }
}

impl FromStr for NamePattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamePattern({:?})", &*self.0)
    }
}

/// Checks the rules that all names share. `punctuation` holds the characters allowed besides a-z
/// and 0-9.
fn check(text: &str, punctuation: &str, limit: usize) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.len() > limit {
        return Err(InvalidName::TooLong { length: text.len(), limit });
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || punctuation.contains(c);
    if let Some((position, character)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
        return Err(InvalidName::Character { text: text.to_owned(), character, position });
    }
    match text.split('/').position(str::is_empty) {
        Some(index) => Err(InvalidName::EmptySegment { text: text.to_owned(), index }),
        None => Ok(()),
    }
}

fn check_beginning(text: &str, component: &str) -> Result<(), InvalidName> {
    if component.starts_with(|c: char| c.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(InvalidName::Beginning { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_match_whole_segments() {
        for (text, yes, no) in [
            (
                "pool",
                vec!["pool", "pool/1", "pool/20"],
                vec!["pools", "poo", "a/pool", "", "/", "pool/", "pool//1"],
            ),
            ("pool/2", vec!["pool/2"], vec!["pool", "pool/20", "pool/1"]),
            ("pool/*", vec!["pool/2", "pool/2/3"], vec!["pool", "pools/2"]),
            ("*", vec!["pool", "pool/2"], vec!["", "/pool", "../pool", "2", "*", "Pool"]),
            ("*/2", vec!["pool/2", "a/2"], vec!["pool", "pool/1", "pool/1/2"]),
        ] {
            for name in yes {
                assert!(pattern(text).matches(name), "{text} matches {name}");
            }
            for name in no {
                assert!(!pattern(text).matches(name), "{text} does not match {name}");
            }
        }
    }

    #[test]
    fn malformed_patterns_and_names_are_refused() {
        use InvalidName as E;
        let text = |text: &str| text.to_owned();
        assert_eq!(NamePattern::parse(""), Err(E::Empty));
        assert_eq!(NamePattern::parse("a//b"), Err(E::EmptySegment { text: text("a//b"), index: 1 }));
        assert_eq!(
            NamePattern::parse("quake-*"),
            Err(E::PartialWildcard { text: text("quake-*"), segment: text("quake-*") })
        );
        assert_eq!(
            NamePattern::parse("a/../b"),
            Err(E::Character { text: text("a/../b"), character: '.', position: 2 })
        );
        assert_eq!(NamePattern::parse("2"), Err(E::Beginning { text: text("2") }));
        assert_eq!(check_component_name("a/2").is_err(), check_instance_name("a/2").is_ok());
        assert_eq!(check_component_name(&"a".repeat(65)), Err(E::TooLong { length: 65, limit: 64 }));
    }

    proptest! {
        #[test]
        fn name_does_not_match_a_longer_name_that_begins_with_it(name in "[a-z][a-z0-9-]{0,20}", more in "[a-z0-9-]{1,8}") {
            let longer = format!("{name}{more}");
            prop_assert!(!pattern(&name).matches(&longer));
            prop_assert!(!pattern(&longer).matches(&name));
            prop_assert!(!pattern(&name).covers(&pattern(&longer)));
        }

        #[test]
        fn parsed_pattern_displays_as_it_was_written(text in "[a-z0-9*/.-]{0,12}") {
            if let Ok(parsed) = NamePattern::parse(&text) {
                prop_assert_eq!(parsed.to_string(), text);
            }
        }
    }
}
