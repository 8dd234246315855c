//! Reads an earthquake from the bytes of a GeoJSON feature.

use std::fmt;

use quake_types::Quake;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The most of a value that a reason shows, in characters.
const SHOWN: usize = 40;

/// The reason why a feature is not an earthquake.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FeatureError {
    #[error("the line is empty")]
    Empty,
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 { at: usize },
    #[error("not JSON: {problem} at {place}")]
    NotJson { problem: String, place: Place },
    #[error("not a feature: {problem}")]
    NotFeature { problem: String },
    #[error("{what} is not text: {problem}")]
    NotText { what: &'static str, problem: String },
    #[error("{what} is missing")]
    Missing { what: &'static str },
    #[error("{what} is {found}")]
    Kind { what: &'static str, found: String },
    #[error("type is {found} instead of \"Feature\"")]
    Type { found: String },
    #[error("{what} is not finite: {found}")]
    NotFinite { what: &'static str, found: String },
    #[error("{what} is not an integer: {found}")]
    NotInteger { what: &'static str, found: String },
    #[error("{what} {found} is outside -{limit} to {limit}")]
    Range { what: &'static str, found: f64, limit: f64 },
    #[error("coordinates has {found} values instead of 3")]
    Coordinates { found: usize },
}

/// A place in JSON, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "column {}", self.column)
    }
}

/// A member that may be missing, of any kind. Its text shows the kind.
type Member<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Feature<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "present")]
    kind: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    properties: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    geometry: Member<'a>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    mag: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    place: Member<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    time: Member<'a>,
}

#[derive(Deserialize)]
struct Geometry<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    coordinates: Member<'a>,
}

/// Reads a member that is present, `null` included.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Member<'a>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads the earthquake that these bytes describe.
pub(crate) fn read(bytes: &[u8]) -> Result<Quake, FeatureError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| FeatureError::NotUtf8 { at: error.valid_up_to() })?;
    match text.trim_ascii_start().bytes().next() {
        Some(b'{') => {}
        None => return Err(FeatureError::Empty),
        Some(_) => {
            let value: &RawValue = parse(text)?;
            return Err(FeatureError::Kind { what: "the feature", found: describe(value) });
        }
    }
    let feature: Feature<'_> = parse(text)?;
    let kind = string("type", feature.kind)?;
    if kind != "Feature" {
        return Err(FeatureError::Type { found: shortened(&format!("{kind:?}")) });
    }
    let id = string("id", feature.id)?;
    let Properties { mag, place, time } = parse(object("properties", feature.properties)?)?;
    let magnitude = number("magnitude", mag)?;
    let place = match place {
        Some(place) if place.get() == "null" => String::new(),
        place => string("place", place)?,
    };
    let time_ms = integer("time", time)?;
    let Geometry { coordinates } = parse(object("geometry", feature.geometry)?)?;
    let [longitude, latitude, depth_km] = point(coordinates)?;
    Ok(Quake { id, magnitude, place, time_ms, longitude, latitude, depth_km })
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FeatureError> {
    serde_json::from_str(text).map_err(|error| {
        let problem = problem(&error);
        if error.is_data() {
            FeatureError::NotFeature { problem }
        } else {
            FeatureError::NotJson { problem, place: Place { line: error.line(), column: error.column() } }
        }
    })
}

/// The error's text without the place.
fn problem(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    whole.strip_suffix(&place).unwrap_or(&whole).to_owned()
}

fn some<'a>(what: &'static str, member: Member<'a>) -> Result<&'a RawValue, FeatureError> {
    member.ok_or(FeatureError::Missing { what })
}

fn wrong_kind(what: &'static str, value: &RawValue) -> FeatureError {
    FeatureError::Kind { what, found: describe(value) }
}

fn object<'a>(what: &'static str, member: Member<'a>) -> Result<&'a str, FeatureError> {
    let value = some(what, member)?;
    if value.get().starts_with('{') { Ok(value.get()) } else { Err(wrong_kind(what, value)) }
}

fn string(what: &'static str, member: Member<'_>) -> Result<String, FeatureError> {
    let value = some(what, member)?;
    if !value.get().starts_with('"') {
        return Err(wrong_kind(what, value));
    }
    serde_json::from_str(value.get())
        .map_err(|error| FeatureError::NotText { what, problem: problem(&error) })
}

fn digits<'a>(what: &'static str, member: Member<'a>) -> Result<&'a str, FeatureError> {
    let value = some(what, member)?;
    let is_number = value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if is_number { Ok(value.get()) } else { Err(wrong_kind(what, value)) }
}

fn number(what: &'static str, member: Member<'_>) -> Result<f64, FeatureError> {
    let digits = digits(what, member)?;
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(FeatureError::NotFinite { what, found: shortened(digits) }),
    }
}

fn integer(what: &'static str, member: Member<'_>) -> Result<i64, FeatureError> {
    let digits = digits(what, member)?;
    digits.parse().map_err(|_| FeatureError::NotInteger { what, found: shortened(digits) })
}

/// Longitude and latitude in degrees, depth in kilometres.
fn point(coordinates: Member<'_>) -> Result<[f64; 3], FeatureError> {
    let value = some("coordinates", coordinates)?;
    if !value.get().starts_with('[') {
        return Err(wrong_kind("coordinates", value));
    }
    let values: Vec<&RawValue> = parse(value.get())?;
    let [longitude, latitude, depth] = values[..] else {
        return Err(FeatureError::Coordinates { found: values.len() });
    };
    Ok([
        within("longitude", longitude, 180.0)?,
        within("latitude", latitude, 90.0)?,
        number("depth", Some(depth))?,
    ])
}

fn within(what: &'static str, value: &RawValue, limit: f64) -> Result<f64, FeatureError> {
    let found = number(what, Some(value))?;
    if found.abs() <= limit { Ok(found) } else { Err(FeatureError::Range { what, found, limit }) }
}

/// The kind of a value, and the value itself if it is a simple one.
fn describe(value: &RawValue) -> String {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => format!("a string: {}", shortened(text)),
        Some(b'n') => "null".to_owned(),
        Some(b't' | b'f') => format!("a boolean: {text}"),
        _ => format!("a number: {}", shortened(text)),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
