//! What a message costs, end to end, beside the floors that nothing built on wasmtime and tokio
//! gets under. Every bench counts the messages in the component that receives them, and fails if
//! one is lost.

use std::hint::black_box;
use std::time::{Duration, Instant};

use airssys_benches::{Failure, LONG, audited, component, engine, host, message, note};
use airssys_message::Codec;
use airssys_wasm::audit::{Audit, AuditFile};
use airssys_wasm::limits::Rates;
use airssys_wasm::{ComponentHost, Limits};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use test_commands::{Answer, Command};
use tokio::runtime::Runtime;

/// Messages that one iteration of a sustained bench sends.
const MESSAGES: u32 = 10_000;

fn main() -> Result<(), Failure> {
    let mut criterion = Criterion::default().configure_from_args();
    floors(&mut criterion)?;
    components(&mut criterion)?;
    audits(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// An empty call of an empty export in a bare wasmtime program, and a bounded channel.
fn floors(criterion: &mut Criterion) -> Result<(), Failure> {
    let mut group = criterion.benchmark_group("floor");
    for (name, fiber) in [("component_call", false), ("component_call_on_fiber", true)] {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let engine = wasmtime::Engine::new(&config)?;
        let wat = r#"(component
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#;
        let component = wasmtime::component::Component::new(&engine, wat)?;
        let mut store = wasmtime::Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let linker = wasmtime::component::Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        group.bench_function(name, |bencher| match fiber {
            false => bencher.iter(|| run.call(&mut store, ()).is_ok()),
            true => bencher.iter(|| runtime.block_on(run.call_async(&mut store, ())).is_ok()),
        });
    }
    let runtime = two_workers()?;
    group.throughput(Throughput::Elements(MESSAGES.into()));
    group.bench_function("tokio_mpsc", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let (sender, mut receiver) = tokio::sync::mpsc::channel::<[u8; 64]>(1_024);
                let counting = tokio::spawn(async move {
                    let mut count = 0;
                    while let Some(message) = receiver.recv().await {
                        count += u32::from(black_box(message)[0] == 7);
                    }
                    count
                });
                let sending = tokio::spawn(async move {
                    for _ in 0..MESSAGES {
                        if sender.send([7; 64]).await.is_err() {
                            break;
                        }
                    }
                });
                assert!(sending.await.is_ok());
                assert_eq!(counting.await.ok(), Some(MESSAGES));
            });
        });
    });
    group.finish();
    Ok(())
}

fn components(criterion: &mut Criterion) -> Result<(), Failure> {
    let runtime = two_workers()?;
    let engine = engine()?;
    let (probe, waiter) = (component(&engine, "test-probe")?, component(&engine, "test-waiter")?);
    let parts = [("a", &probe), ("b", &probe), ("waiter", &waiter)];
    let host = runtime.block_on(host(&parts, 1_024))?;
    let mut group = criterion.benchmark_group("component");
    group.throughput(Throughput::Elements(MESSAGES.into()));
    let send = Command::Send { to: "b".to_owned(), command: Box::new(note()), times: MESSAGES };
    let send = message(&send)?;
    group.bench_function("fire_and_forget", |bencher| {
        bencher
            .iter_custom(|iterations| runtime.block_on(timed(&host, iterations, &send, u64::from(MESSAGES))));
    });
    group.throughput(Throughput::Elements(1));
    let echo = message(&Command::Echo("x".repeat(52)))?;
    for (name, target) in [("request_from_outside", "a"), ("request_from_outside_to_fiber", "waiter")] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| match runtime.block_on(host.request(target, echo.clone(), LONG)) {
                Ok(reply) => assert_eq!(reply.len(), echo_reply_len()),
                Err(error) => panic!("{error}"),
            });
        });
    }
    let requests: u32 = 64;
    let command = Box::new(Command::Echo("x".repeat(52)));
    let all = message(&Command::RequestAll { to: "b".to_owned(), command, times: requests })?;
    group.throughput(Throughput::Elements(requests.into()));
    group.bench_function("64_requests_under_way", |bencher| {
        bencher.iter(|| match runtime.block_on(host.request("a", all.clone(), LONG)) {
            Ok(reply) => assert_eq!(answer(&reply), Some(Ok(format!("{requests} replies")))),
            Err(error) => panic!("{error}"),
        });
    });
    group.finish();
    runtime.block_on(host.system().shutdown(LONG));
    Ok(())
}

/// The same messages with an audit of every message, without, and with rates.
fn audits(criterion: &mut Criterion) -> Result<(), Failure> {
    let runtime = two_workers()?;
    let engine = engine()?;
    let probe = component(&engine, "test-probe")?;
    let parts = [("a", &probe), ("b", &probe)];
    let folder = tempfile::tempdir()?;
    let send = Command::Send { to: "b".to_owned(), command: Box::new(note()), times: MESSAGES };
    let send = message(&send)?;
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(MESSAGES.into()));
    for (name, messages) in [("off", None), ("denials_only", Some(false)), ("all_messages", Some(true))] {
        let file = |messages| AuditFile { messages, ..AuditFile::new(folder.path().join(name)) };
        let audit = messages.map(|messages| Audit::to_file(file(messages))).transpose()?;
        let host = runtime.block_on(audited(&parts, 1_024, audit, &Limits::DEFAULT))?;
        bench_sends(&mut group, name, &runtime, &host, &send);
        if let Some(stats) = host.audit().map(Audit::stats) {
            println!("audit/{name}: {stats:?}");
        }
        runtime.block_on(host.shutdown(LONG));
    }
    let rates =
        Rates { messages_per_second: Some(10_000_000), bytes_per_second: Some(1 << 30), ..Rates::UNLIMITED };
    let host = runtime.block_on(audited(&parts, 1_024, None, &Limits { rates, ..Limits::DEFAULT }))?;
    bench_sends(&mut group, "off_with_rates", &runtime, &host, &send);
    runtime.block_on(host.shutdown(LONG));
    group.finish();
    Ok(())
}

fn bench_sends(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    host: &ComponentHost,
    send: &[u8],
) {
    group.bench_function(name, |bencher| {
        bencher
            .iter_custom(|iterations| runtime.block_on(timed(host, iterations, send, u64::from(MESSAGES))));
    });
}

/// Has a component send its messages so many times; the time until all were handled.
async fn timed(host: &ComponentHost, iterations: u64, send: &[u8], messages: u64) -> Duration {
    let before = handled(host);
    let began = Instant::now();
    for _ in 0..iterations {
        if let Err(error) = host.send("a", send.to_vec()).await {
            panic!("{error}");
        }
        host.drained().await;
    }
    let took = began.elapsed();
    assert_eq!(handled(host) - before, iterations * messages, "messages were lost");
    took
}

/// Messages that the receiving component has handled.
fn handled(host: &ComponentHost) -> u64 {
    host.summaries().iter().filter(|summary| summary.name == "b").map(|summary| summary.handled).sum()
}

fn answer(reply: &[u8]) -> Option<Answer> {
    let (_, body) = Codec::split(reply).ok()?;
    ciborium::from_reader(body).ok()
}

/// Bytes of the reply to an echo of 52 bytes: prefix, `Ok`, and the text.
fn echo_reply_len() -> usize {
    1 + 1 + 3 + 2 + 52
}

fn two_workers() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
