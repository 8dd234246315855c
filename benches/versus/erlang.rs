//! A gen_server in Erlang, called and cast to from another process of the same node. Messages are
//! terms instead of CBOR, because Erlang processes exchange terms.

use std::process::{Command, Stdio};
use std::time::Duration;

use airssys_benches::floor::{Group, share};
use airssys_benches::{bench_on, must};

const SERVER: &str = include_str!("reading_server.erl");

/// Minimum number of messages, because Erlang takes long to start.
const LEAST: u64 = 10_000;

pub(crate) fn bench(group: &mut Group<'_>, name: &str, what: &str) {
    let found = Command::new("erl").args(["-noshell", "-eval", "halt()."]).stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("{name}: Erlang is missing; install `erl`");
        return;
    }
    let make = || {
        let folder = must(tempfile::tempdir());
        must(std::fs::write(folder.path().join("reading_server.erl"), SERVER));
        folder
    };
    bench_on(group, name, make, |folder, messages| {
        let done = messages.max(LEAST);
        let run = format!(
            "{{ok, M}} = compile:file(reading_server), reading_server = M, reading_server:{what}({done}), halt()."
        );
        let mut erl = Command::new("erl");
        // Two schedulers match the two workers of airssys.
        erl.args(["+S", "2", "-noshell", "-eval", &run]).current_dir(folder.path());
        let output = must(erl.output());
        let said = String::from_utf8_lossy(&output.stdout);
        let nanoseconds =
            must(said.trim().parse::<u64>().map_err(|_| format!("`erl` printed no number: {said}")));
        share(Duration::from_nanos(nanoseconds), messages, done)
    });
}
