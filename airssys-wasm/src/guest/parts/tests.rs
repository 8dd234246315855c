use wasmtime::component::{Component, Instance, Linker};
use wasmtime::{Engine, Module, Store};

use super::*;

/// Instructions with more bytes than the least that a library has.
fn much_code() -> String {
    "(drop (i32.const 1))".repeat(32 << 10)
}

/// A component of a module with a memory, and a library that reads it. Returns what the memory has at 0.
fn component(library: &str) -> String {
    format!(
        r#"(component
          (core module $main
            (memory (export "memory") 1)
            (table (export "table") 4 funcref)
            (global (export "at") i32 (i32.const 0))
            (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (data (i32.const 0) "\15"))
          {library}
          (core instance $main (instantiate $main))
          (core instance $library (instantiate $library (with "env" (instance $main))))
          (func (export "answer") (result s32) (canon lift (core func $library "answer"))))"#
    )
}

fn library(more: &str, code: &str) -> String {
    format!(
        r#"(core module $library
          (import "env" "memory" (memory 1))
          (import "env" "table" (table 4 funcref))
          (import "env" "at" (global $at i32))
          (import "env" "twice" (func $twice (param i32) (result i32)))
          {more}
          (global $own (export "own") (mut i32) (i32.const 0))
          (func (export "answer") (result i32) {code}
            (call $twice (i32.load (global.get $at)))))"#
    )
}

fn divisible() -> Vec<u8> {
    wat::parse_str(component(&library("", &much_code()))).unwrap()
}

fn answer(engine: &Engine, linker: &Linker<()>, component: &Component) -> i32 {
    let mut store = Store::new(engine, ());
    let instance: Instance = linker.instantiate(&mut store, component).unwrap();
    let function = instance.get_typed_func::<(), (i32,)>(&mut store, "answer").unwrap();
    function.call(&mut store, ()).unwrap().0
}

#[test]
fn parts_behave_as_the_whole_does() {
    let wasm = divisible();
    let parts = divide(&wasm).unwrap();
    assert_eq!(parts.libraries.len(), 1);
    assert!(parts.frame.len() < 1 << 10, "the frame has {} bytes", parts.frame.len());
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let whole = Component::new(&engine, &wasm).unwrap();
    assert_eq!(answer(&engine, &linker, &whole), 42);
    for (name, library) in &parts.libraries {
        linker.root().module(name, &Module::new(&engine, library).unwrap()).unwrap();
    }
    assert_eq!(answer(&engine, &linker, &Component::new(&engine, &parts.frame).unwrap()), 42);
    let required = whole.resources_required().unwrap();
    assert_eq!(parts.room, Room { memories: required.num_memories, tables: required.num_tables });
}

#[test]
fn changed_data_leave_the_libraries_as_they_are() {
    let (wasm, changed) = (divisible(), component(&library("", &much_code())).replace("\\15", "\\16"));
    let changed = wat::parse_str(changed).unwrap();
    let (parts, others) = (divide(&wasm).unwrap(), divide(&changed).unwrap());
    assert_ne!(parts.frame, others.frame);
    assert_eq!(parts.libraries, others.libraries);
}

#[test]
fn component_without_a_large_library_is_not_divided() {
    let code = much_code();
    for (reason, library) in [
        ("little code", library("", "")),
        (
            "a memory of its own",
            library("(memory 1)", &code).replace(r#"(import "env" "memory" (memory 1))"#, ""),
        ),
        ("a table of its own", library("(table 1 funcref)", &code)),
        ("an import twice", library(r#"(import "env" "twice" (func (param i32) (result i32)))"#, &code)),
        ("a tag", library("(tag)", &code)),
        ("a core type", library("", &code) + "(core type (func))"),
        ("modules in a nested component", library("", &code) + "(component (core module))"),
        ("an imported module", library("", &code) + r#"(import "other" (core module))"#),
    ] {
        let wasm = wat::parse_str(component(&library)).unwrap();
        assert!(divide(&wasm).is_none(), "{reason}");
    }
}

/// The parts of a component that exceeds a limit of the pool could pass where the whole does not.
#[test]
fn component_beyond_the_limits_of_the_pool_is_not_divided() {
    let more = "(core module $more (memory 1))".to_owned()
        + &"(core instance (instantiate $more))".repeat(MAX_MEMORIES as usize);
    let wasm = wat::parse_str(component(&(library("", &much_code()) + &more))).unwrap();
    assert!(divide(&wasm).is_none());
}

/// The compiler bounds the data about each imported module alone, and not their sum.
#[test]
fn component_with_much_data_about_its_instances_is_not_divided() {
    let globals = |count: usize| {
        let more = "(global i32 (i32.const 0))".repeat(count);
        wat::parse_str(component(&library(&more, &much_code()))).unwrap()
    };
    let most = MAX_INSTANCE_BYTES / ITEM_BYTES as usize;
    assert!(divide(&globals(most - 100)).is_some());
    assert!(divide(&globals(most)).is_none());
    let of_others = |count: usize| {
        let others = format!("(core module $other {})", "(func)".repeat(1_000))
            + &"(core instance (instantiate $other))".repeat(count);
        wat::parse_str(component(&(library("", &much_code()) + &others))).unwrap()
    };
    assert!(divide(&of_others(most / 1_000 - 1)).is_some());
    assert!(divide(&of_others(most / 1_000 + 1)).is_none());
}

#[test]
fn component_that_instantiates_a_library_twice_is_not_divided() {
    let instance = r#"(core instance $library (instantiate $library (with "env" (instance $main))))"#;
    let once = component(&library("", &much_code()));
    let twice =
        once.replace(instance, &(instance.to_owned() + &instance.replace("instance $library", "instance")));
    assert!(divide(&wat::parse_str(&once).unwrap()).is_some());
    assert_ne!(once, twice);
    assert!(divide(&wat::parse_str(twice).unwrap()).is_none());
}

#[test]
fn component_with_more_than_sixteen_libraries_is_not_divided() {
    let with = |count: usize| {
        let more = format!("(core module (func {}))", much_code()).repeat(count - 1);
        wat::parse_str(component(&(library("", &much_code()) + &more))).unwrap()
    };
    assert_eq!(divide(&with(16)).unwrap().libraries.len(), 16);
    assert!(divide(&with(17)).is_none());
}

/// A function of this type has no place in the type of a module, and the memory comes after it.
#[test]
fn memories_of_a_module_that_is_not_known_are_counted() {
    let other = "(core module $other (type (struct)) (memory 1)) (core instance (instantiate $other))";
    let wasm = wat::parse_str(component(&(library("", &much_code()) + other))).unwrap();
    assert_eq!(divide(&wasm).unwrap().room, Room { memories: 2, tables: 1 });
}

#[test]
fn damaged_component_never_panics() {
    let wasm = divisible();
    // The bytes around the code, which is most of them and is not looked at.
    let places = (0..512).chain(wasm.len() - 512..wasm.len());
    for at in places {
        let _ = divide(&wasm[..at]);
        for bit in 0..8 {
            let mut flipped = wasm.clone();
            flipped[at] ^= 1 << bit;
            let _ = divide(&flipped);
        }
    }
}
