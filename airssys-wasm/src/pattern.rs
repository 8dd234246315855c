//! Patterns over the names of components and their instances.

use std::fmt;
use std::str::FromStr;

/// Most bytes of a component's name.
pub const MAX_NAME_BYTES: usize = 64;

const WILDCARD: &str = "*";

/// Whether a text can be a component's name: lower-case letters, digits and hyphens, a letter
/// first, at most [`MAX_NAME_BYTES`] bytes.
pub fn is_component_name(text: &str) -> bool {
    let rest_fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    text.len() <= MAX_NAME_BYTES && text.starts_with(|c: char| c.is_ascii_lowercase()) && rest_fits
}

/// A set of components: a name, which also stands for the instances of that component; one
/// instance (`name/2`); or `*` for all.
///
/// Whole segments are compared: `quake-parse` does not stand for `quake-parser`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(String);

/// Why a text is no pattern of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a component's name, an instance such as `name/2`, or `*`: \
     names have lower-case letters, digits and hyphens, a letter first"
)]
pub struct InvalidName {
    /// What was found.
    pub text: String,
}

impl NamePattern {
    /// The pattern that stands for every component.
    pub fn any() -> NamePattern {
        NamePattern(WILDCARD.to_owned())
    }

    /// Checks a text and makes a pattern of it.
    ///
    /// # Errors
    /// [`InvalidName`] if it is no name, no instance and not `*`.
    pub fn parse(text: &str) -> Result<NamePattern, InvalidName> {
        let fits = match text.split_once('/') {
            None => text == WILDCARD || is_component_name(text),
            Some((name, number)) => {
                let positive = number.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == number);
                is_component_name(name) && positive
            }
        };
        if !fits {
            return Err(InvalidName { text: text.to_owned() });
        }
        Ok(NamePattern(text.to_owned()))
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The component that the pattern names; none for `*`.
    pub fn component(&self) -> Option<&str> {
        let name = self.0.split('/').next()?;
        (name != WILDCARD).then_some(name)
    }

    /// Whether the component or instance is one of those that the pattern stands for.
    pub fn matches(&self, name: &str) -> bool {
        let of_component = || name.split_once('/').is_some_and(|(component, _)| component == self.0);
        self.0 == WILDCARD || self.0 == name || of_component()
    }

    /// Whether everything that `other` stands for is also what this pattern stands for.
    pub fn covers(&self, other: &NamePattern) -> bool {
        self.0 == WILDCARD || (other.0 != WILDCARD && self.matches(&other.0))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NamePattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<NamePattern, InvalidName> {
        NamePattern::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn whole_names_are_compared() {
        assert!(pattern("quake-parse").matches("quake-parse"));
        assert!(pattern("quake-parse").matches("quake-parse/2"));
        assert!(!pattern("quake-parse").matches("quake-parser"));
        assert!(!pattern("quake-parse").matches("quake-parser/2"));
        assert!(!pattern("quake-parse/2").matches("quake-parse"));
        assert!(!pattern("quake-parse/2").matches("quake-parse/21"));
        assert!(pattern("*").matches("anything/7"));
    }

    #[test]
    fn a_pattern_covers_what_it_matches() {
        assert!(pattern("*").covers(&pattern("*")));
        assert!(pattern("*").covers(&pattern("a/1")));
        assert!(pattern("a").covers(&pattern("a/1")));
        assert!(!pattern("a").covers(&pattern("*")));
        assert!(!pattern("a/1").covers(&pattern("a")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "A", "1a", "a*", "*a", "a/", "a/0", "a/01", "a/b", "a/1/2", "a b", "é"] {
            assert!(NamePattern::parse(text).is_err(), "{text}");
        }
        assert!(NamePattern::parse(&"a".repeat(MAX_NAME_BYTES + 1)).is_err());
    }
}
