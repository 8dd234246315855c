//! The scenarios of both services.

use airssys_blobstore::conformance as blob;
use airssys_conformance::Server;
use airssys_keyvalue::conformance as keyvalue;
use airssys_wasm::Services;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};

use crate::server::{NatsServer, backends, runtime, start};

#[tokio::test(flavor = "multi_thread")]
async fn buckets_pass_every_scenario_of_keys() {
    let server = start().await;
    let text = runtime("keyvalue", server.port(), "");
    keyvalue::run_all(&keyvalue::Subject::new(backends(), &text, None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_stores_pass_every_scenario_of_blobs() {
    let server = start().await;
    let text = runtime("blob", server.port(), "");
    blob::run_all(&blob::Subject::new(backends(), &text, None).await).await;
}

/// Returns the answer of the server to a check.
async fn check(port: u16) -> Result<String, String> {
    let text = format!(
        "[backend.main]\ntype = \"nats\"\nurl = \"nats://127.0.0.1:{port}\"\n\n[keyvalue]\n\"*\" = \"main\"\n"
    );
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let services = Services::default().with(airssys_keyvalue::KeyValue);
    let set = backends().configure(&runtime, &services.labels(), None).unwrap();
    let mut reports = set.check().await;
    let report = reports.pop().unwrap();
    assert!(reports.is_empty(), "{reports:?}");
    report.answer.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_version_and_a_server_without_jetstream() {
    let mut server = start().await;
    let answer = check(server.port()).await.unwrap();
    assert!(answer.starts_with("NATS 2.") && answer.ends_with(" with JetStream"), "{answer}");
    server.kill();
    assert!(check(server.port()).await.unwrap_err().contains("unavailable"));
    let plain = NatsServer { without_jetstream: true, ..NatsServer::default() };
    let plain = Server::start(plain).await;
    let answer = check(plain.port()).await.unwrap_err();
    assert!(answer.contains("the server has JetStream switched off"), "{answer}");
    let text = runtime("keyvalue", plain.port(), "");
    let subject = keyvalue::Subject::new(backends(), &text, None).await;
    let call = keyvalue::Call::Exists("key".to_owned());
    let answer = subject.call(keyvalue::Api::Own, "any", call).await;
    assert!(matches!(&answer, keyvalue::Answer::Error { name, .. } if name == "unavailable"), "{answer:?}");
}
