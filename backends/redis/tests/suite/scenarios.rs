//! The scenarios of the key-value service, and keys that other programs write.

use airssys_conformance::Server;
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject, run_all};
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};

use crate::server::{Product, backends, redis, runtime, send};

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_every_scenario() {
    let server = redis().await;
    run_all(&Subject::new(backends(), &runtime(server.port(), ""), None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_passes_every_scenario() {
    let server = Server::start(Product::Valkey).await;
    let text = format!(
        "[backend.main]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}\"\n\n[keyvalue]\n\
         \"*\" = {{ backend = \"main\", prefix = \"app:\" }}\n",
        server.port()
    );
    let subject = Subject::new(backends(), &text, None).await;
    run_all(&subject).await;
    // The prefix of all labels comes before that of each.
    subject.set(Api::Own, "one", "key", b"1").await;
    subject.set(Api::Own, "other", "key", b"2").await;
    assert_eq!(subject.get(Api::Own, "one", "key").await.as_deref(), Some(&b"1"[..]));
    assert!(send(server.port(), "GET app:other:key\r\n").await.unwrap().contains('2'));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_other_programs_are_read_within_bounds() {
    let server = redis().await;
    let text = format!(
        "[backend.main]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}\"\n\n[keyvalue]\n\
         any = {{ backend = \"main\", prefix = \"\" }}\n\"*\" = \"memory\"\n",
        server.port()
    );
    let subject = Subject::new(backends(), &text, None).await;
    send(server.port(), "SET theirs 1\r\n").await.unwrap();
    send(server.port(), "RPUSH list 1\r\n").await.unwrap();
    // 9 MiB, which is more than a value may have.
    send(server.port(), "SETRANGE large 9437183 x\r\n").await.unwrap();
    assert_eq!(subject.get(Api::Draft, "any", "theirs").await.as_deref(), Some(&b"1"[..]));
    let error = |text: &str| Answer::Error { name: "invalid-argument".to_owned(), text: text.to_owned() };
    for (key, text) in [
        ("list", "the key holds a value that is not a string"),
        ("large", "the values are larger than a call may return"),
    ] {
        assert_eq!(subject.call(Api::Own, "any", Call::Get(key.to_owned())).await, error(text));
    }
    let keys = ["theirs", "large", "large"].map(str::to_owned).to_vec();
    let found = subject.call(Api::Own, "any", Call::GetMany(keys)).await;
    assert_eq!(found, error("the values are larger than a call may return"));
    let list = Call::ListAll { prefix: String::new(), limit: 10 };
    let Answer::Keys { mut keys, .. } = subject.call(Api::Own, "any", list).await else {
        panic!("keys are expected")
    };
    keys.sort();
    assert_eq!(keys, ["large", "theirs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_labels_of_a_component_are_on_two_servers() {
    let (redis, valkey) = tokio::join!(redis(), Server::start(Product::Valkey));
    let text = format!(
        "[backend.one]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}\"\n\n\
         [backend.other]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}/3\"\n\n\
         [keyvalue]\nsessions = \"one\"\ncache = {{ backend = \"other\", prefix = \"c/\" }}\n\"*\" = \"memory\"\n",
        redis.port(),
        valkey.port()
    );
    let subject = Subject::new(backends(), &text, None).await;
    for label in ["sessions", "cache", "other"] {
        subject.set(Api::Draft2, label, "key", label.as_bytes()).await;
    }
    assert!(send(redis.port(), "GET sessions:key\r\n").await.unwrap().contains("sessions"));
    assert!(send(valkey.port(), "SELECT 3\r\nGET c/key\r\n").await.is_some());
    let found =
        send(valkey.port(), "EVAL \"redis.call('SELECT',3) return redis.call('GET','c/key')\" 0\r\n").await;
    assert!(found.unwrap().contains("cache"));
    assert_eq!(subject.get(Api::Draft2, "other", "key").await.as_deref(), Some(&b"other"[..]));

    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let services = airssys_wasm::Services::default().with(airssys_keyvalue::KeyValue);
    let set = backends().configure(&runtime, &services.labels(), None).unwrap();
    let products: Vec<_> = set.check().await.into_iter().map(|report| report.answer.unwrap()).collect();
    assert_eq!(products[0], "in memory");
    assert!(products[1].starts_with("Redis "), "{products:?}");
    assert!(products[2].starts_with("Valkey "), "{products:?}");
}

#[test]
fn options_are_read_with_their_defaults_and_no_report_shows_the_url() {
    let parse = |text: &str| {
        let variables = Variables::from_fn(|name| match name {
            "REDIS_URL" => Some("redis://:hunter2@variable".to_owned()),
            "REDIS_MAX_RETRIES" => Some("7".to_owned()),
            "REDIS_MAX_DELAY" => Some("soon".to_owned()),
            _ => None,
        });
        let sources = vec![RuntimeSource::new("runtime.toml", text)];
        let runtime = Runtime::parse(sources, variables, None).unwrap();
        backends().configure(&runtime, &Default::default(), None).map(drop)
    };
    parse("[backend.a]\ntype = \"redis\"\nmax_delay = \"2s\"\n").unwrap();
    let found = parse("[backend.a]\ntype = \"redis\"\n").unwrap_err().to_string();
    assert!(found.contains("`REDIS_MAX_DELAY` must be a whole number from 1 to 60000"), "{found}");
    let text =
        "[backend.a]\ntype = \"redis\"\nurl = \"http://:hunter2@host\"\nmax_delay = \"9h\"\nmore = 1\n";
    let found = parse(text).unwrap_err();
    assert_eq!(found.iter().count(), 3, "{found}");
    let kept = found.text(std::path::Path::new("runtime.toml")).unwrap();
    assert!(!format!("{found} {kept}").contains("hunter2"), "{found} {kept}");
}

#[test]
fn labels_that_would_share_keys_are_reported() {
    let shared = |entries: &str| {
        let text = format!("[backend.main]\ntype = \"redis\"\n\n[keyvalue]\n{entries}");
        let runtime =
            Runtime::parse(vec![RuntimeSource::new("runtime.toml", text)], Variables::default(), None);
        let services = airssys_wasm::Services::default().with(airssys_keyvalue::KeyValue);
        let set = backends().configure(&runtime.unwrap(), &services.labels(), None);
        set.map_or_else(|found| found.iter().map(|found| found.message.clone()).collect(), |_| Vec::new())
    };
    let with =
        |label: &str, prefix: &str| format!("{label} = {{ backend = \"main\", prefix = \"{prefix}\" }}\n");
    for (entries, expected) in [
        (with("a", "x:") + &with("b", "x:"), &["the label `b` shares keys with `a`"][..]),
        (with("a", "x:y:") + &with("b", "x:"), &["the label `b` shares keys with `a`"]),
        (with("a", "") + "\"*\" = \"main\"\n", &["the label `a` shares keys with `*`"]),
        (with("a", "b:") + "\"*\" = \"main\"\n", &["the label `a` shares keys with `*`"]),
        (with("a", "b") + "\"*\" = \"main\"\n", &["the label `a` shares keys with `*`"]),
        (with("a", "app:") + &with("\"*\"", "app:b:"), &["the label `a` shares keys with `*`"]),
        (with("a", "x:") + &with("b", "y:"), &[]),
        (with("a", "C/") + "\"*\" = \"main\"\n", &[]),
        ("a = \"main\"\nb = \"main\"\n\"*\" = \"main\"\n".to_owned(), &[]),
        (with("a", "x:") + &with("\"*\"", "app:"), &[]),
        // Another backend has other keys.
        (with("a", "") + "\"*\" = \"memory\"\n", &[]),
    ] {
        assert_eq!(shared(&entries), *expected, "{entries}");
    }
}
