//! Components written by hand, which do what no compiler makes of a sound program.

use std::path::Path;

use airssys_wasm::{Component, LoadError};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::support::*;

const RUNNER: &str = include_str!("raw_runs.wat");
const TEMPLATE: &str = include_str!("raw_guest.wat");

/// What lets a component's code call `resolve`, as function 0 of the table `$hosts`, `send-many`, as
/// function 1, and `send-run`, as function 2. It stands at the end, where no other type has its number after it.
const HOSTS: &str = r#"
  (import "airssys:component/messaging@0.1.0" (instance $messaging
    (type (record (field "size" u64) (field "limit" u64)))
    (export "size-limit" (type $size-limit (eq 0)))
    (type (variant (case "access-denied") (case "unknown-target") (case "unknown-handle") (case "target-stopped") (case "mailbox-full") (case "message-too-large" $size-limit) (case "codec-refused" string) (case "quota-exceeded" string) (case "invalid-name" string) (case "other" string)))
    (export "send-error" (type $send-error (eq 2)))
    (type $resolved (result u32 (error $send-error)))
    (export "resolve" (func (param "name" string) (result $resolved)))
    (type $bodies (list (list u8)))
    (type $stopped (option $send-error))
    (type $sent (record (field "sent" u32) (field "stopped" $stopped)))
    (export "progress" (type $progress (eq $sent)))
    (export "send-many" (func (param "to" u32) (param "bodies" $bodies) (result $progress)))
    (type $lengths (list u32))
    (type $bytes (list u8))
    (export "send-run" (func (param "to" u32) (param "lengths" $lengths) (param "bodies" $bytes) (result $progress)))
  ))
  (core func $resolve (canon lower (func $messaging "resolve") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (core func $send-many (canon lower (func $messaging "send-many") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (core func $send-run (canon lower (func $messaging "send-run") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (core module $fill
    (import "" "hosts" (table 3 funcref))
    (import "" "resolve" (func $resolve (param i32 i32 i32)))
    (import "" "send-many" (func $send-many (param i32 i32 i32 i32)))
    (import "" "send-run" (func $send-run (param i32 i32 i32 i32 i32 i32)))
    (elem (i32.const 0) func $resolve $send-many $send-run))
  (alias core export $main "hosts" (core table $hosts))
  (core instance (instantiate $fill (with "" (instance
    (export "hosts" (table $hosts)) (export "resolve" (func $resolve)) (export "send-many" (func $send-many))
    (export "send-run" (func $send-run))))))
)"#;

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

/// A component that sends to `sink`, again and again, a list of so many times the same so many bytes,
/// which are in its memory once.
pub(crate) fn sends_one_body(times: u32, bytes: u32) -> Component {
    let handler = format!(
        "(local $at i32)
         (i32.store (i32.const 100) (i32.const 0x6b6e6973)) ;; sink
         (i32.store8 (i32.const 300) (i32.const 0x51)) ;; a body in CBOR
         (drop (memory.grow (i32.const 119)))
         (local.set $at (i32.const 65536))
         (loop $next
           (i32.store (local.get $at) (i32.const 300))
           (i32.store offset=4 (local.get $at) (i32.const {bytes}))
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))
         (call_indirect $hosts (param i32 i32 i32)
           (i32.const 100) (i32.const 4) (i32.const 200) (i32.const 0))
         (loop $again
           (call_indirect $hosts (param i32 i32 i32 i32)
             (i32.load (i32.const 208)) (i32.const 65536) (i32.const {times}) (i32.const 400) (i32.const 1))
           (br $again))
         (unreachable)",
        end = 65_536 + 8 * times,
    );
    calls_hosts(&handler)
}

/// How a list of messages is handed to the host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handover {
    Many,
    Run,
}

/// A component that passes each message on to `probe`, cut into a list of messages of these lengths. If
/// the host stops and says why in words, it rejects the message with them.
pub(crate) fn cuts(handover: Handover, lengths: &[u32]) -> Component {
    const LIST: u32 = 4096;
    let mut list = String::new();
    let mut begin = 0_u32;
    for (place, length) in (LIST..).step_by(8).zip(lengths) {
        list += &match handover {
            Handover::Many => format!(
                "(i32.store (i32.const {place}) (i32.add (local.get 1) (i32.const {begin})))
                 (i32.store offset=4 (i32.const {place}) (i32.const {length}))"
            ),
            Handover::Run => {
                let place = LIST + (place - LIST) / 2;
                format!("(i32.store (i32.const {place}) (i32.const {length}))")
            }
        };
        begin = begin.wrapping_add(*length);
    }
    let count = lengths.len();
    let hand_over = match handover {
        Handover::Many => format!(
            "(call_indirect $hosts (param i32 i32 i32 i32)
               (i32.load (i32.const 208)) (i32.const {LIST}) (i32.const {count}) (i32.const 400) (i32.const 1))"
        ),
        Handover::Run => format!(
            "(call_indirect $hosts (param i32 i32 i32 i32 i32 i32)
               (i32.load (i32.const 208)) (i32.const {LIST}) (i32.const {count})
               (local.get 1) (local.get 2) (i32.const 400) (i32.const 2))"
        ),
    };
    calls_hosts(&format!(
        "{list}
         (i32.store (i32.const 100) (i32.const 0x626f7270)) ;; prob
         (i32.store8 (i32.const 104) (i32.const 0x65)) ;; e
         (call_indirect $hosts (param i32 i32 i32)
           (i32.const 100) (i32.const 5) (i32.const 200) (i32.const 0))
         {hand_over}
         (if (i32.load8_u (i32.const 408)) (then
           (i32.store8 (i32.const 20) (i32.const 2)) ;; rejected
           (i32.store (i32.const 24) (i32.load (i32.const 424)))
           (i32.store (i32.const 28) (i32.load (i32.const 428)))))
         (i32.const 16)"
    ))
}

/// A component whose handler is this code, which has the table `$hosts`.
fn calls_hosts(handler: &str) -> Component {
    let code = TEMPLATE
        .replace("HANDLER)", &format!("{handler})"))
        .replace("START)", ")")
        .replace("(table $table 1 funcref)", "(table $hosts (export \"hosts\") 3 funcref)");
    let code = code.trim_end().strip_suffix(')').expect("the component ends").to_owned() + HOSTS;
    let bytes = wat::parse_str(code).expect("the code is WebAssembly text");
    Component::new(engine(), &bytes).expect("the component fits the host")
}
