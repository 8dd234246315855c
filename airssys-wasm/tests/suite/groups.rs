//! Groups of `app.toml` as supervisors of components.

use std::fs;
use std::path::Path;

use airssys_rt::{ActorState, ChildSnapshot, SupervisorSnapshot};
use airssys_wasm::app::{self, AppEvent, Ended, RunError, RunningApp, StartOptions};
use airssys_wasm::manifest::AppManifest;
use airssys_wasm::{Compiler, ComponentHost, ResumeError, builder};
use tempfile::TempDir;

use crate::support::*;

/// An app that runs, and the folder of its manifests.
struct TestApp {
    app: RunningApp,
    /// The components in the order of their start.
    started: Vec<String>,
    _folder: TempDir,
}

/// A component under test, with further keys of its `[[component]]`.
fn entry(name: &str, keys: &str) -> String {
    let wasm = builder::build(&folder("test-probe"), |_| {}).expect("the test component builds");
    format!("[[component]]\nname = {name:?}\nsource = {wasm:?}\nmanifest = \"Component.toml\"\n{keys}\n")
}

fn entries(names: &[&str]) -> String {
    names.iter().map(|name| entry(name, "")).collect()
}

/// A `[[group]]` that restarts its members at once.
fn group(name: &str, members: &[&str], keys: &str) -> String {
    format!("[[group]]\nname = {name:?}\nmembers = {members:?}\nbackoff = \"immediate\"\n{keys}\n")
}

/// Starts an app: the rest of its `[app]` table, and everything behind that.
async fn start(text: &str) -> TestApp {
    start_with("", text).await
}

/// As [`start`], with more lines in the `Component.toml` of all components.
async fn start_with(component: &str, text: &str) -> TestApp {
    let folder = TempDir::new().expect("a folder");
    let write = |file: &str, text: String| fs::write(folder.path().join(file), text).expect("a manifest");
    write("app.toml", format!("[app]\nname = \"test\"\n{text}"));
    write("Component.toml", format!("[component]\nname = \"probe\"\nversion = \"0.1.0\"\n{component}"));
    let manifest =
        AppManifest::load(&folder.path().join("app.toml")).unwrap_or_else(|error| panic!("{error}"));
    let cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    let (mut started, mut loading, mut loaded) = (Vec::new(), Vec::new(), 0);
    let options = StartOptions { cache_dir, compiler: Compiler::in_process(), ..StartOptions::default() };
    let app = app::start(&manifest, options, |event| match event {
        AppEvent::Loading { component } => loading.push(component),
        AppEvent::Loaded { component } => {
            assert!(loading.contains(&component), "{component} was not being loaded");
            loaded += 1;
        }
        AppEvent::Starting { component } => started.push(component),
        _ => {}
    });
    let app = app.await.expect("the app starts");
    loading.sort();
    let mut names = started.clone();
    names.sort();
    assert_eq!((&loading, loaded), (&names, names.len()), "each component is loaded once");
    TestApp { app, started, _folder: folder }
}

impl TestApp {
    /// The incarnation of each component.
    async fn incarnations(&self, names: &[&str]) -> Vec<String> {
        let mut incarnations = Vec::new();
        for name in names {
            let identity = self.app.host().ask(name, Command::Identity).await.expect("an identity");
            incarnations.push(identity.rsplit(' ').next().unwrap_or_default().to_owned());
        }
        incarnations
    }

    /// Fails a component outside of its messages.
    fn crash(&self, name: &str) {
        self.app.host().actors(name).remove(0).kill();
    }

    /// Crashes a component, and waits until it has been restarted.
    async fn crash_and_wait(&self, name: &str) {
        let actor = self.app.host().actors(name).remove(0);
        let before = actor.stats().restarts;
        self.crash(name);
        let restarted = async {
            while actor.stats().restarts == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, restarted).await.expect("it is restarted");
        self.incarnations(&[name]).await;
    }

