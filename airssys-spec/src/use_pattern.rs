//! Rights to use services, and the patterns that stand for sets of them.

use std::fmt;
use std::str::FromStr;

use airssys_core::Pattern;
use airssys_core::pattern::{Segments, WILDCARD};
use thiserror::Error;

use crate::pattern::{InvalidName, NamePattern, check_component_name};

/// Reasons for which a text is not a pattern of uses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidUse {
    /// The pattern contains more than one use, where one use is meant.
    #[error("`{text}` contains more than one use; name one resource and one verb")]
    NotExact {
        /// The whole text.
        text: String,
    },
    /// The part before the colon is not a path.
    #[error("`{text}` does not begin with a service and a resource, such as `keyvalue/sessions`: {reason}")]
    Path {
        /// The whole text.
        text: String,
        /// The rule that the path breaks.
        reason: InvalidName,
    },
    /// The part after the colon is neither a verb nor `*`.
    #[error("`{text}` does not end in a verb, such as `:read`: {reason}")]
    Verb {
        /// The whole text.
        text: String,
        /// The rule that the verb breaks.
        reason: InvalidName,
    },
}

/// A set of uses of services: `SERVICE/RESOURCE:VERB`, such as `keyvalue/sessions:read`.
///
/// The path has segments separated by `/`, each a name or `*`, and covers everything below it.
/// A pattern without a verb, or with the verb `*`, covers every verb.
///
/// ```
/// use airssys_spec::UsePattern;
///
/// let sessions: UsePattern = "keyvalue/sessions".parse()?;
/// let read: UsePattern = "keyvalue/sessions:read".parse()?;
/// assert!(sessions.covers(&read) && !read.covers(&sessions));
/// # Ok::<(), airssys_spec::InvalidUse>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsePattern {
    text: Box<str>,
    /// The length of the path, in bytes.
    path: usize,
}

impl UsePattern {
    /// Parses one use: a pattern without wildcards, and with a verb.
    ///
    /// # Errors
    /// [`InvalidUse`] if the text is not a pattern, or contains more than one use.
    pub fn exact(text: &str) -> Result<Self, InvalidUse> {
        let pattern = Self::parse(text)?;
        match pattern.verb().is_some() && !pattern.text.contains(WILDCARD) {
            true => Ok(pattern),
            false => Err(InvalidUse::NotExact { text: text.to_owned() }),
        }
    }

    /// Parses a pattern.
    ///
    /// # Errors
    /// [`InvalidUse`] if the path or the verb is malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidUse> {
        let (path, verb) = text.split_once(':').map_or((text, None), |(path, verb)| (path, Some(verb)));
        NamePattern::parse(path).map_err(|reason| InvalidUse::Path { text: text.to_owned(), reason })?;
        if let Some(verb) = verb.filter(|verb| *verb != WILDCARD) {
            check_component_name(verb)
                .map_err(|reason| InvalidUse::Verb { text: text.to_owned(), reason })?;
        }
        Ok(Self { text: text.into(), path: path.len() })
    }

    /// Returns the text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the service, the first segment of the path; `*` stands for every service.
    pub fn service(&self) -> &str {
        let path = &self.text[..self.path];
        path.split_once('/').map_or(path, |(service, _)| service)
    }

    /// Returns true if every use that `other` contains is contained in this pattern.
    pub fn covers(&self, other: &Self) -> bool {
        let verbs = self.verb().is_none() || self.verb() == other.verb();
        verbs && self.segments().covers(&other.segments())
    }

    /// Returns true if one use is contained in both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let verbs = self.verb().is_none() || other.verb().is_none() || self.verb() == other.verb();
        verbs && self.segments().overlaps(&other.segments())
    }

    fn segments(&self) -> Segments<'_> {
        Segments::new(&self.text[..self.path], '/', true)
    }

    /// Returns the verb, or `None` if every verb is meant.
    fn verb(&self) -> Option<&str> {
        self.text.get(self.path + 1..).filter(|verb| *verb != WILDCARD)
    }
}

impl Pattern for UsePattern {
    type Subject = Self;

    fn matches(&self, subject: &Self) -> bool {
        self.covers(subject)
    }

    fn covers(&self, other: &Self) -> bool {
        UsePattern::covers(self, other)
    }

    fn overlaps(&self, other: &Self) -> bool {
        UsePattern::overlaps(self, other)
    }
}

impl FromStr for UsePattern {
    type Err = InvalidUse;

    fn from_str(text: &str) -> Result<Self, InvalidUse> {
        Self::parse(text)
    }
}

impl fmt::Display for UsePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for UsePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UsePattern({:?})", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> UsePattern {
        text.parse().unwrap()
    }

    #[test]
    fn pattern_covers_its_resource_and_everything_below() {
        for (wide, narrow, covers) in [
            ("keyvalue", "keyvalue/sessions:read", true),
            ("keyvalue/sessions", "keyvalue/sessions:read", true),
            ("keyvalue/sessions:*", "keyvalue/sessions:read", true),
            ("keyvalue/*:read", "keyvalue/sessions:read", true),
            ("*:read", "blob/images:read", true),
            ("keyvalue/sessions:read", "keyvalue/sessions:write", false),
            ("keyvalue/sessions:read", "keyvalue/sessions", false),
            ("keyvalue/session:read", "keyvalue/sessions:read", false),
            ("sql", "keyvalue/sessions:read", false),
        ] {
            assert_eq!(uses(wide).covers(&uses(narrow)), covers, "{wide} {narrow}");
            assert!(!covers || uses(wide).overlaps(&uses(narrow)), "{wide} {narrow}");
        }
    }

    #[test]
    fn patterns_overlap_if_one_use_fits_both() {
        assert!(uses("keyvalue/*:read").overlaps(&uses("keyvalue/sessions")));
        assert!(!uses("keyvalue/*:read").overlaps(&uses("keyvalue/sessions:write")));
        assert!(!uses("keyvalue/a").overlaps(&uses("keyvalue/b")));
    }

    #[test]
    fn malformed_pattern_is_refused_with_its_wrong_part() {
        for text in ["", ":read", "keyvalue//x:read", "Key:read", "keyvalue/ses*:read"] {
            assert!(matches!(UsePattern::parse(text), Err(InvalidUse::Path { .. })), "{text}");
        }
        for text in ["keyvalue:", "keyvalue/x:Read", "keyvalue/x:read:write", "keyvalue/x:re/ad"] {
            assert!(matches!(UsePattern::parse(text), Err(InvalidUse::Verb { .. })), "{text}");
        }
    }

    #[test]
    fn one_use_has_no_wildcard_and_has_a_verb() {
        assert!(UsePattern::exact("keyvalue/sessions:read").is_ok());
        for text in ["keyvalue/*:read", "*:read", "keyvalue/sessions:*", "keyvalue/sessions"] {
            assert!(matches!(UsePattern::exact(text), Err(InvalidUse::NotExact { .. })), "{text}");
        }
    }

    #[test]
    fn service_is_the_first_segment() {
        assert_eq!(uses("keyvalue/sessions:read").service(), "keyvalue");
        assert_eq!(uses("config:read").service(), "config");
    }
}
