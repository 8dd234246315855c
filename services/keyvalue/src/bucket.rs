//! An open label, as a guest holds it.

use airssys_wasm::OpenLabel;

use crate::store::Store;

/// A label that an instance has opened.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Bucket {
    pub(crate) label: OpenLabel<dyn Store>,
}

/// A handle of one key, with the version that it has read last. It keeps no value, because a guest can
/// hold thousands of handles.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Cas {
    pub(crate) label: OpenLabel<dyn Store>,
    pub(crate) key: String,
    /// `None` if the key was absent.
    pub(crate) version: Option<String>,
}
