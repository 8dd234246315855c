//! Damaged components, and files of another kind.

use std::time::Duration;

use airssys_rt::RestartPolicy;
use airssys_wasm::{Component, ComponentSpec, Limits, LoadError};

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
    let foreign = br#"(component (import "acme:bank/vault@1.0.0" (instance (export "open" (func)))))"#;
    let exports = b"(component)";
    let load = |bytes: &[u8]| Component::new(engine(), bytes).unwrap_err();
    assert!(matches!(load(&whole[..whole.len() / 2]), LoadError::Invalid { .. }));
    assert!(load(b"garbage").to_string().contains("does not begin"));
    assert!(load(&module).to_string().contains("core module"));
    assert!(matches!(load(exports), LoadError::MissingExports(_)));
    assert!(matches!(load(foreign), LoadError::UnknownImports(_)));
    neighbour_answers(&host).await;
}
