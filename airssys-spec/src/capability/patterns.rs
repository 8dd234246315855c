//! Lists of patterns of any kind.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use airssys_core::{InvalidTopic, Pattern, TopicPattern};
use thiserror::Error;

use crate::origin::{InvalidOrigin, OriginPattern};
use crate::pattern::{InvalidName, NamePattern};
use crate::use_pattern::{InvalidUse, UsePattern};

/// Reasons for which a text is not a pattern, or not an object, of a right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// The text is not a name of a component or instance, or not a pattern of names.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The text is not a topic, or not a pattern of topics.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
    /// The text is not a use of a service.
    #[error(transparent)]
    Use(#[from] InvalidUse),
    /// The text is not the origin of a server, or not a pattern of origins.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
}

/// A list of patterns of one kind: the operations on a row of rights that do not depend on the kind.
///
/// Patterns are passed as text, and parsed as patterns of the list's kind.
pub trait PatternList: Debug {
    /// Returns the patterns as text.
    fn texts(&self) -> Vec<String>;

    /// Returns the patterns that cover `pattern`.
    ///
    /// # Errors
    /// [`InvalidPattern`] if `pattern` does not parse.
    fn covering(&self, pattern: &str) -> Result<Vec<String>, InvalidPattern>;

    /// Returns the patterns that overlap `pattern`.
    ///
    /// # Errors
    /// [`InvalidPattern`] if `pattern` does not parse.
    fn overlapping(&self, pattern: &str) -> Result<Vec<String>, InvalidPattern>;

    /// Adds a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] if `pattern` does not parse.
    fn add(&mut self, pattern: &str) -> Result<(), InvalidPattern>;

    /// Removes the patterns that `pattern` covers, and returns them.
    ///
    /// # Errors
    /// [`InvalidPattern`] if `pattern` does not parse.
    fn remove_covered(&mut self, pattern: &str) -> Result<Vec<String>, InvalidPattern>;
}

/// A pattern that can stand in the list of a right.
trait RowPattern: Pattern + Display + Debug + FromStr<Err: Into<InvalidPattern>> {}

impl RowPattern for NamePattern {}
impl RowPattern for TopicPattern {}
impl RowPattern for UsePattern {}
impl RowPattern for OriginPattern {}

impl<P: RowPattern> PatternList for Vec<P> {
    fn texts(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }

    fn covering(&self, pattern: &str) -> Result<Vec<String>, InvalidPattern> {
        let pattern = parse::<P>(pattern)?;
        Ok(self.iter().filter(|own| own.covers(&pattern)).map(ToString::to_string).collect())
    }

    fn overlapping(&self, pattern: &str) -> Result<Vec<String>, InvalidPattern> {
        let pattern = parse::<P>(pattern)?;
        Ok(self.iter().filter(|own| own.overlaps(&pattern)).map(ToString::to_string).collect())
    }

    fn add(&mut self, pattern: &str) -> Result<(), InvalidPattern> {
        self.push(parse(pattern)?);
        Ok(())
    }

    fn remove_covered(&mut self, pattern: &str) -> Result<Vec<String>, InvalidPattern> {
        let pattern = parse::<P>(pattern)?;
        Ok(self.extract_if(.., |own| pattern.covers(own)).map(|own| own.to_string()).collect())
    }
}

fn parse<P: RowPattern>(text: &str) -> Result<P, InvalidPattern> {
    text.parse().map_err(Into::into)
}
