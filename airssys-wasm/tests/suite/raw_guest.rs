//! Components written by hand, for behaviour that no compiler makes of a sound program.

use std::path::Path;

use airssys_wasm::{Component, LoadError};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::support::*;

const BATCH_TEMPLATE: &str = include_str!("raw_batches.wat");
const TEMPLATE: &str = include_str!("raw_guest.wat");

/// Lets a component's code call `resolve` as function 0 of the table `$hosts`, and `send-batch` as
/// function 1. The text stands at the end, because the types before it are numbered.
const HOSTS: &str = r#"
  (import "airssys:component/messaging@0.2.0" (instance $messaging
    (type (record (field "size" u64) (field "limit" u64)))
    (export "size-limit" (type $size-limit (eq 0)))
    (type (variant (case "access-denied") (case "unknown-target") (case "unknown-handle") (case "target-stopped") (case "mailbox-full") (case "message-too-large" $size-limit) (case "codec-refused" string) (case "quota-exceeded" string) (case "invalid-name" string) (case "other" string)))
    (export "send-error" (type $send-error (eq 2)))
    (type $resolved (result u32 (error $send-error)))
    (export "resolve" (func (param "name" string) (result $resolved)))
    (type $stopped (option $send-error))
    (type $sent (record (field "sent" u32) (field "stopped" $stopped)))
    (export "batch-result" (type $batch-result (eq $sent)))
    (type $lengths (list u32))
    (type $bytes (list u8))
    (export "send-batch" (func (param "to" u32) (param "lengths" $lengths) (param "bodies" $bytes) (result $batch-result)))
  ))
  (core func $resolve (canon lower (func $messaging "resolve") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (core func $send-batch (canon lower (func $messaging "send-batch") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (core module $fill
    (import "" "hosts" (table 2 funcref))
    (import "" "resolve" (func $resolve (param i32 i32 i32)))
    (import "" "send-batch" (func $send-batch (param i32 i32 i32 i32 i32 i32)))
    (elem (i32.const 0) func $resolve $send-batch))
  (alias core export $main "hosts" (core table $hosts))
  (core instance (instantiate $fill (with "" (instance
    (export "hosts" (table $hosts)) (export "resolve" (func $resolve)) (export "send-batch" (func $send-batch))))))
)"#;

/// The handler of a component that answers `done`.
pub(crate) const WELL_BEHAVED: &str = "(i32.const 16)";

/// Returns the bytes of a component with this code as its handler, and further definitions in its module.
pub(crate) fn raw_bytes(handler: &str, definitions: &str) -> Vec<u8> {
    let code =
        TEMPLATE.replace("HANDLER)", &format!("{handler})")).replace("START)", &format!("{definitions})"));
    wat::parse_str(code).expect("the code is WebAssembly text")
}

/// Returns the bytes of a component with this code as its handler, and further parts of the component.
pub(crate) fn raw_bytes_with(handler: &str, parts: &str) -> Vec<u8> {
    let code = TEMPLATE.replace("HANDLER)", &format!("{handler})")).replace("START)", ")");
    let code = code.trim_end().strip_suffix(')').expect("the component ends").to_owned();
    wat::parse_str(code + parts + ")").expect("the code is WebAssembly text")
}

/// Makes a component with this code in its answer about its health.
pub(crate) fn raw_component_with_health(code: &str) -> Component {
    let health = "#health\") (result i32) ";
    assert!(TEMPLATE.contains(health));
    let text = TEMPLATE.replace(health, &format!("{health} {code} "));
    let text = text.replace("HANDLER)", &format!("{WELL_BEHAVED})")).replace("START)", ")");
    let bytes = wat::parse_str(text).expect("the code is WebAssembly text");
    Component::new(engine(), &bytes).expect("the component fits the host")
}

/// Makes a component with this code as its handler.
pub(crate) fn raw_component(handler: &str) -> Component {
    Component::new(engine(), &raw_bytes(handler, "")).expect("the component fits the host")
}

/// Makes a component that gets messages in batches, with this code for `initialize` and each batch.
pub(crate) fn raw_batch_component(initialize: &str, batch: &str) -> Result<Component, LoadError> {
    let code = BATCH_TEMPLATE.replace("INITIALIZE", initialize).replace("BATCH\n", &format!("{batch}\n"));
    let bytes = encoded(&code, "component-with-batches").expect("the module fits its world");
    Component::new(engine(), &bytes)
}

/// Returns the bytes of a component around a core module, which fits a world of the contract.
pub(crate) fn encoded(module: &str, world: &str) -> Result<Vec<u8>, String> {
    let mut module = wat::parse_str(module).map_err(|error| error.to_string())?;
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_path(contract).expect("the contract");
    let world = resolve.select_world(&[package], Some(world)).expect("its world");
    let shown = |error| format!("{error:#}");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(shown)?;
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).map_err(shown)?;
    encoder.encode().map_err(shown)
}

/// The address at which the memory begins that a component adds to its first page.
const ADDED: u32 = 65_536;

/// The number of pages that it adds.
const ADDED_PAGES: u32 = 119;

/// Makes a component that sends batches of `times` messages of one byte to `sink`, without end.
pub(crate) fn sends_small_messages(times: u32) -> Component {
    let lengths = ADDED + times.next_multiple_of(4);
    let prepare = format!(
        "(local $at i32)
         (drop (memory.grow (i32.const {ADDED_PAGES})))
         (memory.fill (i32.const {ADDED}) (i32.const 0x51) (i32.const {times})) ;; empty bodies in CBOR
         (local.set $at (i32.const {lengths}))
         (loop $next
           (i32.store (local.get $at) (i32.const 1))
           (local.set $at (i32.add (local.get $at) (i32.const 4)))
           (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))",
        end = lengths + 4 * times,
    );
    sends_to_sink(&prepare, (lengths, times), (ADDED, times))
}

/// Makes a component that sends batches to `sink`, without end. The lengths and the bodies of a batch
/// both are all the memory that it has added.
pub(crate) fn sends_its_memory_twice() -> Component {
    let bytes = ADDED_PAGES * 65_536;
    let prepare = format!("(drop (memory.grow (i32.const {ADDED_PAGES})))");
    sends_to_sink(&prepare, (ADDED, bytes / 4), (ADDED, bytes))
}

/// Makes a component that runs `prepare`, then sends a batch to `sink`, without end. Both lists are
/// given by their addresses and their numbers of elements.
fn sends_to_sink(prepare: &str, lengths: (u32, u32), bodies: (u32, u32)) -> Component {
    calls_hosts(&format!(
        "{prepare}
         (i32.store (i32.const 100) (i32.const 0x6b6e6973)) ;; sink
         (call_indirect $hosts (param i32 i32 i32)
           (i32.const 100) (i32.const 4) (i32.const 200) (i32.const 0))
         (loop $again
           (call_indirect $hosts (param i32 i32 i32 i32 i32 i32)
             (i32.load (i32.const 208))
             (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {})
             (i32.const 400) (i32.const 1))
           (br $again))
         (unreachable)",
        lengths.0, lengths.1, bodies.0, bodies.1,
    ))
}

/// Makes a component that passes each message on to `probe`, split into a batch of messages of these
/// lengths. If the host stops with a reason in words, the component rejects the message with it.
pub(crate) fn cuts(lengths: &[u32]) -> Component {
    const LIST: u32 = 4096;
    let list: String = (LIST..)
        .step_by(4)
        .zip(lengths)
        .map(|(place, length)| format!("(i32.store (i32.const {place}) (i32.const {length}))"))
        .collect();
    let count = lengths.len();
    calls_hosts(&format!(
        "{list}
         (i32.store (i32.const 100) (i32.const 0x626f7270)) ;; prob
         (i32.store8 (i32.const 104) (i32.const 0x65)) ;; e
         (call_indirect $hosts (param i32 i32 i32)
           (i32.const 100) (i32.const 5) (i32.const 200) (i32.const 0))
         (call_indirect $hosts (param i32 i32 i32 i32 i32 i32)
           (i32.load (i32.const 208)) (i32.const {LIST}) (i32.const {count})
           (local.get 1) (local.get 2) (i32.const 400) (i32.const 1))
         (if (i32.load8_u (i32.const 408)) (then
           (i32.store8 (i32.const 20) (i32.const 2)) ;; rejected
           (i32.store (i32.const 24) (i32.load (i32.const 424)))
           (i32.store (i32.const 28) (i32.load (i32.const 428)))))
         (i32.const 16)"
    ))
}

/// Makes a component with this code as its handler, which has the table `$hosts`.
fn calls_hosts(handler: &str) -> Component {
    calls(handler, HOSTS, 2)
}

/// Makes a component with this code as its handler. It has the table `$hosts` of so many functions,
/// which `parts` of the component fill.
pub(crate) fn calls(handler: &str, parts: &str, functions: u32) -> Component {
    let table = format!("(table $hosts (export \"hosts\") {functions} funcref)");
    let code = TEMPLATE
        .replace("HANDLER)", &format!("{handler})"))
        .replace("START)", ")")
        .replace("(table $table 1 funcref)", &table);
    let code = code.trim_end().strip_suffix(')').expect("the component ends").to_owned() + parts;
    let bytes = wat::parse_str(code).expect("the code is WebAssembly text");
    Component::new(engine(), &bytes).expect("the component fits the host")
}
