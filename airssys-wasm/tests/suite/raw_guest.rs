//! Components written by hand, which do what no compiler makes of a sound program.

use airssys_wasm::Component;

use crate::support::*;

const TEMPLATE: &str = include_str!("raw_guest.wat");

/// A component that answers `done`.
pub(crate) const WELL_BEHAVED: &str = "(i32.const 16)";

/// The bytes of a component whose handler is this code, and which runs `start` when it is made.
pub(crate) fn raw_bytes(handler: &str, start: &str) -> Vec<u8> {
    let code = TEMPLATE.replace("HANDLER)", &format!("{handler})")).replace("START)", &format!("{start})"));
    wat::parse_str(code).expect("the code is WebAssembly text")
}

/// A component whose handler is this code.
pub(crate) fn raw_component(handler: &str) -> Component {
    Component::new(engine(), &raw_bytes(handler, "")).expect("the component fits the host")
}
