//! Loading of components, and reasons for refusing them.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use airssys_wasm::app::{self, StartOptions};
use airssys_wasm::manifest::AppManifest;
use airssys_wasm::{
    Compiler, Component, ComponentSpec, Engine, EngineConfig, EngineError, LoadError, SpawnError, builder,
};

use crate::raw_guest::{WELL_BEHAVED, raw_bytes_with};
use crate::support::*;

fn load(bytes: &[u8]) -> LoadError {
    Component::new(engine(), bytes).unwrap_err()
}

/// Loads a component that is written as text, which is translated first.
fn load_text(component: impl AsRef<str>) -> LoadError {
    load(&wat::parse_str(component).unwrap())
}

fn text(error: &LoadError) -> String {
    error.to_string()
}

#[test]
fn files_that_are_not_components_are_refused_with_their_kind() {
    assert!(text(&load(b"")).contains("does not begin"));
    assert!(text(&load(b"#!/bin/sh\n")).contains("does not begin"));
    assert!(text(&load(b"(component)")).contains("does not begin"), "text");
    assert!(text(&load(b"\0asm\x01\0\0\0")).contains("core module"));
    let file = builder::build(&folder("test-probe"), |_| {}).unwrap();
    let whole = std::fs::read(&file).unwrap();
    for end in [9, 100, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(load(&whole[..end]), LoadError::Invalid { .. }), "{end} bytes");
    }
    let absent = Component::load(engine(), &folder("no-such").join("x.wasm")).unwrap_err();
    assert!(matches!(absent, LoadError::Read { .. }));
}

/// Returns a sound component with further core modules, each instantiated so many times.
fn composed(module: &str, times: usize) -> Vec<u8> {
    let instance = "(core instance (instantiate $more))\n".repeat(times);
    raw_bytes_with(WELL_BEHAVED, &format!("(core module $more {module})\n{instance}"))
}

#[tokio::test]
async fn composed_component_with_many_instances_memories_and_tables_runs() {
    let several = "(memory 1) (memory 1) (table 5 funcref) (table 5 funcref)";
    let code = Component::new(engine(), &composed(several, 40)).unwrap();
    let host = host();
    host.spawn(ComponentSpec::new("composed", code)).await.unwrap();
    host.send("composed", message(&note("x"))).await.unwrap();
    host.drained().await;
    let snapshot = host.component_snapshot("composed").unwrap();
    assert_eq!(snapshot.handled, 1);
    assert_eq!(snapshot.memory_bytes(), 81 * 65_536, "the limit on memory counts all memories");
}

#[test]
fn component_beyond_a_limit_of_the_host_is_refused_with_the_limit() {
    let part =
        format!("(component $part (core module $one) {})", "(core instance (instantiate $one)) ".repeat(600));
    let nested = format!("{part} (instance (instantiate $part)) (instance (instantiate $part))");
    let error = load(&raw_bytes_with(WELL_BEHAVED, &nested));
    let LoadError::TooLarge(source) = &error else { panic!("{error:?}") };
    assert!(format!("{source:#}").contains("1201 core module instances"), "{source:#}");
    let cases = [
        ("", 1_000, "instances count exceeds limit of 1000"),
        ("(memory 1)", 100, "101 Wasm linear memories"),
        ("(table 1 funcref) (table 1 funcref)", 500, "1001 tables"),
        (&"(memory 1)".repeat(101), 0, "memories count exceeds limit of 100"),
        (&"(table 1 funcref)".repeat(101), 0, "tables count exceeds limit of 100"),
        ("(memory 16385)", 0, "memory has a minimum byte size of 1073807360"),
        ("(table 1000001 funcref)", 0, "minimum element size of 1000001"),
    ];
    for (module, times, limit) in cases {
        let error = load(&composed(module, times));
        let LoadError::TooLarge(source) = &error else { panic!("{error:?}") };
        assert!(format!("{source:#}").contains(limit), "{source:#}");
        assert!(text(&error).starts_with("exceeds a limit of this host: 1000 core instances"), "{error}");
    }
}

#[tokio::test]
async fn full_pool_names_its_limit_when_an_instance_starts() {
    let engine = Engine::new(EngineConfig { max_instances: 1, ..in_process() }).unwrap();
    let code = Component::new(&engine, &composed("", 0)).unwrap();
    let host = host();
    host.spawn(ComponentSpec::new("first", code.clone())).await.unwrap();
    let SpawnError::Start(refused) = host.spawn(ComponentSpec::new("second", code)).await.unwrap_err() else {
        panic!("another error");
    };
    let reason = format!("{refused:?}");
    assert!(reason.contains("maximum concurrent limit of 1 for component instances"), "{reason}");
}

#[test]
fn loading_a_component_with_flipped_bytes_never_panics() {
    let file = builder::build(&folder("test-waiter"), |_| {}).unwrap();
    let whole = std::fs::read(&file).unwrap();
    // The beginning holds types, imports and sections, which the loader reads before any code.
    for place in (8..2_000.min(whole.len())).step_by(37) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        drop(Component::new(engine(), &damaged));
    }
}