    async fn has_stopped(&self, name: &str) {
        for actor in self.app.host().actors(name) {
            tokio::time::timeout(SOON, actor.closed()).await.expect("it ends for good");
        }
    }

    async fn ended(&self) -> Ended {
        tokio::time::timeout(SOON, self.app.ended()).await.expect("the run ends")
    }

    async fn failure(&self) -> RunError {
        match self.ended().await {
            Ended::Failed(error) => error,
            Ended::Done => panic!("the run is done"),
        }
    }

    fn group(&self, name: &str) -> Option<SupervisorSnapshot> {
        fn find(supervisor: SupervisorSnapshot, name: &str) -> Option<SupervisorSnapshot> {
            if supervisor.name == name {
                return Some(supervisor);
            }
            supervisor.children.into_iter().find_map(|child| match child {
                ChildSnapshot::Supervisor(child) => find(child, name),
                _ => None,
            })
        }
        find(self.app.host().snapshot().tree, name)
    }
}

#[tokio::test]
async fn strategy_decides_which_members_restart() {
    for (strategy, expected) in [
        ("one-for-one", ["0", "1", "0", "0"]),
        ("one-for-all", ["1", "1", "1", "0"]),
        ("rest-for-one", ["0", "1", "1", "0"]),
    ] {
        let keys = format!("strategy = {strategy:?}");
        let text = entries(&["a", "b", "c", "outside"]) + &group("team", &["a", "b", "c"], &keys);
        let test = start(&text).await;
        test.crash_and_wait("b").await;
        assert_eq!(test.incarnations(&["a", "b", "c", "outside"]).await, expected, "{strategy}");
    }
}

#[tokio::test]
async fn group_within_a_group_restarts_at_its_place() {
    let text = entries(&["a", "x", "y", "c"])
        + &group("outer", &["a", "inner", "c"], "strategy = \"rest-for-one\"")
        + &group("inner", &["x", "y"], "");
    let test = start(&text).await;
    let all = ["a", "x", "y", "c"];
    test.crash_and_wait("x").await;
    assert_eq!(test.incarnations(&all).await, ["0", "1", "0", "0"]);
    test.crash_and_wait("c").await;
    assert_eq!(test.incarnations(&all).await, ["0", "1", "0", "1"]);
    test.crash_and_wait("a").await;
    assert_eq!(test.incarnations(&all).await, ["1", "2", "1", "2"]);
    assert_eq!(test.group("inner").map(|inner| inner.restarts), Some(1));
}

#[tokio::test]
async fn group_that_gives_up_is_restarted_by_the_group_above() {
    let text = entries(&["a", "x", "y"])
        + &group("outer", &["a", "inner"], "")
        + &group("inner", &["x", "y"], "max_restarts = 0");
    let test = start(&text).await;
    test.crash_and_wait("x").await;
    assert_eq!(test.incarnations(&["a", "x", "y"]).await, ["0", "1", "1"]);
    let (outer, inner) = (test.group("outer").unwrap(), test.group("inner").unwrap());
    assert_eq!((outer.restarts, outer.children_restarted, inner.restarts), (0, 1, 1));
}

