//! Costs of a request to components in other languages.

use std::time::Instant;

use airssys_benches::{LONG, bench_on, built, criterion, engine, floor, must, workers};
use airssys_message::Codec;
use airssys_rt::ActorSystem;
use airssys_wasm::{Component, ComponentHost, ComponentSpec};
use bytes::Bytes;
use serde::Serialize;

/// The message of the greeting components: 64 bytes in CBOR with this name.
#[derive(Serialize)]
struct Hello {
    name: String,
}

fn main() {
    let mut criterion = criterion();
    let hello = hello();
    floor::beside_calls(&mut criterion, "languages", |group| {
        for (language, name) in
            [("rust", "greet-rust"), ("javascript", "greet-js"), ("python", "greet-python")]
        {
            let file = match built(name) {
                Ok(file) => file,
                Err(error) => {
                    println!("languages/{language}: {name} cannot be built: {error}");
                    continue;
                }
            };
            let make = || {
                let code = must(Component::load(&must(engine(100)), &file));
                let runtime = workers(2);
                let host = runtime.block_on(async { ComponentHost::new(ActorSystem::new("bench")) });
                must(runtime.block_on(host.spawn(ComponentSpec::new("greeter", code))));
                (runtime, host)
            };
            let made = bench_on(group, language, make, |(runtime, host), times| {
                runtime.block_on(async {
                    let began = Instant::now();
                    for _ in 0..times {
                        let reply = must(host.request("greeter", hello.clone(), LONG).await);
                        assert!(!reply.is_empty());
                    }
                    began.elapsed()
                })
            });
            if let Some((runtime, host)) = made {
                runtime.block_on(host.shutdown(LONG));
            }
        }
    });
    criterion.final_summary();
}

fn hello() -> Bytes {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    must(ciborium::into_writer(&Hello { name: "x".repeat(56) }, &mut message));
    message.into()
}
