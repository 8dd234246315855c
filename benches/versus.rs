//! What users would pick instead, at the same work: a reading of 64 bytes in CBOR is answered with
//! itself, or only counted.

use std::time::{Duration, Instant};

use airssys_benches::floor::Group;
use airssys_benches::{Bare, Bed, Handled, MOST, answering, criterion, must, orders, reading, spec};
use criterion::Criterion;
use test_commands::bench::Order;

#[path = "versus/erlang.rs"]
mod erlang;
#[cfg(feature = "others")]
#[path = "versus/http.rs"]
mod http;
#[path = "versus/other.rs"]
mod other;
#[path = "versus/socket.rs"]
mod socket;

fn main() {
    if let Some(served) = other::served() {
        return match served.as_str() {
            socket::NAME => socket::serve(),
            #[cfg(feature = "others")]
            http::NAME => http::serve(),
            unknown => panic!("nobody serves {unknown}"),
        };
    }
    let mut criterion = criterion();
    requests(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

/// One request after the other.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("versus_request");
    airssys(&mut group, |to, times| Order::Ask { to, times, at_once: 1 });
    group.bench_function("unix_socket", |bencher| {
        let mut peer = socket::Peer::new();
        bencher.iter_custom(|requests| peer.ask(requests));
    });
    #[cfg(feature = "others")]
    group.bench_function("http_loopback", |bencher| {
        let mut peer = http::Peer::new();
        bencher.iter_custom(|requests| peer.ask(requests));
    });
    #[cfg(not(feature = "others"))]
    println!("versus_request/http_loopback: needs HTTP: --features others");
    erlang::bench(&mut group, "erlang_gen_server", "ask");
    wasmtime_per_message(&mut group, true);
    group.finish();
}

/// Messages that nobody answers, until the last is counted. Over HTTP there are none such.
fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("versus_stream");
    airssys(&mut group, |to, times| Order::Send { to, times });
    group.bench_function("unix_socket", |bencher| {
        let mut peer = socket::Peer::new();
        bencher.iter_custom(|messages| peer.tell(messages));
    });
    erlang::bench(&mut group, "erlang_cast", "tell");
    wasmtime_per_message(&mut group, false);
    group.finish();
}

/// Two components on two workers.
fn airssys(group: &mut Group<'_>, order: impl Fn(String, u32) -> Order) {
    group.bench_function("airssys", |bencher| {
        let bed = Bed::new(2, 100);
        bed.add(spec("a", &bed.code));
        let answers = matches!(order(String::new(), 0), Order::Ask { .. });
        bed.add(if answers { answering("b", &bed.code) } else { spec("b", &bed.code) });
        let by = ["b".to_owned()];
        bencher.iter_custom(|messages| {
            let orders = orders(messages, MOST, |times| order("b".to_owned(), times));
            bed.run(vec![("a".to_owned(), orders)], &Handled { by: &by, messages })
        });
        bed.end();
    });
}

/// A program that has only wasmtime, and a fresh instance of the same component for each message.
fn wasmtime_per_message(group: &mut Group<'_>, answers: bool) {
    group.bench_function("wasmtime_per_message", |bencher| {
        let bare = must(Bare::new(100));
        let config = if answers { vec![("answers".to_owned(), "yes".to_owned())] } else { Vec::new() };
        bencher.iter_custom(|messages| {
            let began = Instant::now();
            for number in 0..messages {
                let message = reading(other::number(number));
                let reply = must(must(bare.instantiate(&config)).handle(&message));
                assert_eq!(reply.is_some(), answers);
                if let Some(reply) = reply {
                    assert_eq!(reply, message);
                }
            }
            began.elapsed()
        });
    });
}

/// The time of something.
fn timed(act: impl FnOnce()) -> Duration {
    let began = Instant::now();
    act();
    began.elapsed()
}
