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
        &["values in the blocks and calls of a function, and this host compiles at most 5000000"],
    );
}

/// Each branch passes 1,000 values on.
#[test]
fn function_with_many_values_in_its_branches_is_refused() {
    let values = "i64 ".repeat(1_000);
    let branches = "(br_if 0 (i32.const 0))".repeat(90_000);
    is_refused(
        &format!(
            "(component (core module (type (func (result {values}))) (import \"\" \"s\" (func $s (type 0))) \
             (func (type 0) (block (type 0) (call $s) {branches}))))"
        ),
        &["values in the blocks and calls of a function, and this host compiles at most 5000000"],
    );
}

/// The file has 4 KB, and its compiler took more than 8 GiB.
#[test]
fn component_of_four_kilobytes_with_a_million_types_is_refused() {
    let types = (1..=12).fold(
        "(type $t0 (instance (export \"r\" (type (sub resource)))))".to_owned(),
        |types, level| {
            let before = level - 1;
            format!(
                "{types} (type $t{level} (instance (alias outer 1 $t{before} (type $t)) \
                 (export \"a\" (instance (type $t))) (export \"b\" (instance (type $t)))))"
            )
        },
    );
    let component = "(component $c (alias outer 1 $t12 (type $t)) (import \"i\" (instance $j (type $t))) \
                     (export \"o\" (instance $j)))";
    let instances = "(instance (instantiate $c (with \"i\" (instance $i))))".repeat(500);
    is_refused(
        &format!("(component {types} (import \"i\" (instance $i (type $t12))) {component} {instances})"),
        &["parts of types, all uses counted, and this host compiles at most 250000"],
    );
}

/// The file has 1 KB, and its memories have initial data that is 15 MiB apart.
#[test]
fn component_of_one_kilobyte_with_large_memories_is_refused() {
    let memories: String = (0..40)
        .map(|number| {
            format!(
                "(memory $m{number} 257) (data (memory $m{number}) (i32.const 0) \"a\") \
                 (data (memory $m{number}) (i32.const 0xf00000) \"a\")"
            )
        })
        .collect();
    is_refused(
        &format!("(component (core module {memories}))"),
        &["bytes of memory between initial data, and this host compiles at most 536870912"],
    );
}

/// Each of these functions is within the bounds. The values of their blocks need much memory at once.
#[test]
fn compiler_that_needs_too_much_is_ended_and_said() {
    let values = "i64 ".repeat(1_000);
    let blocks = "(block (type 1) (br_if 0 (local.get 0)) (call $other)) ".repeat(990);
    let function = format!("(func (param i32) (call $some) {blocks} (call $end)) ");
    let module = format!(
        "(type (func (result {values}))) (type (func (param {values}) (result {values}))) \
         (type (func (param {values}))) \
         (import \"\" \"some\" (func $some (type 0))) (import \"\" \"other\" (func $other (type 1))) \
         (import \"\" \"end\" (func $end (type 2))) {}",
        function.repeat(64)
    );
    is_refused(
        &format!("(component (core module {module}))"),
        &["compiling took more than 2048 MiB of memory"],
    );
}

/// Each name is as long as the format allows.
#[test]
fn error_about_a_component_with_long_names_is_short() {
    let name = "a".repeat(90_000);
    let imports: String = (0..200).map(|number| format!("(import \"{name}{number}\" (func))")).collect();
    let folder = Folder::new();
    let file = folder.write("a.wasm", wat::parse_str(format!("(component {imports})")).unwrap());
    let ended = airssys(["check", &file]).with_address_space(ADDRESS_SPACE).run().exits(3);
    let ended = ended.says(&["imports functions that this host does not provide: aaa", "…, and 184 more"]);
    assert!(ended.stderr.len() < 6_000, "{}", ended.stderr.len());
}
