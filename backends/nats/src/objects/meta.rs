//! The descriptions of objects, in the format of NATS.

use std::collections::HashMap;

use async_nats::jetstream::message::StreamMessage;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde::{Deserialize, Serialize};

use crate::errors::Failure;

/// The bytes of each part of an object, except the last one.
pub(super) const PART_BYTES: usize = 128 << 10;

/// The entry of the metadata with the places of parts.
const INDEX: &str = "airssys-parts";

/// The most places in an index.
const MAX_PLACES: usize = 256;

/// The description of an object. Other programs may have written it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) bucket: String,
    pub(super) nuid: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default)]
    pub(super) chunks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Options>,
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Options {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_chunk_size: Option<u64>,
    /// Another object or container, which other programs may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<serde_json::Value>,
}

impl Meta {
    pub(super) fn deleted(name: &str, bucket: &str) -> Meta {
        Meta { name: name.to_owned(), bucket: bucket.to_owned(), deleted: true, ..Meta::default() }
    }

    /// Returns true if it is neither deleted nor a link.
    pub(super) fn is_object(&self) -> bool {
        !self.deleted && self.options.as_ref().is_none_or(|options| options.link.is_none())
    }

    /// Returns the sequence from which the part with a byte is found, and the bytes that are passed over
    /// from there. An object of another program is read from its beginning.
    pub(super) fn place(&self, byte: u64) -> (u64, u64) {
        let indexed = || {
            let part_bytes = self.options.as_ref()?.max_chunk_size.filter(|bytes| *bytes > 0)?;
            let (sequence, part) = Index::parse(self.metadata.get(INDEX)?)?.before(byte / part_bytes)?;
            Some((sequence, byte.checked_sub(part.checked_mul(part_bytes)?)?))
        };
        indexed().unwrap_or((0, byte))
    }

    pub(super) fn set_index(&mut self, index: &Index) {
        self.metadata.insert(INDEX.to_owned(), index.text());
    }
}

/// A description with its place in the stream.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) meta: Meta,
    pub(super) sequence: u64,
    /// The time at which it was written, in seconds since 1970.
    pub(super) created: u64,
}

impl Found {
    pub(super) fn parse(message: &StreamMessage) -> Result<Found, Failure> {
        let meta = serde_json::from_slice(&message.payload).map_err(|_| Failure::Refused(0))?;
        let created = u64::try_from(message.time.unix_timestamp()).unwrap_or_default();
        Ok(Found { meta, sequence: message.sequence, created })
    }
}

/// The sequences of some parts: of every part in a small object, of every second one in a larger, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// The parts from one place to the next.
    stride: u64,
    places: Vec<u64>,
}

impl Default for Index {
    fn default() -> Index {
        Index { stride: 1, places: Vec::new() }
    }
}

impl Index {
    /// Adds the sequence of the part with this number. Parts come in their order.
    pub(super) fn add(&mut self, part: u64, sequence: u64) {
        if !part.is_multiple_of(self.stride) {
            return;
        }
        if self.places.len() == MAX_PLACES {
            let mut at = 0;
            self.places.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
        if part.is_multiple_of(self.stride) {
            self.places.push(sequence);
        }
    }

    /// Returns the sequence of the first part.
    pub(super) fn first(&self) -> Option<u64> {
        self.places.first().copied()
    }

    /// Returns the last place that is not behind a part: its sequence, and the number of its part.
    fn before(&self, part: u64) -> Option<(u64, u64)> {
        let last = u64::try_from(self.places.len().checked_sub(1)?).ok()?;
        let at = (part / self.stride).min(last);
        Some((*self.places.get(usize::try_from(at).ok()?)?, at * self.stride))
    }

    fn text(&self) -> String {
        let mut before = 0;
        let steps = self.places.iter().map(|place| {
            let step = place - before;
            before = *place;
            step.to_string()
        });
        format!("{}:{}", self.stride, steps.collect::<Vec<_>>().join(","))
    }

    fn parse(text: &str) -> Option<Index> {
        let (stride, steps) = text.split_once(':')?;
        let stride: u64 = stride.parse().ok().filter(|stride| *stride > 0)?;
        let mut before = 0_u64;
        let places = steps.split(',').filter(|step| !step.is_empty()).map(|step| {
            before = before.checked_add(step.parse().ok()?)?;
            Some(before)
        });
        let places: Vec<_> = places.take(MAX_PLACES + 1).collect::<Option<_>>()?;
        (places.len() <= MAX_PLACES).then_some(Index { stride, places })
    }
}

/// Returns the token of a name in a subject.
pub(super) fn encode(name: &str) -> String {
    URL_SAFE.encode(name)
}

/// Returns the name of a token, or `None` if no name has it.
pub(super) fn decode(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE.decode(token).ok()?).ok()
}

/// Returns a digest in the form of descriptions.
pub(super) fn digest(sha256: &[u8]) -> String {
    format!("SHA-256={}", URL_SAFE.encode(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_of_any_object_is_small_and_leads_to_each_part() {
        for parts in [1_u64, 2, 255, 256, 257, 511, 512, 513, 100_000] {
            let mut index = Index::default();
            // Parts of other objects lie between.
            let sequence = |part: u64| 7 + part * 3;
            for part in 0..parts {
                index.add(part, sequence(part));
            }
            assert!(index.places.len() <= MAX_PLACES && index.text().len() < 4_096, "{parts}");
            assert_eq!(Index::parse(&index.text()).as_ref(), Some(&index), "{parts}");
            for part in (0..parts).step_by(1 + parts as usize / 500) {
                let (found, number) = index.before(part).unwrap();
                assert_eq!(found, sequence(number), "{part} of {parts}");
                // At most one place of every stride is passed over.
                assert!(number <= part && part - number < index.stride, "{part} of {parts}");
            }
        }
    }

    #[test]
    fn index_that_another_program_has_written_is_not_believed() {
        for text in ["", ":", "0:1", "1", "x:1", "1:x", "1:18446744073709551615,1"] {
            assert_eq!(Index::parse(text), None, "{text}");
        }
        assert_eq!(Index::parse(&format!("1:{}", "1,".repeat(1_000_000))), None);
        let options = Some(Options { max_chunk_size: Some(u64::MAX), link: None });
        let metadata = HashMap::from([(INDEX.to_owned(), "9223372036854775807:5".to_owned())]);
        let meta = Meta { options, metadata, ..Meta::default() };
        assert_eq!(meta.place(u64::MAX), (5, u64::MAX));
        assert_eq!(Meta::default().place(9), (0, 9));
    }
}
