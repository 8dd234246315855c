//! The embedded backends, through a component.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use airssys_conformance::limits;
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject, When, run_all};
use airssys_keyvalue::{File, Memory};
use airssys_wasm::{Backends, Limits};

fn backends() -> Backends {
    Backends::default().with(File).with(Memory)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes_every_scenario() {
    run_all(&Subject::new(backends(), "[keyvalue]\n\"*\" = \"memory\"\n", None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_passes_every_scenario() {
    let folder = tempfile::tempdir().unwrap();
    run_all(&Subject::new(backends(), "", Some(folder.path().join("state"))).await).await;
    assert!(folder.path().join("state/keyvalue.redb").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_for_data_the_default_is_in_memory() {
    let subject = Subject::new(backends(), "", None).await;
    subject.set(Api::Own, "label", "key", b"1").await;
    assert_eq!(subject.get(Api::Own, "label", "key").await.as_deref(), Some(&b"1"[..]));
}

async fn on_file(folder: &Path) -> Subject {
    let text = format!(
        "[backend.disk]\ntype = \"redb\"\npath = {:?}\n[keyvalue]\n\"*\" = \"disk\"\n",
        folder.join("data/file")
    );
    Subject::new(backends(), &text, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_in_a_file_outlive_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let subject = on_file(folder.path()).await;
    subject.set(Api::Own, "label", "key", b"1").await;
    let Answer::Value(Some((_, version))) =
        subject.call(Api::Own, "label", Call::Get("key".to_owned())).await
    else {
        panic!("a value is expected")
    };
    let locked = on_file(folder.path()).await;
    let refused = locked.call(Api::Own, "label", Call::Open).await;
    assert_eq!(refused, Answer::Error { name: "unavailable".to_owned(), text: String::new() });
    subject.host().shutdown(Duration::from_secs(10)).await;
    drop((subject, locked));

    let subject = on_file(folder.path()).await;
    let found = subject.call(Api::Own, "label", Call::Get("key".to_owned())).await;
    assert_eq!(found, Answer::Value(Some((b"1".to_vec(), version.clone()))));
    // A version is not given twice, not even after a restart.
    subject.call(Api::Own, "label", Call::Delete("key".to_owned())).await;
    subject.set(Api::Own, "label", "key", b"1").await;
    let found = subject.call(Api::Own, "label", Call::Get("key".to_owned())).await;
    assert_ne!(found, Answer::Value(Some((b"1".to_vec(), version))));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_label_refuses_writes_and_expired_values_make_room() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["memory", "redb"] {
        let text = format!(
            "[backend.small]\ntype = \"{kind}\"\nmax_bytes = \"20 KiB\"\n\n[keyvalue]\n\
             two = {{ backend = \"small\", max_keys = 2 }}\nbytes = {{ backend = \"small\", max_bytes = \"4 KiB\" }}\n\
             \"*\" = \"small\"\n"
        );
        let subject = Subject::new(backends(), &text, Some(folder.path().to_owned())).await;
        let set = |label: &'static str, key: &str, size: usize, ttl_ms| {
            let call = Call::Set { key: key.to_owned(), value: vec![0; size], ttl_ms, when: When::Always };
            subject.call(Api::Own, label, call)
        };
        let full = |text: &str| Answer::Error { name: "quota-exceeded".to_owned(), text: text.to_owned() };
        set("two", "a", 1, None).await;
        set("two", "b", 1, Some(1)).await;
        // Setting a key again needs no further key. The expired one makes room for another.
        assert!(matches!(set("two", "a", 2, None).await, Answer::Version(_)), "{kind}");
        loop {
            match set("two", "c", 1, None).await {
                Answer::Version(_) => break,
                answer => assert_eq!(answer, full("the label has too many keys: 2 are allowed"), "{kind}"),
            }
        }
        assert_eq!(set("two", "d", 1, None).await, full("the label has too many keys: 2 are allowed"));
        assert!(matches!(set("bytes", "a", 3_000, None).await, Answer::Version(_)), "{kind}");
        let refused = set("bytes", "b", 3_000, None).await;
        assert_eq!(refused, full("the label has too many bytes: 4096 are allowed"), "{kind}");
        // A larger value in place of the old one counts once.
        assert!(matches!(set("bytes", "a", 3_500, None).await, Answer::Version(_)), "{kind}");
        assert!(matches!(set("other", "a", 10_000, None).await, Answer::Version(_)), "{kind}");
        let entries = vec![("b".to_owned(), vec![0; 4_000]), ("c".to_owned(), vec![0; 4_000])];
        let refused = subject.call(Api::Own, "other", Call::SetMany { entries, ttl_ms: None }).await;
        assert_eq!(refused, full("the backend has too many bytes: 20480 are allowed"), "{kind}");
        let none = subject.call(Api::Own, "other", Call::GetMany(vec!["b".to_owned(), "c".to_owned()])).await;
        assert_eq!(none, Answer::Values(vec![None, None]), "{kind}");
        subject.call(Api::Own, "other", Call::Delete("a".to_owned())).await;
        assert!(matches!(set("other", "b", 10_000, None).await, Answer::Version(_)), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backends_without_a_path_have_a_file_each() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[backend.one]\ntype = \"redb\"\n[backend.two]\ntype = \"redb\"\n\n\
                [keyvalue]\na = \"one\"\nb = \"two\"\n";
    let subject = Subject::new(backends(), text, Some(folder.path().to_owned())).await;
    for label in ["a", "b", "other"] {
        subject.set(Api::Own, label, "key", label.as_bytes()).await;
        assert_eq!(subject.get(Api::Own, label, "key").await.as_deref(), Some(label.as_bytes()));
    }
    for file in ["keyvalue-one.redb", "keyvalue-two.redb", "keyvalue.redb"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_a_list_and_of_a_condition_are_bounded() {
    let subject = Subject::new(backends(), "[keyvalue]\n\"*\" = \"memory\"\n", None).await;
    let long = || "x".repeat(5_000);
    let list = |prefix: String, cursor| Call::List { prefix, cursor, limit: 1 };
    let set = Call::Set { key: "a".to_owned(), value: vec![], ttl_ms: None, when: When::Version(long()) };
    for (call, text) in [
        (list(long(), None), "the prefix has 5000 bytes: 1024 are allowed"),
        (list(String::new(), Some(long())), "the cursor has 5000 bytes: 4096 are allowed"),
        (set, "the version has 5000 bytes: 4096 are allowed"),
    ] {
        let refused = Answer::Error { name: "invalid-argument".to_owned(), text: text.to_owned() };
        assert_eq!(subject.call(Api::Own, "label", call).await, refused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_component_bound_its_calls_and_what_a_label_keeps() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["memory", "redb"] {
        let (runtime, data) = (format!("[keyvalue]\n\"*\" = \"{kind}\"\n"), Some(folder.path().to_owned()));
        let limits = Limits { stored_keys: 2, stored_bytes: 4_096, ..limits() };
        let subject = Subject::with_limits(backends(), &runtime, data, limits).await;
        let set = |label: &'static str, key: &str, size: usize| {
            let (key, value) = (key.to_owned(), vec![0; size]);
            subject.call(Api::Own, label, Call::Set { key, value, ttl_ms: None, when: When::Always })
        };
        let full = |text: &str| Answer::Error { name: "quota-exceeded".to_owned(), text: text.to_owned() };
        for key in ["a", "b"] {
            assert!(matches!(set("keys", key, 1).await, Answer::Version(_)), "{kind}");
        }
        let refused = full("the label has too many keys: 2 are allowed");
        assert_eq!(set("keys", "c", 1).await, refused, "{kind}");
        for api in Api::ALL {
            let increment = Call::Increment { key: "d".to_owned(), delta: 1 };
            let refused = subject.call(api, "keys", increment).await;
            assert!(format!("{refused:?}").contains("too many keys: 2"), "{kind} {api:?}: {refused:?}");
        }
        let refused = full("the label has too many bytes: 4096 are allowed");
        assert_eq!(set("bytes", "a", 5_000).await, refused, "{kind}");
        subject.host().shutdown(Duration::from_secs(10)).await;
    }
    let limits = Limits { service_calls_per_second: 3, ..limits() };
    let subject = Subject::with_limits(backends(), "[keyvalue]\n\"*\" = \"memory\"\n", None, limits).await;
    let count = Call::Count { key: "a".to_owned(), times: 1_000 };
    let text = "more than 3 calls of services in a second".to_owned();
    let refused = Answer::Error { name: "quota-exceeded".to_owned(), text };
    assert_eq!(subject.call(Api::Own, "label", count).await, refused);
}
