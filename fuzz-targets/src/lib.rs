//! What the fuzz targets do with their input: one function for each.
//!
//! Each panics if something does not hold that has to hold for every input. `fuzz/fuzz_targets`
//! hands them to libFuzzer; `tests/corpus.rs` runs them over `fuzz/corpus` and over inputs that
//! are made from it.

mod capabilities;
mod manifests;
mod messages;
mod patterns;

/// What does something with an input.
pub type Target = fn(&[u8]);

/// Every target, with the name of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 7] = [
    ("app_manifest", app_manifest),
    ("capabilities", capabilities),
    ("codec_prefix", codec_prefix),
    ("component_manifest", component_manifest),
    ("name_patterns", name_patterns),
    ("sdk_values", sdk_values),
    ("topic_patterns", topic_patterns),
];

pub use capabilities::capabilities;
pub use manifests::{app_manifest, component_manifest};
pub use messages::{codec_prefix, sdk_values};
pub use patterns::{name_patterns, topic_patterns};

/// The lines of an input that is text.
fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut lines = std::str::from_utf8(data).ok()?.split('\n');
    let mut found = [""; N];
    for line in &mut found {
        *line = lines.next()?;
    }
    Some(found)
}
