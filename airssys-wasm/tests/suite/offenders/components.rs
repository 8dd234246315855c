//! Damaged components, and files of another kind.

use std::time::Duration;

use airssys_rt::RestartPolicy;
use airssys_wasm::{Bound, Component, ComponentSpec, Limits, LoadError};

use super::*;
use crate::raw_guest::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_components_are_refused_or_stay_within_their_limits() {
    let (host, _silent) = scene().await;
    let whole = raw_bytes(WELL_BEHAVED, "");
    let mut loaded = 0_u64;
    for place in (8..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        let Ok(component) = Component::new(engine(), &damaged) else { continue };
        loaded += 1;
        let spec = ComponentSpec {
            limits: Limits { execution_time: Duration::from_millis(20), ..Limits::default() },
            restart: RestartPolicy::Temporary,
            ..ComponentSpec::new("raw", component)
        };
        if host.spawn(spec).await.is_ok() {
            host.tell("raw", *note("x")).await;
            host.drained().await;
            let raw = snapshot(&host, "raw");
            assert_eq!(raw.received, raw.handled + raw.dead_lettered);
            assert!(host.retire("raw").await);
        }
    }
    neighbour_answers(&host).await;
    assert!(loaded > 20, "{loaded} were loaded");
}

#[tokio::test]
async fn failed_load_does_not_affect_other_components() {
    let (host, _silent) = scene().await;
    let whole = raw_bytes(WELL_BEHAVED, "");
    let module = wat::parse_str("(module)").unwrap();
    let foreign = r#"(component (import "acme:bank/vault@1.0.0" (instance (export "open" (func)))))"#;
    let foreign = wat::parse_str(foreign).unwrap();
    let exports = wat::parse_str("(component)").unwrap();
    let load = |bytes: &[u8]| Component::new(engine(), bytes).unwrap_err();
    assert!(matches!(load(&whole[..whole.len() / 2]), LoadError::Invalid { .. }));
    assert!(load(b"garbage").to_string().contains("does not begin"));
    assert!(load(&module).to_string().contains("core module"));
    assert!(matches!(load(&exports), LoadError::MissingExports(_)));
    assert!(matches!(load(&foreign), LoadError::UnknownImports(_)));
    neighbour_answers(&host).await;
}

/// A component that is small, and asks for much work of its compiler: each bound stops another one.
#[test]
fn bombs_are_refused_before_they_are_compiled() {
    let instance = "(core module $m) (core instance (instantiate $m))".to_owned();
    let doubling = (0..30).fold(instance, |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    });
    let table = "(core module (table 1000000 funcref) (func $f) (elem (i32.const 999999) func $f))";
    let memory = "(core module (memory 257) (data (i32.const 0) \"a\") (data (i32.const 0x1000000) \"a\"))";
    let locals =
        format!("(core module (func (local {}) {}))", "i64 ".repeat(40_000), "(block)".repeat(4_000));
    for (bomb, expected) in [
        (doubling, Bound::CoreInstances),
        ("(component ".repeat(40) + &")".repeat(40), Bound::Nesting),
        (table.repeat(100), Bound::TableElements),
        (memory.repeat(100), Bound::DataBytes),
        (locals, Bound::BlockValues),
    ] {
        let bomb = wat::parse_str(format!("(component {bomb})")).unwrap();
        let error = Component::new(engine(), &bomb).unwrap_err();
        let LoadError::BoundExceeded(found) = &error else { panic!("{expected:?}: {error:?}") };
        assert_eq!(found.bound, expected);
        assert!(error.to_string().contains("and this host compiles at most"), "{error}");
    }
}

#[test]
fn component_that_leads_to_a_device_or_has_no_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wasm");
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    let said = |file: &std::path::Path| match Component::load(engine(), file).unwrap_err() {
        LoadError::Read { source, .. } => source.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(&file), "it is a device, not a regular file");
    let sparse = folder.path().join("sparse.wasm");
    std::fs::File::create(&sparse).unwrap().set_len(3 << 30).unwrap();
    assert!(said(&sparse).starts_with("it has more than 134217728 bytes"));
}
