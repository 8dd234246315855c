//! Small components that ask their compiler for much memory or time.
//!
//! Each run has little address space, so that a failure cannot exhaust the machine.

use crate::support::*;

/// The address space of each run, in KiB: 3 GiB.
const ADDRESS_SPACE: u64 = 3 << 20;

/// Checks and runs a component. Both end with exit status 3, and say these texts.
fn is_refused(text: &str, said: &[&str]) {
    let folder = Folder::new();
    let file = folder.write("a.wasm", wat::parse_str(text).unwrap());
    folder.write("Component.toml", "[component]\nname = \"a\"\nversion = \"0.1.0\"\n");
    let app = folder.write(
        "app.toml",
        "[app]\nname = \"a\"\n[[component]]\nsource = \"a.wasm\"\nmanifest = \"Component.toml\"\n",
    );
    for args in [&["check", &file][..], &["check", &app], &["run", "--no-control", &app]] {
        let ended = airssys(args).with_address_space(ADDRESS_SPACE).run();
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        ended.exits(3).says(said);
    }
}

#[test]
fn component_of_two_kilobytes_with_a_billion_instances_is_refused() {
    let inner = "(core module $m) (core instance (instantiate $m))".to_owned();
    let bomb = (0..30).fold(inner, |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    });
    is_refused(
        &format!("(component {bomb})"),
        &["has 10001 core instances, all instantiations counted, and this host compiles at most 10000"],
    );
}

/// Each block passes 1,000 values on.
#[test]
fn function_with_many_values_in_its_blocks_is_refused() {
    let values = "i64 ".repeat(1_000);
    let blocks = "(block (type 0) unreachable) unreachable ".repeat(5_001);
    is_refused(
        &format!("(component (core module (type (func (result {values}))) (func {blocks})))"),
        &["values in the blocks of a function, and this host compiles at most 5000000"],
    );
}

/// Each of these functions is within the bounds. The values of their blocks need much memory at once.
#[test]
fn compiler_that_needs_too_much_is_ended_and_said() {
    let values = "i64 ".repeat(1_000);
    let blocks = "(block (type 1) (br_if 0 (local.get 0)) (call $other)) ".repeat(2_400);
    let function = format!("(func (param i32) (call $some) {blocks} (call $end)) ");
    let module = format!(
        "(type (func (result {values}))) (type (func (param {values}) (result {values}))) \
         (type (func (param {values}))) \
         (import \"\" \"some\" (func $some (type 0))) (import \"\" \"other\" (func $other (type 1))) \
         (import \"\" \"end\" (func $end (type 2))) {}",
        function.repeat(8)
    );
    is_refused(
        &format!("(component (core module {module}))"),
        &["compiling took more than 2048 MiB of memory"],
    );
}
