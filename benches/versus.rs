//! Alternatives that users might pick, at the same work. Each answers a 64-byte reading in CBOR
//! with itself, or only counts it.

use std::time::{Duration, Instant};

use airssys_benches::floor::Group;
use airssys_benches::{Bare, Bed, MOST, answering, bench_on, criterion, must, reading, spec};
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
            unknown => panic!("`{unknown}` is not a server; the servers are socket and http"),
        };
    }
    let mut criterion = criterion();
    requests(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

/// Requests one after the other.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("versus_request");
    airssys(&mut group, |to, times| Order::Ask { to, times, at_once: 1 });
    bench_on(&mut group, "unix_socket", socket::Peer::new, socket::Peer::ask);
    #[cfg(feature = "others")]
    bench_on(&mut group, "http_loopback", http::Peer::new, http::Peer::ask);
    #[cfg(not(feature = "others"))]
    println!("versus_request/http_loopback: HTTP is missing; add --features others");
    erlang::bench(&mut group, "erlang_gen_server", "ask");
    wasmtime_per_message(&mut group, true);
    group.finish();
}

/// Sends messages without a reply, until the last one is counted.
fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("versus_stream");
    airssys(&mut group, |to, times| Order::Send { to, times });
    bench_on(&mut group, "unix_socket", socket::Peer::new, socket::Peer::tell);
    #[cfg(feature = "others")]
    bench_on(&mut group, "http_loopback", http::Peer::new, http::Peer::tell);
    #[cfg(not(feature = "others"))]
    println!("versus_stream/http_loopback: HTTP is missing; add --features others");
    erlang::bench(&mut group, "erlang_cast", "tell");
    wasmtime_per_message(&mut group, false);
    group.finish();
}

/// Two components on two workers.
fn airssys(group: &mut Group<'_>, order: impl Fn(String, u32) -> Order) {
    let answers = matches!(order(String::new(), 0), Order::Ask { .. });
    let make = || {
        let bed = Bed::new(2, 100);
        bed.add(spec("a", &bed.code));
        bed.add(if answers { answering("b", &bed.code) } else { spec("b", &bed.code) });
        bed
    };
    bench_on(group, "airssys", make, |bed, messages| {
        bed.flood(messages, MOST, |times| order("b".to_owned(), times))
    });
}

/// A bare wasmtime program with a fresh instance of the same component for each message.
fn wasmtime_per_message(group: &mut Group<'_>, answers: bool) {
    let config = if answers { vec![("answers".to_owned(), "yes".to_owned())] } else { Vec::new() };
    bench_on(
        group,
        "wasmtime_per_message",
        || must(Bare::new(100)),
        |bare, messages| {
            timed(|| {
                for message in 0..messages {
                    let message = reading(other::number(message));
                    let reply = must(must(bare.instantiate(&config)).handle(&message));
                    assert_eq!(reply.as_deref(), answers.then_some(&message[..]));
                }
            })
        },
    );
}

/// Returns the time that `act` takes.
fn timed(act: impl FnOnce()) -> Duration {
    let began = Instant::now();
    act();
    began.elapsed()
}
