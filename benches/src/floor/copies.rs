//! Costs of moving bytes from one sandbox into another.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Engine, Store, StoreContextMut};

use super::{Group, engine};
use crate::{bench_on, must};

/// Sends its first `bytes` bytes `times` times.
const SENDER: &str = r#"(component
    (import "send" (func $send (param "body" (list u8))))
    (core module $memory (memory (export "memory") 20))
    (core instance $memory (instantiate $memory))
    (core func $send (canon lower (func $send) (memory (core memory $memory "memory"))))
    (core module $m
        (import "host" "send" (func $send (param i32 i32)))
        (func (export "run") (param $bytes i32) (param $times i64)
            (loop $on
                (if (i64.gt_s (local.get $times) (i64.const 0)) (then
                    (call $send (i32.const 0) (local.get $bytes))
                    (local.set $times (i64.sub (local.get $times) (i64.const 1)))
                    (br $on))))))
    (core instance $i (instantiate $m
        (with "host" (instance (export "send" (func $send))))))
    (func (export "run") (param "bytes" u32) (param "times" u64)
        (canon lift (core func $i "run"))))"#;

/// Receives bytes at a fixed address, and counts the calls.
const RECEIVER: &str = r#"(component
    (core module $m
        (memory (export "memory") 20)
        (global $count (mut i64) (i64.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "handle") (param i32 i32)
            (global.set $count (i64.add (global.get $count) (i64.const 1))))
        (func (export "count") (result i64) (global.get $count)))
    (core instance $i (instantiate $m))
    (func (export "handle") (param "body" (list u8))
        (canon lift (core func $i "handle") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "count") (result u64) (canon lift (core func $i "count"))))"#;

struct Receiver {
    store: Store<()>,
    handle: TypedFunc<(Bytes,), ()>,
    count: TypedFunc<(), (u64,)>,
}

/// Makes the two copies that isolation requires, and nothing else: from a buffer into a fresh one,
/// and from there into a third.
pub fn two_copies(group: &mut Group<'_>, name: &str, bytes: usize) {
    let (from, mut to) = (vec![7_u8; bytes], vec![0_u8; bytes]);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let between = Bytes::from(black_box(&from).clone());
            to.copy_from_slice(black_box(&between));
            black_box(&mut to);
        });
    });
}

/// Makes the two copies as wasmtime makes them. A component passes bytes to an import, so the host
/// copies them out. The host passes them to another component's export, which gets its own copy.
pub fn passed_on(group: &mut Group<'_>, name: &str, bytes: usize) {
    let bytes = must(u32::try_from(bytes));
    bench_on(group, name, PassesOn::new, |passes, times| passes.time(bytes, times));
}

struct PassesOn {
    store: Store<Receiver>,
    run: TypedFunc<(u32, u64), ()>,
    sent: u64,
}

impl PassesOn {
    fn new() -> PassesOn {
        let engine = must(engine(10));
        let receiver = receiver(&engine);
        let mut store = Store::new(&engine, receiver);
        store.set_epoch_deadline(u64::MAX / 2);
        let mut linker = Linker::new(&engine);
        must(linker.root().func_wrap(
            "send",
            |mut store: StoreContextMut<'_, Receiver>, (body,): (Bytes,)| {
                let Receiver { store, handle, .. } = store.data_mut();
                handle.call(store, (body,))
            },
        ));
        let component = must(Component::new(&engine, SENDER));
        let instance = must(linker.instantiate(&mut store, &component));
        let run = must(instance.get_typed_func::<(u32, u64), ()>(&mut store, "run"));
        PassesOn { store, run, sent: 0 }
    }

    fn time(&mut self, bytes: u32, times: u64) -> Duration {
        let began = Instant::now();
        must(self.run.call(&mut self.store, (bytes, times)));
        let took = began.elapsed();
        self.sent += times;
        let Receiver { store, count, .. } = self.store.data_mut();
        assert_eq!(must(count.call(store, ())), (self.sent,), "messages were lost");
        took
    }
}

fn receiver(engine: &Engine) -> Receiver {
    let component = must(Component::new(engine, RECEIVER));
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = must(Linker::new(engine).instantiate(&mut store, &component));
    let handle = must(instance.get_typed_func(&mut store, "handle"));
    let count = must(instance.get_typed_func(&mut store, "count"));
    Receiver { store, handle, count }
}
