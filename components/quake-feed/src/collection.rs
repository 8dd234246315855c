//! Finds the features of a FeatureCollection byte by byte. It knows only the strings of JSON and the
//! nesting of values, because the receiver checks each feature.

use memchr::memchr2;

/// The deepest nesting of values.
const MAX_DEPTH: usize = 1024;

/// The reason why a collection is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CollectionError {
    #[error("expected {expected}, found {}", found.escape_ascii())]
    Unexpected { expected: &'static str, found: u8 },
    #[error("it ends where {expected} is expected")]
    CutOff { expected: &'static str },
    #[error("values are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("it has no `features`")]
    NoFeatures,
}

/// The meaning of the consumed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Bytes outside of features.
    Nothing,
    /// A part of a feature.
    Part,
    /// The last part of a feature, which may be empty.
    End,
}

/// A reader of a collection, at its next byte.
#[derive(Default)]
pub(crate) struct Collection {
    place: Place,
    /// The name of the member that is being read.
    key: Key,
    has_features: bool,
    value: Value,
}

#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    Start,
    /// After the `{`, or after a comma.
    Member {
        first: bool,
    },
    Key {
        escaped: bool,
    },
    Colon,
    MemberValue,
    InMemberValue,
    AfterMember,
    Features,
    /// After the `[` of the features, or after a comma.
    Feature {
        first: bool,
    },
    InFeature,
    AfterFeature,
    End,
}

impl Place {
    fn expects(self) -> &'static str {
        match self {
            Place::Start => "{",
            Place::Member { first: true } => "a name or }",
            Place::Member { first: false } => "a name",
            Place::Key { .. } => "the end of a name",
            Place::Colon => ":",
            Place::MemberValue => "a value",
            Place::InMemberValue => "the end of a value",
            Place::AfterMember => ", or }",
            Place::Features => "the [ of the features",
            Place::Feature { first: true } => "a feature or ]",
            Place::Feature { first: false } => "a feature",
            Place::InFeature => "the end of a feature",
            Place::AfterFeature => ", or ]",
            Place::End => "nothing more",
        }
    }
}

impl Collection {
    /// Consumes some of these bytes. If it does not consume any, the next call does.
    ///
    /// # Errors
    /// The index of the wrong byte, with the reason.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Result<(usize, Found), (usize, CollectionError)> {
        match self.place {
            Place::InFeature => {
                let (consumed, ended) = self.value.scan(bytes)?;
                if ended {
                    self.place = Place::AfterFeature;
                }
                Ok((consumed, if ended { Found::End } else { Found::Part }))
            }
            Place::InMemberValue => {
                let (consumed, ended) = self.value.scan(bytes)?;
                if ended {
                    self.place = Place::AfterMember;
                }
                Ok((consumed, Found::Nothing))
            }
            _ => {
                let Some(byte) = bytes.first() else { return Ok((0, Found::Nothing)) };
                let consumed = self.step(*byte).map_err(|error| (0, error))?;
                Ok((consumed, Found::Nothing))
            }
        }
    }

    /// Checks that the collection may end here.
    pub(crate) fn finish(&self) -> Result<(), CollectionError> {
        match self.place {
            Place::End if self.has_features => Ok(()),
            Place::End => Err(CollectionError::NoFeatures),
            place => Err(CollectionError::CutOff { expected: place.expects() }),
        }
    }

    /// Consumes one byte between values, or nothing at the beginning of a value.
    fn step(&mut self, byte: u8) -> Result<usize, CollectionError> {
        if let Place::Key { escaped } = self.place {
            self.place = match byte {
                b'"' if !escaped => Place::Colon,
                _ => {
                    self.key.push(byte);
                    Place::Key { escaped: byte == b'\\' && !escaped }
                }
            };
            return Ok(1);
        }
        if byte.is_ascii_whitespace() {
            return Ok(1);
        }
        self.place = match (self.place, byte) {
            (Place::Start, b'{') => Place::Member { first: true },
            (Place::Member { .. }, b'"') => {
                self.key = Key::default();
                Place::Key { escaped: false }
            }
            (Place::Colon, b':') if self.key.is_features() => Place::Features,
            (Place::Colon, b':') => Place::MemberValue,
            (Place::MemberValue, byte) if begins_value(byte) => {
                self.place = Place::InMemberValue;
                return Ok(0);
            }
            (Place::AfterMember, b',') => Place::Member { first: false },
            (Place::Member { first: true } | Place::AfterMember, b'}') => Place::End,
            (Place::Features, b'[') => {
                self.has_features = true;
                Place::Feature { first: true }
            }
            (Place::Feature { .. }, byte) if begins_value(byte) => {
                self.place = Place::InFeature;
                return Ok(0);
            }
            (Place::AfterFeature, b',') => Place::Feature { first: false },
            (Place::Feature { first: true } | Place::AfterFeature, b']') => Place::AfterMember,
            (place, found) => return Err(CollectionError::Unexpected { expected: place.expects(), found }),
        };
        Ok(1)
    }
}

/// A member's name, compared with `features` while it is read.
#[derive(Default)]
struct Key {
    length: usize,
    differs: bool,
}

impl Key {
    const FEATURES: &'static [u8] = b"features";

    fn push(&mut self, byte: u8) {
        self.differs |= Key::FEATURES.get(self.length) != Some(&byte);
        self.length = self.length.saturating_add(1);
    }

    fn is_features(&self) -> bool {
        !self.differs && self.length == Key::FEATURES.len()
    }
}

fn begins_value(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'"') || is_scalar(byte)
}

/// Returns true if a number, `true`, `false` or `null` can have this byte.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// A value that is being read.
#[derive(Default)]
struct Value {
    /// The closing brackets of the open values, the innermost last.
    closers: Vec<u8>,
    within: Within,
}

#[derive(Default)]
enum Within {
    #[default]
    Structure,
    Text,
    /// After a backslash.
    Escape,
    Scalar,
}

impl Value {
    /// Returns the number of bytes that belong to the value, and true if it ends with them.
    fn scan(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, CollectionError)> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let ended = match self.within {
                Within::Structure => self.structure(*byte).map_err(|error| (at, error))?,
                Within::Escape => {
                    self.within = Within::Text;
                    false
                }
                Within::Text => {
                    let Some(length) = memchr2(b'"', b'\\', &bytes[at..]) else { break };
                    at += length;
                    let quote = bytes[at] == b'"';
                    self.within = if quote { Within::Structure } else { Within::Escape };
                    quote && self.closers.is_empty()
                }
                Within::Scalar if is_scalar(*byte) => false,
                Within::Scalar => {
                    self.within = Within::Structure;
                    return Ok((at, true));
                }
            };
            at += 1;
            if ended {
                return Ok((at, true));
            }
        }
        Ok((bytes.len(), false))
    }

    fn structure(&mut self, byte: u8) -> Result<bool, CollectionError> {
        match byte {
            b'"' => self.within = Within::Text,
            b'{' | b'[' if self.closers.len() == MAX_DEPTH => return Err(CollectionError::TooDeep),
            b'{' => self.closers.push(b'}'),
            b'[' => self.closers.push(b']'),
            b'}' | b']' => {
                if self.closers.pop() != Some(byte) {
                    let expected = if byte == b'}' { "]" } else { "}" };
                    return Err(CollectionError::Unexpected { expected, found: byte });
                }
                return Ok(self.closers.is_empty());
            }
            _ if self.closers.is_empty() => self.within = Within::Scalar,
            _ => {}
        }
        Ok(false)
    }
}
