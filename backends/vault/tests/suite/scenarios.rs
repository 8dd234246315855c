//! The scenarios of secrets, logins, and secrets of other programs.

use airssys_secrets::Secrets;
use airssys_secrets::conformance::{Answer, Call, Subject, run_all};
use airssys_wasm::Services;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use serde_json::{Value, json};

use crate::server::{ask, backends, root, runtime, start, subject};

#[tokio::test(flavor = "multi_thread")]
async fn openbao_passes_every_scenario() {
    let server = start().await;
    run_all(&subject(&server, server.port(), "").await).await;

    let token = format!("token = {:?}", root(&server));
    let sources = vec![RuntimeSource::new("runtime.toml", runtime(server.port(), &token))];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let set = backends().configure(&runtime, &Services::default().with(Secrets).labels(), None).unwrap();
    let product = set.check().await.remove(0).answer.unwrap();
    assert!(product.starts_with("a server of Vault's interface, version 2."), "{product}");
}

#[tokio::test(flavor = "multi_thread")]
async fn role_logs_in_again_when_its_token_is_used_up() {
    let server = start().await;
    ask(&server, "POST", "sys/auth/approle", json!({ "type": "approle" })).await;
    let rule =
        "path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }";
    ask(&server, "PUT", "sys/policies/acl/airssys", json!({ "policy": rule })).await;
    let role = json!({ "token_policies": ["airssys"], "token_num_uses": 3 });
    ask(&server, "POST", "auth/approle/role/airssys", role).await;
    let role_id = ask(&server, "GET", "auth/approle/role/airssys/role-id", Value::Null).await;
    let secret_id = ask(&server, "POST", "auth/approle/role/airssys/secret-id", json!({})).await;
    let options =
        format!("role_id = {}\nsecret_id = {}", role_id["data"]["role_id"], secret_id["data"]["secret_id"]);
    let subject = Subject::new(backends(), &runtime(server.port(), &options), None).await;
    for number in 0..10_u8 {
        subject.set("payments", "token", &[number]).await;
        assert_eq!(subject.get("payments", "token").await, Answer::Value(Some(vec![number])));
    }
    // Each write was done once.
    let metadata = ask(&server, "GET", "secret/metadata/airssys/payments/token", Value::Null).await;
    assert_eq!(metadata["data"]["current_version"], 10, "{metadata}");

    let unavailable = Answer::Error { name: "unavailable".to_owned(), text: String::new() };
    let wrong = options.replace("secret_id = \"", "secret_id = \"0");
    let subject = Subject::new(backends(), &runtime(server.port(), &wrong), None).await;
    assert_eq!(subject.get("payments", "token").await, unavailable);
    let wrong = runtime(server.port(), "token = \"no-such-token\"");
    let subject = Subject::new(backends(), &wrong, None).await;
    assert_eq!(subject.get("payments", "token").await, unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_other_programs_are_read_and_written_as_text() {
    let server = start().await;
    let text = format!(
        "[backend.main]\ntype = \"vault\"\nurl = \"http://127.0.0.1:{}\"\ntoken = {:?}\n\n\
         [backend.none]\ntype = \"vault\"\nurl = \"http://127.0.0.1:{0}\"\ntoken = {1:?}\nmount = \"none\"\n\n\
         [secrets]\ntheirs = {{ backend = \"main\", prefix = \"team/bank\" }}\nnone = \"none\"\n\"*\" = \"main\"\n",
        server.port(),
        root(&server)
    );
    let subject = Subject::new(backends(), &text, None).await;
    ask(&server, "POST", "secret/data/team/bank/db.password", json!({ "data": { "value": "hunter2" } }))
        .await;
    ask(&server, "POST", "secret/data/team/bank/form", json!({ "data": { "password": "hunter2" } })).await;
    ask(&server, "POST", "secret/data/team/bank/inner/deep", json!({ "data": { "value": "1" } })).await;
    assert_eq!(subject.get("theirs", "db.password").await, Answer::Value(Some(b"hunter2".to_vec())));
    let Answer::Error { name, text } = subject.get("theirs", "form").await else {
        panic!("an error is expected")
    };
    assert_eq!(name, "other");
    assert!(text.contains("by another program") && !text.contains("hunter2"), "{text}");
    let listed = subject.call("theirs", Call::List { cursor: None, limit: 10 }).await;
    assert_eq!(listed, Answer::Ids(vec!["db.password".to_owned(), "form".to_owned()], None));
    subject.set("theirs", "mine", b"text").await;
    let stored = ask(&server, "GET", "secret/data/team/bank/mine", Value::Null).await;
    assert_eq!(stored["data"]["data"], json!({ "value": "text" }));
    // One that another program has deleted, with its versions kept.
    ask(&server, "DELETE", "secret/data/team/bank/mine", Value::Null).await;
    assert_eq!(subject.get("theirs", "mine").await, Answer::Value(None));
    assert_eq!(subject.call("theirs", Call::Exists("mine".to_owned())).await, Answer::Flag(false));

    // An engine that does not exist is a mistake, not an empty locker.
    for call in [Call::Get("a".to_owned()), Call::Set("a".to_owned(), vec![1]), Call::Delete("a".to_owned())]
    {
        let answer = subject.call("none", call.clone()).await;
        assert!(matches!(answer, Answer::Error { .. }), "{call:?}: {answer:?}");
    }
}
