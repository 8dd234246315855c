//! Costs of starting components: a single one, one after a trap, and an app of five.
//!
//! The task that spawns and asks runs on the host's own workers, as in a program that uses the
//! host. A separate thread would have to be woken for each instance.

use std::process::Command;
use std::time::{Duration, Instant};

use airssys_benches::floor;
use airssys_benches::{
    Bed, LONG, answering, bench_on, built, criterion, figures, must, order, reading, spec, workers,
};
use airssys_wasm::Compiler;
use airssys_wasm::app::{self, RunningApp, StartOptions};
use airssys_wasm::manifest::AppManifest;
use bytes::Bytes;
use criterion::Criterion;
use tempfile::TempDir;
use test_commands::bench::Order;
use tokio::runtime::Runtime;

/// Instances spawned to measure the rate of spawns.
const MANY: u32 = 2_000;

/// The app and its grants; the components follow.
const MANIFEST: &str = r#"[app]
name = "five"

[grants.quake-parse]
send = ["quake-classify"]

[grants.quake-classify]
request = ["quake-region"]
publish = ["quakes.*"]

[grants.quake-stats]
subscribe = ["quakes.*"]

[grants.quake-alerts]
subscribe = ["quakes.major.*"]
"#;

/// Argument that makes the program start the app of the given manifest.
const COLD_START: &str = "--cold-start";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|first| first == COLD_START) {
        let cache = must(arguments.next().ok_or("the cache folder is missing"));
        return start_and_stop(&must(arguments.next().ok_or("the app's manifest is missing")), &cache);
    }
    let mut criterion = criterion();
    spawn(&mut criterion);
    lifecycle(&mut criterion);
    recovery(&mut criterion);
    cold_start(&mut criterion);
    criterion.final_summary();
}

/// From compiled and linked code to the reply to the first message.
fn spawn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spawn");
    floor::instantiate(&mut group);
    let bed = bench_on(
        &mut group,
        "first_message",
        || Bed::new(2, MANY + 100),
        |bed, instances| (0..instances).map(|_| live(bed).0).sum(),
    );
    if let Some(bed) = bed {
        figures::record("spawn", "instances_per_second", "instances/s", rate(&bed));
    }
    group.finish();
}

/// Measures how many instances start in a second, one after the other, each with one message.
fn rate(bed: &Bed) -> f64 {
    let (host, code) = (bed.host.clone(), bed.code.clone());
    let took = bed.on_worker(async move {
        let began = Instant::now();
        for number in 0..MANY {
            let name = format!("fresh-{number}");
            must(host.spawn(spec(&name, &code)).await);
            must(host.send(&name, reading(1)).await);
        }
        host.drained().await;
        began.elapsed()
    });
    let rate = f64::from(MANY) / took.as_secs_f64();
    let all: Vec<String> = (0..MANY).map(|number| format!("fresh-{number}")).collect();
    assert_eq!(bed.counted(&all), u64::from(MANY), "messages were lost");
    rate
}

/// As [`spawn`], until the instance has stopped in order.
fn lifecycle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lifecycle");
    floor::instantiate(&mut group);
    bench_on(
        &mut group,
        "spawn_to_shutdown",
        || Bed::new(2, 100),
        |bed, instances| (0..instances).map(|_| live(bed)).map(|(spawned, stopped)| spawned + stopped).sum(),
    );
    group.finish();
}

/// Returns the time until a fresh instance has answered, and the time of its retirement.
fn live(bed: &Bed) -> (Duration, Duration) {
    let message = Bytes::from(reading(1));
    let (host, code) = (bed.host.clone(), bed.code.clone());
    bed.on_worker(async move {
        let began = Instant::now();
        must(host.spawn(answering("fresh", &code)).await);
        let reply = must(host.request("fresh", message.clone(), LONG).await);
        let spawned = began.elapsed();
        assert_eq!(reply, message);
        let began = Instant::now();
        assert!(host.retire("fresh").await, "the component is retired");
        (spawned, began.elapsed())
    })
}