#[test]
fn missing_exports_are_named() {
    let nothing = load_text("(component)");
    let LoadError::MissingExports(missing) = &nothing else { panic!("{nothing:?}") };
    assert_eq!(missing.len(), 5);
    assert!(text(&nothing).contains("airssys:component/handler@0.2.0#handle-message"), "{nothing}");
}

#[test]
fn a_component_of_another_contract_is_refused_with_both_versions() {
    let imports =
        r#"(import "airssys:component/clock@0.1.0" (instance (export "now-ms" (func (result u64)))))"#;
    let exports = r#"(instance $handler) (export "airssys:component/handler@0.1.0" (instance $handler))"#;
    for part in [imports, exports] {
        let error = load_text(format!("(component {part})"));
        assert!(
            matches!(&error, LoadError::OtherContract { found } if found == "airssys:component@0.1.0"),
            "{error:?}"
        );
        assert_eq!(
            text(&error),
            "was built against `airssys:component@0.1.0`, and this host provides `airssys:component@0.2.0`; \
             rebuild it with the SDK of this airssys version"
        );
    }
}

#[test]
fn unknown_imports_are_named() {
    let foreign = r#"(component
        (import "acme:bank/vault@1.0.0" (instance (export "open" (func))))
        (import "wasi:http/types@0.2.0" (instance (export "f" (func)))))"#;
    let error = load_text(foreign);
    let LoadError::UnknownImports(unknown) = &error else { panic!("{error:?}") };
    assert_eq!(unknown, &["acme:bank/vault@1.0.0#open", "wasi:http/types@0.2.0#f"]);
}

#[test]
fn import_of_another_type_is_refused() {
    let other = r#"(component
        (import "airssys:component/clock@0.2.0" (instance (export "now-ms" (func (result string))))))"#;
    let error = load_text(other);
    assert!(matches!(error, LoadError::ImportMismatch(_) | LoadError::MissingExports(_)), "{error:?}");
}

#[test]
fn export_of_another_type_is_refused() {
    let function = |interface: &str, functions: &[&str]| {
        let exports: String = functions.iter().map(|name| format!("(export \"{name}\" (func $f))")).collect();
        format!(
            "(instance ${interface} {exports}) (export \"airssys:component/{interface}@0.2.0\" (instance ${interface}))"
        )
    };
    let (lifecycle, handler) = (
        function("lifecycle", &["initialize", "health", "shutdown"]),
        function("handler", &["handle-message", "handle-callback"]),
    );
    let other = format!(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
         (func $f (canon lift (core func $i \"f\"))) {lifecycle} {handler})"
    );
    let error = load_text(other);
    assert!(matches!(error, LoadError::ExportMismatch { .. }), "{error:?}");
}

/// The tests have no `main` that could call `compile_worker`.
#[tokio::test]
async fn program_that_cannot_compile_in_children_chooses_to_compile_in_its_process() {
    let error = Engine::new(EngineConfig { cache_dir: None, ..EngineConfig::default() }).unwrap_err();
    assert!(matches!(error, EngineError::NoCompiler));
    let remedy = "does not call `airssys_wasm::compile_worker`, so it cannot start itself to compile components; \
                  call it first in `main`, or set `compiler` to `Compiler::in_process()`";
    assert!(error.to_string().contains(remedy), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.toml");
    fs::write(&file, "[app]\nname = \"a\"\n[[component]]\nsource = \"a.wasm\"\nmanifest = \"a.toml\"\n")
        .unwrap();
    fs::write(folder.path().join("a.toml"), "[component]\nname = \"a\"\nversion = \"0.1.0\"\n").unwrap();
    fs::write(folder.path().join("a.wasm"), raw_bytes_with(WELL_BEHAVED, "")).unwrap();
    let manifest = AppManifest::load(&file).unwrap();
    let error = app::start(&manifest, StartOptions::default(), |_| {}).await.err().unwrap();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    assert!(cause.to_string().contains(remedy), "{error:?}");
}

#[test]
fn output_of_the_compiler_that_does_not_load_is_said_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compiler");
    fs::write(&program, "#!/bin/sh\nexec /bin/cat\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let compiler = Compiler::program(&program);
    let engine = Engine::new(EngineConfig { compiler, cache_dir: None, ..EngineConfig::default() }).unwrap();
    let error = Component::new(&engine, &raw_bytes_with(WELL_BEHAVED, "")).unwrap_err();
    assert!(matches!(error, LoadError::Code(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.starts_with("was compiled, but the output cannot be loaded"), "{said}");
    assert!(error.source().is_some_and(|reason| !reason.to_string().is_empty()), "{error:?}");
}

#[test]
fn a_component_is_compiled_once() {
    let folder_ = tempfile::tempdir().unwrap();
    let file = builder::build(&folder("test-waiter"), |_| {}).unwrap();
    let use_of_cache = || {
        let cache_dir = Some(folder_.path().to_owned());
        let engine = Engine::new(EngineConfig { cache_dir, max_instances: 10, ..in_process() }).unwrap();
        Component::load(&engine, &file).unwrap();
        let cache = engine.cache_use();
        (cache.hits > 0, cache.misses > 0)
    };
    assert_eq!(use_of_cache(), (false, true));
    assert_eq!(use_of_cache(), (true, false));
}
