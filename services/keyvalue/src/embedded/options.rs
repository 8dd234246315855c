//! The options of embedded backends and their labels.

use airssys_wasm::manifest::{ConfigTable, Diagnostics, LabelTable};

/// The most keys of a label, unless its entry says otherwise.
const MAX_KEYS: u64 = 1_000_000;

/// The largest bound on keys.
const MOST_KEYS: u64 = 1_000_000_000;

/// The least and the most bytes of a bound.
const LEAST_BYTES: u64 = 4 << 10;
const MOST_BYTES: u64 = 1 << 40;

/// The most that a label may store, and all labels of its backend together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    pub(super) label_keys: u64,
    pub(super) label_bytes: u64,
    pub(super) total_bytes: u64,
}

impl Quota {
    /// Returns the bounds with those of a component.
    pub(super) fn limited(self, keys: u64, bytes: u64) -> Quota {
        let (label_keys, label_bytes) = (self.label_keys.min(keys), self.label_bytes.min(bytes));
        Quota { label_keys, label_bytes, ..self }
    }
}

/// Reads `max_bytes` of a backend.
pub(super) fn total_bytes(table: &ConfigTable<'_>, default: u64) -> u64 {
    table.bytes("max_bytes", LEAST_BYTES..=MOST_BYTES, default).unwrap_or(default)
}

/// The bounds of a label.
#[derive(Clone, Copy, Debug)]
pub(super) struct LabelOptions {
    pub(super) max_keys: u64,
    /// `None` for that of the backend.
    pub(super) max_bytes: Option<u64>,
}

/// Reads the options of a label.
pub(super) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    label.read(|table| LabelOptions {
        max_keys: table.count("max_keys", 1..=MOST_KEYS, MAX_KEYS).unwrap_or(MAX_KEYS),
        max_bytes: table.bytes("max_bytes", LEAST_BYTES..=MOST_BYTES, 64 << 20),
    })
}

impl LabelOptions {
    /// Returns the bounds on a backend with this bound.
    pub(super) fn quota(&self, total_bytes: u64) -> Quota {
        let label_bytes = self.max_bytes.unwrap_or(total_bytes);
        Quota { label_keys: self.max_keys, label_bytes, total_bytes }
    }
}
