//! Times to live.

use std::time::Duration;

use test_keyvalue_calls::{Answer, Api, Call, When};

use crate::conformance::subject::Subject;

const LABEL: &str = "expiry";

async fn set(subject: &Subject, key: &str, value: &str, ttl_ms: Option<u64>, when: When) -> Answer {
    let (key, value) = (key.to_owned(), value.as_bytes().to_vec());
    subject.call(Api::Own, LABEL, Call::Set { key, value, ttl_ms, when }).await
}

/// Waits until a key is absent, however long that takes.
async fn until_absent(subject: &Subject, key: &str) {
    while subject.get(Api::Own, LABEL, key).await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn expired_key_is_absent_everywhere(subject: &Subject) {
    set(subject, "short", "1", Some(1_000), When::Always).await;
    set(subject, "long", "1", Some(3_600_000), When::Always).await;
    let entries = vec![("short too".to_owned(), vec![1])];
    subject.call(Api::Own, LABEL, Call::SetMany { entries, ttl_ms: Some(1_000) }).await;
    // An increment keeps the time to live.
    set(subject, "counter", "1", Some(1_000), When::Always).await;
    let increment = || subject.call(Api::Own, LABEL, Call::Increment { key: "counter".to_owned(), delta: 1 });
    increment().await;
    for key in ["short", "short too", "counter"] {
        until_absent(subject, key).await;
    }
    assert_eq!(subject.get(Api::Own, LABEL, "long").await.as_deref(), Some(&b"1"[..]));
    for api in Api::ALL {
        let exists = subject.call(api, LABEL, Call::Exists("short".to_owned())).await;
        assert_eq!(exists, Answer::Flag(false), "{api:?}");
        let keys = vec!["short".to_owned(), "long".to_owned()];
        let found = subject.call(api, LABEL, Call::GetMany(keys)).await;
        assert_eq!(found, Answer::Values(vec![None, Some(b"1".to_vec())]), "{api:?}");
        let list = Call::ListAll { prefix: "short".to_owned(), limit: 10 };
        let listed = subject.call(api, LABEL, list).await;
        assert!(matches!(&listed, Answer::Keys { keys, .. } if keys.is_empty()), "{api:?} {listed:?}");
    }
    let created = set(subject, "short", "2", None, When::Absent).await;
    assert!(matches!(created, Answer::Version(_)), "{created:?}");
    assert_eq!(increment().await, Answer::Number(1));
}

pub(super) async fn value_without_a_time_to_live_never_expires(subject: &Subject) {
    // Each kind of write without a time to live removes the one that the key had.
    for key in ["set", "set-many", "condition", "wasi", "probe"] {
        set(subject, key, "1", Some(1_500), When::Always).await;
    }
    set(subject, "set", "2", None, When::Always).await;
    let entries = vec![("set-many".to_owned(), vec![2])];
    subject.call(Api::Own, LABEL, Call::SetMany { entries, ttl_ms: None }).await;
    let found = subject.call(Api::Own, LABEL, Call::Get("condition".to_owned())).await;
    let Answer::Value(Some((_, Some(version)))) = found else { panic!("a version is expected") };
    set(subject, "condition", "2", None, When::Version(version)).await;
    subject.set(Api::Draft, LABEL, "wasi", b"2").await;
    subject.call(Api::Own, LABEL, Call::Increment { key: "new counter".to_owned(), delta: 1 }).await;
    until_absent(subject, "probe").await;
    for key in ["set", "set-many", "condition", "wasi", "new counter"] {
        assert!(subject.get(Api::Own, LABEL, key).await.is_some(), "{key} has expired");
    }
}
