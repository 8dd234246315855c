//! The fuzz targets, one function for each.
//!
//! A target panics if its property does not hold for the input. `fuzz/fuzz_targets` passes the
//! targets to libFuzzer. `tests/corpus.rs` runs them over `fuzz/corpus` and over random inputs
//! derived from it.

mod capabilities;
mod components;
mod control;
mod manifests;
mod messages;
mod origins;
mod patterns;
mod texts;

/// A function that checks a property of an input.
pub type Target = fn(&[u8]);

/// Every target, with the name of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 13] = [
    ("app_manifest", app_manifest),
    ("capabilities", capabilities),
    ("codec_prefix", codec_prefix),
    ("component", component),
    ("component_manifest", component_manifest),
    ("control_lines", control_lines),
    ("name_patterns", name_patterns),
    ("origins", origins),
    ("runtime_file", runtime_file),
    ("sdk_values", sdk_values),
    ("shown_texts", shown_texts),
    ("topic_patterns", topic_patterns),
    ("traceparent", traceparent),
];

pub use capabilities::capabilities;
pub use components::component;
pub use control::control_lines;
pub use manifests::{app_manifest, component_manifest, runtime_file};
pub use messages::{codec_prefix, sdk_values};
pub use origins::origins;
pub use patterns::{name_patterns, topic_patterns};
pub use texts::{shown_texts, traceparent};

/// Returns the lines of a text input.
fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut lines = std::str::from_utf8(data).ok()?.split('\n');
    let mut found = [""; N];
    for line in &mut found {
        *line = lines.next()?;
    }
    Some(found)
}