#[tokio::test]
async fn failure_escalates_until_the_root_quarantines_the_group() {
    let text = "[supervisor]\nmax_restarts = 1\nbackoff = \"immediate\"\n".to_owned()
        + &entries(&["a", "x", "outside"])
        + &group("outer", &["a", "inner"], "max_restarts = 0")
        + &group("inner", &["x"], "max_restarts = 0");
    let test = start(&text).await;
    test.crash_and_wait("x").await;
    assert_eq!(test.incarnations(&["a", "x", "outside"]).await, ["1", "1", "0"]);
    let host = test.app.host();
    assert!(matches!(host.resume("outer"), Err(ResumeError::NotQuarantined { .. })));
    test.crash("x");
    while host.quarantined().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(host.quarantined(), ["outer"]);
    host.tell("a", Command::Note("kept".to_owned())).await;
    assert!(matches!(host.resume("outside"), Err(ResumeError::NotQuarantined { .. })));
    for member in ["a", "x", "inner"] {
        let refused = host.resume(member).unwrap_err();
        let ResumeError::WithGroup { group, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(group, "outer");
        assert!(refused.to_string().contains("airssys resume outer"), "{refused}");
    }
    let states = |host: &ComponentHost| {
        let component = |name| host.actors(name)[0].stats().state;
        (["a", "x", "outside"].map(component), ["outer", "inner"].map(|name| test.group(name).unwrap().state))
    };
    let (quarantined, running) = (ActorState::Quarantined, ActorState::Running);
    assert_eq!(states(host), ([quarantined, quarantined, running], [quarantined; 2]));
    assert_eq!(host.resume("outer").unwrap(), ["outer"]);
    assert_eq!(host.notes("a").await, "kept");
    assert_eq!(test.incarnations(&["a", "x", "outside"]).await, ["2", "2", "0"]);
    assert!(host.quarantined().is_empty());
    assert_eq!(states(host), ([running; 3], [running; 2]));
}

#[tokio::test]
async fn failures_on_messages_do_not_count_in_a_group() {
    for (strategy, neighbour) in [("one-for-one", "0"), ("one-for-all", "3")] {
        let keys = format!("strategy = {strategy:?}\nmax_restarts = 0");
        let text = "[supervisor]\nmax_restarts = 0\n".to_owned() + &entries(&["a", "x"]);
        let test = start(&(text + &group("team", &["a", "x"], &keys))).await;
        for _ in 0..3 {
            test.app.host().tell("x", Command::Panic("poison".to_owned())).await;
            test.incarnations(&["x"]).await;
        }
        assert_eq!(test.incarnations(&["a", "x"]).await, [neighbour, "3"], "{strategy}");
        test.crash("x");
        while test.app.host().quarantined().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(test.app.host().quarantined(), ["team"], "another failure counts");
    }
}

#[tokio::test]
async fn group_that_is_left_stopped_leaves_its_neighbours_alone() {
    let text = "[supervisor]\nmax_restarts = 0\n".to_owned()
        + &entries(&["a", "x", "y", "outside"])
        + &group("outer", &["a", "inner"], "strategy = \"one-for-all\"\nmax_restarts = 0")
        + &group("inner", &["x", "y"], "max_restarts = 1\non_give_up = \"leave-stopped\"");
    let test = start(&text).await;
    test.crash_and_wait("x").await;
    test.crash("x");
    test.has_stopped("x").await;
    test.has_stopped("y").await;
    assert_eq!(test.incarnations(&["a", "outside"]).await, ["0", "0"]);
    let refused = test.app.host().try_ask("y", Command::Notes).await.unwrap_err();
    assert!(refused.to_string().contains("has stopped"), "{refused}");
    let still_runs = tokio::time::timeout(std::time::Duration::from_millis(50), test.app.ended()).await;
    assert!(still_runs.is_err(), "{still_runs:?}");
}

#[tokio::test]
async fn group_that_stops_the_app_fails_the_run_with_its_name() {
    let text = entries(&["a", "x", "outside"])
        + &group("outer", &["a", "inner"], "")
        + &group("inner", &["x"], "max_restarts = 0\non_give_up = \"stop-app\"");
    let test = start(&text).await;
    test.crash("x");
    let error = test.failure().await;
    let RunError::GroupGaveUp { group, failure } = &error else { panic!("{error:?}") };
    assert_eq!((group.as_str(), failure.restarts), ("inner", 0));
    assert!(error.to_string().contains("the group `inner` gave up"), "{error}");
    assert_eq!(test.incarnations(&["a", "outside"]).await, ["0", "0"]);
}

#[tokio::test]
async fn end_of_the_until_component_does_not_hide_that_its_group_gave_up() {
    for failing in ["x", "feed"] {
        let text = "until = \"feed\"\n".to_owned()
            + &entry("feed", "restart = \"transient\"")
            + &entry("x", "")
            + &group("team", &["feed", "x"], "max_restarts = 0\non_give_up = \"stop-app\"");
        let test = start(&text).await;
        test.crash(failing);
        let error = test.failure().await;
        assert!(matches!(&error, RunError::GroupGaveUp { group, .. } if group == "team"), "{error:?}");
    }
}

#[tokio::test]
async fn run_fails_when_the_group_of_its_until_component_gives_up_below_the_root() {
    let nested =
        group("team", &["inner"], "max_restarts = 0") + &group("inner", &["feed", "x"], "max_restarts = 0");
    for groups in [group("team", &["feed", "x"], "max_restarts = 0"), nested] {
        let text = "until = \"feed\"\n[supervisor]\nmax_restarts = 0\n".to_owned()
            + &entry("feed", "restart = \"transient\"")
            + &entry("x", "")
            + &groups;
        let test = start(&text).await;
        test.crash("feed");
        let error = test.failure().await;
        assert!(
            matches!(&error, RunError::UntilFailed { component, .. } if component == "feed"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn run_ends_with_its_until_component_in_a_group() {
    let text = "until = \"feed\"\n".to_owned()
        + &entry("feed", "restart = \"transient\"")
        + &entry("x", "")
        + &group("team", &["feed", "x"], "strategy = \"one-for-all\"");
    let test = start(&text).await;
    test.app.host().tell("feed", Command::Stop).await;
    let ended = test.ended().await;
    assert!(matches!(ended, Ended::Done), "{ended:?}");
    assert_eq!(test.incarnations(&["x"]).await, ["0"]);
}

#[tokio::test]
async fn components_start_in_the_order_of_the_manifest_and_stop_in_reverse() {
    let text = entries(&["first", "store", "index"])
        + &group("storage", &["index", "disk", "cache"], "")
        + &entries(&["cache", "last"])
        + &group("disk", &["store"], "")
        + &group("edge", &["pool"], "")
        + &entry("pool", "instances = 2");
    let test = start(&text).await;
    assert_eq!(test.started, ["first", "index", "store", "cache", "last", "pool"]);
    let report = test.app.shutdown(SOON).await;
    assert_eq!(report.stopped, ["pool/2", "pool/1", "last", "cache", "store", "index", "first"]);
}

#[tokio::test]
async fn messages_survive_the_restart_of_their_group() {
    const MESSAGES: u64 = 200;
    let text = entries(&["a", "b"])
        + &group("outer", &["inner"], "")
        // The first crash restarts the members, the second one the group with its members.
        + &group("inner", &["a", "b"], "strategy = \"one-for-all\"\nmax_restarts = 1");
    let test = start(&text).await;
    // A poison message restarts the members too, and counts towards no limit.
    test.app.host().tell("a", Command::Panic("poison".to_owned())).await;
    test.incarnations(&["a"]).await;
    for number in 0..MESSAGES {
        if number % (MESSAGES / 2) == MESSAGES / 4 {
            test.crash_and_wait("a").await;
        }
        test.app.host().tell("b", Command::Work(50)).await;
    }
    test.app.host().drained().await;
    assert_eq!(test.incarnations(&["a", "b"]).await, ["3", "3"]);
    let counts: Vec<_> = test
        .app
        .component_snapshots()
        .into_iter()
        .map(|component| (component.name, component.handled, component.dead_lettered))
        .collect();
    // The requests for incarnations are counted too.
    assert_eq!(counts, [("a".to_owned(), 4, 1), ("b".to_owned(), MESSAGES + 1, 0)]);
}

#[tokio::test]
async fn manifest_sets_the_batch_size() {
    for (component, one_by_one) in [("[messages]\nbatch_size = 1\n", true), ("", false)] {
        let test = start_with(component, &entries(&["probe"])).await;
        for number in 0..500 {
            test.app.host().tell("probe", Command::Tally(number.to_string())).await;
        }
        test.app.host().drained().await;
        let summary = test.app.component_snapshots().remove(0);
        assert_eq!(summary.calls == summary.handled, one_by_one, "{summary:?}");
    }
}