/// From a message that traps to the next instance's reply to the message behind it.
fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    floor::instantiate(&mut group);
    let make = || {
        let bed = Bed::new(2, 100);
        bed.add(answering("b", &bed.code));
        bed
    };
    let (panic, message) = (Bytes::from(order(&Order::Panic)), Bytes::from(reading(1)));
    bench_on(&mut group, "trap_to_next_message", make, |bed, times| {
        let before = restarts(bed);
        let (host, panic, message) = (bed.host.clone(), panic.clone(), message.clone());
        let took = bed.on_worker(async move {
            let began = Instant::now();
            for _ in 0..times {
                must(host.send("b", panic.clone()).await);
                must(host.request("b", message.clone(), LONG).await);
            }
            began.elapsed()
        });
        assert_eq!(restarts(bed) - before, times, "a panic order did not trap");
        took
    });
    group.finish();
}

fn restarts(bed: &Bed) -> u64 {
    bed.host.component_snapshots().iter().map(|snapshot| snapshot.restarts()).sum()
}

/// An app of five components, from its manifest until all have started.
fn cold_start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cold_start");
    let cached = || {
        let files = Files::new();
        // Fills the cache with the compiled components.
        files.run();
        (files, workers(2))
    };
    bench_on(&mut group, "cached", cached, |(files, runtime), times| {
        (0..times).map(|_| start_in(runtime, &files.manifest(), &text(&files.cache))).sum()
    });
    bench_on(&mut group, "cached_process", cached, |(files, _), times| {
        let began = Instant::now();
        (0..times).for_each(|_| files.run());
        began.elapsed()
    });
    let fresh = || (Files::new(), workers(2));
    bench_on(&mut group, "from_wasm", fresh, |(files, runtime), times| {
        let each = |_| start_in(runtime, &files.manifest(), &text(&must(tempfile::tempdir())));
        (0..times).map(each).sum()
    });
    group.finish();
}

/// Measures the time in which the app starts, and stops it afterwards.
fn start_in(runtime: &Runtime, manifest: &str, cache: &str) -> Duration {
    let began = Instant::now();
    let app = runtime.block_on(start(manifest, cache));
    let took = began.elapsed();
    runtime.block_on(app.shutdown(LONG));
    took
}

/// The components of an app as files, and a cache.
struct Files {
    app: TempDir,
    cache: TempDir,
}

impl Files {
    /// Writes five different components.
    fn new() -> Files {
        let app = must(tempfile::tempdir());
        let mut manifest = MANIFEST.to_owned();
        for name in ["quake-alerts", "quake-stats", "quake-region", "quake-classify", "quake-parse"] {
            let folder = app.path().join(name);
            must(std::fs::create_dir(&folder));
            must(std::fs::copy(must(built(name)), folder.join("code.wasm")));
            let source = format!("{}/../components/{name}/Component.toml", env!("CARGO_MANIFEST_DIR"));
            must(std::fs::copy(source, folder.join("Component.toml")));
            manifest += &format!("\n[[component]]\nsource = \"{name}/code.wasm\"\n");
        }
        must(std::fs::write(app.path().join("app.toml"), manifest));
        Files { app, cache: must(tempfile::tempdir()) }
    }

    fn manifest(&self) -> String {
        format!("{}/app.toml", text(&self.app))
    }

    /// Runs a separate process that starts the app, and ends.
    fn run(&self) {
        let mut program = Command::new(must(std::env::current_exe()));
        let status = program.args([COLD_START, &text(&self.cache), &self.manifest()]).status();
        assert!(must(status).success(), "the app did not start");
    }
}

fn text(folder: &TempDir) -> String {
    folder.path().display().to_string()
}

fn start_and_stop(manifest: &str, cache: &str) {
    let runtime = workers(2);
    let app = runtime.block_on(start(manifest, cache));
    runtime.block_on(app.shutdown(LONG));
}

async fn start(manifest: &str, cache: &str) -> RunningApp {
    let manifest = must(AppManifest::load(manifest.as_ref()));
    let (cache_dir, compiler) = (Some(cache.into()), Compiler::in_process());
    let options = StartOptions { cache_dir, compiler, ..StartOptions::default() };
    must(app::start(&manifest, options, |_| {}).await)
}
