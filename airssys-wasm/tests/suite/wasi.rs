//! The view of a component on its surroundings: input, files, arguments, output.

use airssys_wasm::{Capabilities, Component, ComponentSpec, Input};

use crate::support::*;

#[tokio::test]
async fn a_component_sees_nothing_that_is_not_granted() {
    let host = host();
    host.spawn(denied("direct")).await.unwrap();
    host.spawn(ComponentSpec::new("fiber", waiter())).await.unwrap();
    assert_eq!(host.ask("direct", Command::Surroundings).await.unwrap(), "0 arguments, 0 variables");
    let seen = host.ask("fiber", Command::Surroundings).await.unwrap();
    assert!(seen.starts_with("input: ; root: false; file: false; network: Some("), "{seen}");
    assert!(seen.ends_with("; 0 arguments, 0 variables"), "{seen}");
}

#[tokio::test]
async fn a_granted_file_is_the_standard_input_of_every_incarnation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input.txt");
    std::fs::write(&path, "granted").unwrap();
    let host = host();
    let capabilities = Capabilities { input: true, ..Capabilities::default() };
    let input = Some(Input::File(path));
    let limits =
        airssys_wasm::Limits { execution_time: std::time::Duration::from_millis(250), ..Default::default() };
    let spec = ComponentSpec { capabilities, input, limits, ..ComponentSpec::new("reader", waiter()) };
    host.spawn(spec).await.unwrap();
    let granted = |seen: &str| seen.starts_with("input: granted; root: false; file: false");
    let seen = host.ask("reader", Command::Surroundings).await.unwrap();
    assert!(granted(&seen), "{seen}");
    // It has been read; the next incarnation reads it again.
    let seen = host.ask("reader", Command::Surroundings).await.unwrap();
    assert!(seen.starts_with("input: ;"), "{seen}");
    host.tell("reader", Command::Spin).await;
    let seen = host.ask("reader", Command::Surroundings).await.unwrap();
    assert!(granted(&seen), "{seen}");
}

#[tokio::test]
async fn missing_input_file_fails_the_start() {
    let host = host();
    let capabilities = Capabilities { input: true, ..Capabilities::default() };
    let input = Some(Input::File("no such file".into()));
    let spec = ComponentSpec { capabilities, input, ..ComponentSpec::new("reader", waiter()) };
    assert!(host.spawn(spec).await.is_err());
}

#[tokio::test]
async fn output_and_log_lines_carry_the_name_of_the_instance() {
    let log = Log::capture();
    let host = host();
    host.spawn(denied("probe")).await.unwrap();
    host.tell("probe", Command::Say("hello".to_owned())).await;
    host.drained().await;
    let text = log.text();
    for (what, level) in [("out hello", "INFO"), ("err hello", "WARN"), ("log hello", "INFO")] {
        let line = text.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(line.contains(level) && line.contains("instance=probe"), "{line}");
    }
}

#[test]
fn only_components_that_can_wait_run_on_fibers() {
    let runs_on_fiber = |component: &Component| component.runs_on_fiber();
    assert!(!runs_on_fiber(&probe()));
    assert!(runs_on_fiber(&waiter()));
}
