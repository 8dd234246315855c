//! What a request to a component costs that is written in another language.

use airssys_benches::{LONG, built, criterion, engine, floor, must, workers};
use airssys_message::Codec;
use airssys_rt::ActorSystem;
use airssys_wasm::{Component, ComponentHost, ComponentSpec};
use bytes::Bytes;
use serde::Serialize;

/// The message of those that greet: in CBOR, 64 bytes with this name.
#[derive(Serialize)]
struct Hello {
    name: String,
}

fn main() {
    let mut criterion = criterion();
    floor::beside_calls(&mut criterion, "languages", |group| {
        for (language, name) in
            [("rust", "greet-rust"), ("javascript", "greet-js"), ("python", "greet-python")]
        {
            let file = match built(name) {
                Ok(file) => file,
                Err(error) => {
                    println!("languages/{language}: {name} is not built here: {error}");
                    continue;
                }
            };
            group.bench_function(language, |bencher| {
                let code = must(Component::load(&must(engine(100)), &file));
                let runtime = workers(2);
                let host = ComponentHost::new(ActorSystem::new("bench"));
                must(runtime.block_on(host.spawn(ComponentSpec::new("greeter", code))));
                let hello = hello();
                bencher.iter(|| {
                    let reply = must(runtime.block_on(host.request("greeter", hello.clone(), LONG)));
                    assert!(!reply.is_empty());
                });
                runtime.block_on(host.shutdown(LONG));
            });
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
