//! Cuts the input into events, in bounded memory.

use std::fmt;
use std::io::{self, ErrorKind, Read};

use memchr::memchr;

use crate::collection::{Collection, CollectionError, Found};

/// The largest event, in bytes.
pub(crate) const MAX_EVENT_LEN: usize = 8 * 1024 * 1024;

/// The most that is read at a time, in bytes. The form of the input is decided within it.
const WINDOW_LEN: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The reason why reading the input stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InputError {
    #[error("the input cannot be read at byte {offset}")]
    Read { offset: u64, source: io::Error },
    #[error("the FeatureCollection is broken at byte {offset}")]
    Collection { offset: u64, source: CollectionError },
}

/// An event of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// The event, exactly as read.
    Event(&'a [u8]),
    /// The size in bytes of an event that is larger than [`MAX_EVENT_LEN`].
    TooLong(u64),
}

/// The number of an event in the input, from 1: `line 7`, `feature 7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    unit: &'static str,
    number: u64,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// The events of an input, in order.
pub(crate) struct Events<R> {
    input: R,
    window: Vec<u8>,
    /// The bytes of the window from here to `end` are not consumed.
    start: usize,
    end: usize,
    /// The offset of the window's end in the input, in bytes.
    read: u64,
    ended: bool,
    form: Option<Form>,
    event: Event,
    /// The number of events so far.
    number: u64,
}

enum Form {
    Lines,
    Collection(Collection),
}

/// The event that is being read.
#[derive(Default)]
struct Event {
    bytes: Vec<u8>,
    /// Its length, also if it is too long to be kept.
    length: u64,
}

impl Event {
    fn clear(&mut self) {
        self.bytes.clear();
        self.length = 0;
    }

    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        // One byte more is kept, because the carriage return of a line end is removed later.
        if self.length <= MAX_EVENT_LEN as u64 + 1 {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn item(&self) -> Item<'_> {
        if self.length > MAX_EVENT_LEN as u64 { Item::TooLong(self.length) } else { Item::Event(&self.bytes) }
    }
}

impl<R: Read> Events<R> {
    pub(crate) fn new(input: R) -> Events<R> {
        Events {
            input,
            window: vec![0; WINDOW_LEN],
            start: 0,
            end: 0,
            read: 0,
            ended: false,
            form: None,
            event: Event::default(),
            number: 0,
        }
    }

    /// Returns the next event and its number, or `None` at the end of the input.
    pub(crate) fn next(&mut self) -> Result<Option<(Number, Item<'_>)>, InputError> {
        self.event.clear();
        let mut form = match self.form.take() {
            Some(form) => form,
            None => self.decide()?,
        };
        let (unit, found) = match &mut form {
            Form::Lines => ("line", self.next_line()),
            Form::Collection(collection) => ("feature", self.next_feature(collection)),
        };
        self.form = Some(form);
        if !found? {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((Number { unit, number: self.number }, self.event.item())))
    }

    fn decide(&mut self) -> Result<Form, InputError> {
        loop {
            let all = self.ended || self.end == self.window.len();
            match is_collection(&self.window[..self.end]) {
                Some(true) => {
                    if self.window.starts_with(BYTE_ORDER_MARK) {
                        self.start = BYTE_ORDER_MARK.len();
                    }
                    return Ok(Form::Collection(Collection::default()));
                }
                Some(false) => return Ok(Form::Lines),
                None if all => return Ok(Form::Lines),
                None => self.fill()?,
            }
        }
    }

    fn next_line(&mut self) -> Result<bool, InputError> {
        let mut some = false;
        loop {
            let rest = &self.window[self.start..self.end];
            if let Some(length) = memchr(b'\n', rest) {
                self.event.push(&rest[..length]);
                self.start += length + 1;
                self.take_off_carriage_return();
                return Ok(true);
            }
            some |= !rest.is_empty();
            self.event.push(rest);
            self.start = self.end;
            if self.ended {
                return Ok(some);
            }
            self.fill()?;
        }
    }

    fn take_off_carriage_return(&mut self) {
        if self.event.bytes.last() == Some(&b'\r') && self.event.bytes.len() as u64 == self.event.length {
            self.event.bytes.pop();
            self.event.length -= 1;
        }
    }

    fn next_feature(&mut self, collection: &mut Collection) -> Result<bool, InputError> {
        loop {
            while self.start < self.end {
                let rest = &self.window[self.start..self.end];
                let offset = self.read - rest.len() as u64;
                let (consumed, found) = collection
                    .scan(rest)
                    .map_err(|(at, source)| InputError::Collection { offset: offset + at as u64, source })?;
                let bytes = &rest[..consumed];
                self.start += consumed;
                match found {
                    Found::Nothing => {}
                    Found::Part => self.event.push(bytes),
                    Found::End => {
                        self.event.push(bytes);
                        return Ok(true);
                    }
                }
            }
            if self.ended {
                let cut_off = |source| InputError::Collection { offset: self.read, source };
                return collection.finish().map(|()| false).map_err(cut_off);
            }
            self.fill()?;
        }
    }

    /// Reads more after the bytes that are not consumed, or from the window's beginning if all are.
    fn fill(&mut self) -> Result<(), InputError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let length = loop {
            match self.input.read(&mut self.window[self.end..]) {
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(InputError::Read { offset: self.read, source }),
            }
        };
        self.ended = length == 0;
        self.end += length;
        self.read += length as u64;
        Ok(())
    }
}

/// Returns true if an input with this beginning is a FeatureCollection: its first value is an object
/// with the type `FeatureCollection`, or with a list of `features`. Returns `None` if more of the input
/// is needed.
fn is_collection(beginning: &[u8]) -> Option<bool> {
    let mut rest = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning).trim_ascii_start();
    match rest.first() {
        Some(b'{') => {}
        None => return None,
        Some(_) if BYTE_ORDER_MARK.starts_with(beginning) => return None,
        Some(_) => return Some(false),
    }
    let mut depth = 0_u32;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(false);
                }
            }
            b'"' => {
                let (key, after) = match string(rest) {
                    Text::Whole(text, after) => (text, after),
                    Text::Broken => return Some(false),
                    Text::CutOff => return None,
                };
                rest = after;
                let value = after.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
                match (depth, key, value) {
                    (1, b"features", Some([b'[', ..])) => return Some(true),
                    (1, b"type", Some([b'"', value @ ..])) => {
                        return match string(value) {
                            Text::Whole(text, _) => Some(text == b"FeatureCollection"),
                            Text::Broken => Some(false),
                            Text::CutOff => None,
                        };
                    }
                    _ if value.is_some_and(<[u8]>::is_empty) => return None,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    None
}

enum Text<'a> {
    /// A string's text with its escapes, and the rest after it.
    Whole(&'a [u8], &'a [u8]),
    CutOff,
    /// A line end within a string. This is not JSON, so each line stands alone.
    Broken,
}

fn string(rest: &[u8]) -> Text<'_> {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'\n' => return Text::Broken,
            b'"' if !escaped => return Text::Whole(&rest[..at], &rest[at + 1..]),
            _ => escaped = *byte == b'\\' && !escaped,
        }
    }
    Text::CutOff
}

#[cfg(test)]
mod tests;
