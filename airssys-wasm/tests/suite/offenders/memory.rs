//! Components that want more memory of the host than their limits allow.

use airssys_wasm::{Capabilities, ComponentSpec};

use super::*;
use crate::raw_guest::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_larger_than_the_memory_is_refused() {
    let (host, _silent) = scene().await;
    let raw = ComponentSpec { limits: limits(), ..ComponentSpec::new("raw", sends_its_memory_twice()) };
    let everything = Capabilities::everything();
    host.spawn(ComponentSpec { capabilities: everything, ..raw }).await.unwrap();
    host.tell("raw", *note("x")).await;
    neighbour_answers(&host).await;
    host.drained().await;
    assert!(last_reason(&host).starts_with("failed: "), "{:?}", host.reasons());
    assert_eq!((host.dead_letters().total(), snapshot(&host, "raw").restarts()), (1, 1));
    assert_eq!(snapshot(&host, "sink").received, 0);
}
