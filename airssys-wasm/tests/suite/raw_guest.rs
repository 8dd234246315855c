//! Components written by hand, which do what no compiler makes of a sound program.

use std::path::Path;

use airssys_wasm::{Component, LoadError};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::support::*;

const RUNNER: &str = include_str!("raw_runs.wat");
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

/// A component that gets messages in runs: what it does when it is made, and on each run.
pub(crate) fn raw_runner(initialize: &str, run: &str) -> Result<Component, LoadError> {
    let code = RUNNER.replace("INITIALIZE", initialize).replace("RUN\n", &format!("{run}\n"));
    let mut module = wat::parse_str(code).expect("the code is WebAssembly text");
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_path(contract).expect("the contract");
    let world = resolve.select_world(&[package], Some("component-in-runs")).expect("its world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module of its own");
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("it fits the world");
    Component::new(engine(), &encoder.encode().expect("a component"))
}
