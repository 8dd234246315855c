//! Topics and the patterns that match them: names, no runtime.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// The most bytes a topic or a pattern may have.
pub const MAX_TOPIC_BYTES: usize = 255;

const WILDCARD: &str = "*";

/// The name of a topic: one or more segments separated by dots, such as `events.user.created`.
///
/// A segment is one or more of `a-z A-Z 0-9 _ -`. The whole is at most [`MAX_TOPIC_BYTES`] bytes.
/// Cloning shares the text.
///
/// ```
/// use airssys_rt::Topic;
///
/// let topic = Topic::parse("events.user.created")?;
/// assert_eq!(topic.segments().count(), 3);
/// assert!(Topic::parse("events..created").is_err());
/// # Ok::<(), airssys_rt::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// A set of topics: a topic's name in which whole segments may be `*`.
///
/// `*` in the middle stands for exactly one segment; at the end it stands for one or more, so
/// that `*` alone is every topic.
///
/// ```
/// use airssys_rt::{Topic, TopicPattern};
///
/// let pattern = TopicPattern::parse("events.*")?;
/// assert!(pattern.matches(&Topic::parse("events.user.created")?));
/// assert!(!pattern.matches(&Topic::parse("events")?));
///
/// let middle = TopicPattern::parse("events.*.created")?;
/// assert!(middle.matches(&Topic::parse("events.user.created")?));
/// assert!(!middle.matches(&Topic::parse("events.created")?));
/// # Ok::<(), airssys_rt::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPattern(Arc<str>);

/// Why a text is not a topic, or not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// There is no text.
    #[error("a topic cannot be empty")]
    Empty,
    /// The text is longer than [`MAX_TOPIC_BYTES`].
    #[error("a topic of {length} bytes is longer than the {MAX_TOPIC_BYTES} allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Two dots meet, or a dot begins or ends the text.
    #[error("segment {index} of `{text}` is empty")]
    EmptySegment {
        /// What was found.
        text: String,
        /// Which segment is empty; the first is 0.
        index: usize,
    },
    /// A topic has a `*`: only patterns do.
    #[error("`{text}` has a `*` at byte {position}, which only a pattern may have")]
    WildcardInTopic {
        /// What was found.
        text: String,
        /// Where the `*` is, in bytes.
        position: usize,
    },
    /// A segment of a pattern has a `*` and something else.
    #[error("segment `{segment}` of `{text}` mixes `*` with other characters")]
    PartialWildcard {
        /// What was found.
        text: String,
        /// The segment.
        segment: String,
    },
    /// A character that segments cannot have.
    #[error("`{text}` has {character:?} at byte {position}: only a-z, A-Z, 0-9, `_` and `-` are allowed")]
    Character {
        /// What was found.
        text: String,
        /// The character.
        character: char,
        /// Where it is, in bytes.
        position: usize,
    },
}

impl Topic {
    /// Checks a name and makes a topic of it.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        check(text)?;
        match text.find('*') {
            Some(position) => Err(InvalidTopic::WildcardInTopic { text: text.to_owned(), position }),
            None => Ok(Self(text.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, in order: at least one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('.')
    }
}

impl TopicPattern {
    /// Checks a text and makes a pattern of it.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        check(text)?;
        match text.split('.').find(|segment| segment.contains('*') && *segment != WILDCARD) {
            Some(segment) => {
                Err(InvalidTopic::PartialWildcard { text: text.to_owned(), segment: segment.to_owned() })
            }
            None => Ok(Self(text.into())),
        }
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the topic is one of those that the pattern stands for.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut found = topic.segments();
        let (fixed, open) = self.parts();
        fixed.into_iter().flatten().all(|segment| found.next().is_some_and(|name| stands_for(segment, name)))
            && found.next().is_some() == open
    }

    /// Whether every topic that `other` matches is matched by this pattern too.
    ///
    /// ```
    /// use airssys_rt::TopicPattern;
    ///
    /// let wide = TopicPattern::parse("events.*")?;
    /// assert!(wide.covers(&TopicPattern::parse("events.*.created")?));
    /// assert!(!wide.covers(&TopicPattern::parse("*")?));
    /// # Ok::<(), airssys_rt::InvalidTopic>(())
    /// ```
    pub fn covers(&self, other: &Self) -> bool {
        let (fixed, open) = self.parts();
        let (other_fixed, other_open) = other.parts();
        let mut found = other_fixed.into_iter().flatten();
        // `stands_for` is right between patterns too: a `*` of `other` is only covered by a `*`.
        if !fixed
            .into_iter()
            .flatten()
            .all(|segment| found.next().is_some_and(|name| stands_for(segment, name)))
        {
            return false;
        }
        match (open, other_open) {
            // Both go on for one segment or more: what is left of `other` only makes it narrower.
            (true, true) => true,
            (true, false) => found.next().is_some(),
            (false, false) => found.next().is_none(),
            // What ends in a name cannot cover what ends in any segment.
            (false, true) => false,
        }
    }

    /// The segments, in order: at least one; a wildcard is `*`.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('.')
    }

    /// The segments that stand for exactly one each, and whether one or more follow them.
    fn parts(&self) -> (Option<std::str::Split<'_, char>>, bool) {
        if &*self.0 == WILDCARD {
            return (None, true);
        }
        match self.0.strip_suffix(".*") {
            Some(fixed) => (Some(fixed.split('.')), true),
            None => (Some(self.0.split('.')), false),
        }
    }
}

fn stands_for(segment: &str, name: &str) -> bool {
    segment == WILDCARD || segment == name
}

/// What topics and patterns have in common; a `*` passes anywhere.
fn check(text: &str) -> Result<(), InvalidTopic> {
    if text.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    if text.len() > MAX_TOPIC_BYTES {
        return Err(InvalidTopic::TooLong { length: text.len() });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
    if let Some((position, character)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
        return Err(InvalidTopic::Character { text: text.to_owned(), character, position });
    }
    match text.split('.').position(str::is_empty) {
        Some(index) => Err(InvalidTopic::EmptySegment { text: text.to_owned(), index }),
        None => Ok(()),
    }
}

macro_rules! text_like {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = InvalidTopic;

            fn from_str(text: &str) -> Result<Self, InvalidTopic> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }
    };
}

text_like!(Topic);
text_like!(TopicPattern);
