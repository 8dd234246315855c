//! Topics of publications, and patterns of topics.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::pattern::{Pattern, Segments, WILDCARD};

/// The most bytes a topic or a pattern may have.
pub const MAX_TOPIC_BYTES: usize = 255;

/// The name of a topic: one or more segments separated by dots, such as `events.user.created`.
///
/// A segment is one or more of `a-z A-Z 0-9 _ -`. The whole is at most [`MAX_TOPIC_BYTES`] bytes.
/// Cloning shares the text.
///
/// ```
/// use airssys_core::Topic;
///
/// let topic = Topic::parse("events.user.created")?;
/// assert_eq!(topic.segments().count(), 3);
/// assert!(Topic::parse("events..created").is_err());
/// # Ok::<(), airssys_core::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// A set of topics: the name of a topic in which whole segments may be `*`.
///
/// `*` in the middle stands for exactly one segment. A trailing `*` stands for one or more, so `*`
/// alone contains every topic.
///
/// ```
/// use airssys_core::{Topic, TopicPattern};
///
/// let pattern = TopicPattern::parse("events.*")?;
/// assert!(pattern.matches(&Topic::parse("events.user.created")?));
/// assert!(!pattern.matches(&Topic::parse("events")?));
///
/// let middle = TopicPattern::parse("events.*.created")?;
/// assert!(middle.matches(&Topic::parse("events.user.created")?));
/// assert!(!middle.matches(&Topic::parse("events.created")?));
/// # Ok::<(), airssys_core::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPattern(Arc<str>);

/// Why a text is not a topic, or not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// The text is empty.
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
        /// The text.
        text: String,
        /// The index of the empty segment; the first is 0.
        index: usize,
    },
    /// A topic has a `*`, which only patterns may have.
    #[error("`{text}` has a `*` at byte {position}, which only a pattern may have")]
    WildcardInTopic {
        /// The text.
        text: String,
        /// The offset of the `*`, in bytes.
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
    /// The text has a character that segments cannot have.
    #[error("`{text}` has {character:?} at byte {position}: only a-z, A-Z, 0-9, `_` and `-` are allowed")]
    Character {
        /// The text.
        text: String,
        /// The character.
        character: char,
        /// The offset of the character, in bytes.
        position: usize,
    },
}

impl Topic {
    /// Parses a topic.
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
    /// Parses a pattern.
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

    /// Returns true if the pattern contains the topic.
    pub fn matches(&self, topic: &Topic) -> bool {
        self.parts().matches(topic.segments())
    }

    /// Returns true if the pattern contains every topic that `other` contains.
    ///
    /// ```
    /// use airssys_core::TopicPattern;
    ///
    /// let wide = TopicPattern::parse("events.*")?;
    /// assert!(wide.covers(&TopicPattern::parse("events.*.created")?));
    /// assert!(!wide.covers(&TopicPattern::parse("*")?));
    /// # Ok::<(), airssys_core::InvalidTopic>(())
    /// ```
    pub fn covers(&self, other: &Self) -> bool {
        self.parts().covers(&other.parts())
    }

    /// Returns true if both patterns contain some topic. [`MAX_TOPIC_BYTES`] is not considered.
    ///
    /// ```
    /// use airssys_core::TopicPattern;
    ///
    /// let created = TopicPattern::parse("*.created")?;
    /// assert!(created.overlaps(&TopicPattern::parse("user.*")?));
    /// assert!(!created.overlaps(&TopicPattern::parse("user.*.created")?));
    /// # Ok::<(), airssys_core::InvalidTopic>(())
    /// ```
    pub fn overlaps(&self, other: &Self) -> bool {
        self.parts().overlaps(&other.parts())
    }

    /// The segments, in order: at least one; a wildcard is `*`.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('.')
    }

    /// A trailing wildcard stands for one or more segments: for one, and then any number.
    fn parts(&self) -> Segments<'_> {
        let open = self.segments().next_back() == Some(WILDCARD);
        Segments::new(&self.0, '.', open)
    }
}

impl Pattern for TopicPattern {
    type Subject = Topic;

    fn matches(&self, topic: &Topic) -> bool {
        self.matches(topic)
    }

    fn covers(&self, other: &Self) -> bool {
        self.covers(other)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.overlaps(other)
    }
}

/// Checks the rules that topics and patterns share; a `*` passes anywhere.
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
