//! Single values: bytes, increments, conditions.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use test_keyvalue_calls::{Answer, Api, Call, When};

use crate::conformance::subject::{CROWD, INSTANCES, Subject, name};

/// Keys that stores and protocols treat in a special way.
const KEYS: [&str; 12] = [
    "plain",
    "with space",
    "ümläut 漢字",
    "a:b",
    "*",
    "a?[b]\\c",
    "line\nbreak",
    "a/b/../c",
    "dots..in.it.",
    ">",
    "=",
    "\u{1f980}",
];

pub(super) async fn any_bytes_are_kept_under_any_key(subject: &Subject) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![7; 300_000];
    for api in Api::ALL {
        for key in KEYS {
            for value in [&b""[..], &every_byte, b"\xff\xfe\0", b"7"] {
                subject.set(api, "bytes", key, value).await;
                assert_eq!(subject.get(api, "bytes", key).await.as_deref(), Some(value), "{api:?} {key:?}");
            }
            let exists = || subject.call(api, "bytes", Call::Exists(key.to_owned()));
            assert_eq!(exists().await, Answer::Flag(true), "{api:?} {key:?}");
            let deleted = subject.call(api, "bytes", Call::Delete(key.to_owned())).await;
            assert_eq!(deleted, Answer::Done, "{api:?} {key:?}");
            assert_eq!(exists().await, Answer::Flag(false), "{api:?} {key:?}");
            assert_eq!(subject.get(api, "bytes", key).await, None, "{api:?} {key:?}");
            // An absent key can be deleted.
            assert_eq!(subject.call(api, "bytes", Call::Delete(key.to_owned())).await, Answer::Done);
        }
        subject.set(api, "bytes", "large", &large).await;
        assert!(subject.get(api, "bytes", "large").await.as_deref() == Some(&large), "{api:?}");
    }
}

pub(super) async fn increment_of_a_missing_key_counts_from_zero(subject: &Subject) {
    for api in Api::ALL {
        let key = format!("{api:?}");
        let add = |delta| subject.call(api, "numbers", Call::Increment { key: key.clone(), delta });
        assert_eq!(add(5).await, Answer::Number(5), "{api:?}");
        assert_eq!(add(37).await, Answer::Number(42), "{api:?}");
        assert_eq!(subject.get(api, "numbers", &key).await.as_deref(), Some(&b"42"[..]), "{api:?}");
    }
    for api in [Api::Draft2, Api::Own] {
        let key = format!("below {api:?}");
        let below = subject.call(api, "numbers", Call::Increment { key, delta: -5 }).await;
        assert_eq!(below, Answer::Number(-5), "{api:?}");
    }
}

pub(super) async fn increment_that_an_interface_cannot_answer_has_no_effect(subject: &Subject) {
    subject.set(Api::Own, "numbers", "negative", b"-10").await;
    let add = |delta| Call::Increment { key: "negative".to_owned(), delta };
    assert_eq!(name(&subject.call(Api::Draft, "numbers", add(3)).await), "other");
    assert_eq!(subject.get(Api::Own, "numbers", "negative").await.as_deref(), Some(&b"-10"[..]));
    assert_eq!(subject.call(Api::Draft, "numbers", add(12)).await, Answer::Number(2));
}

pub(super) async fn increment_of_another_value_changes_nothing(subject: &Subject) {
    for value in ["word", "", "1.5", "9223372036854775807", " 1", "+1", "01", "-0", "99999999999999999999"] {
        subject.set(Api::Own, "numbers", "odd", value.as_bytes()).await;
        for api in Api::ALL {
            let call = Call::Increment { key: "odd".to_owned(), delta: 1 };
            let refused = subject.call(api, "numbers", call).await;
            let expected = if api == Api::Own { "invalid-argument" } else { "other" };
            assert_eq!(name(&refused), expected, "{api:?} {value:?}: {refused:?}");
        }
        let kept = subject.get(Api::Own, "numbers", "odd").await;
        assert_eq!(kept.as_deref(), Some(value.as_bytes()), "{value:?}");
    }
}

pub(super) async fn concurrent_increments_are_all_counted(subject: &Subject) {
    subject.start_crowd().await;
    for api in Api::ALL {
        let key = format!("concurrent {api:?}");
        // Each instance has one call in flight.
        let increment = async |instance: usize| {
            let call = Call::Increment { key: key.clone(), delta: 1 };
            subject.call_in(&format!("crowd/{instance}"), api, "numbers", call).await
        };
        let sums = join_all((1..=CROWD).map(increment)).await;
        let sums = sums.iter().map(|sum| match sum {
            Answer::Number(sum) => *sum,
            answer => panic!("{api:?}: {answer:?}"),
        });
        // No two callers get one sum.
        let sums: BTreeSet<_> = sums.collect();
        assert!(sums.into_iter().eq(1..=CROWD as i64), "{api:?}");
        assert_eq!(subject.get(api, "numbers", &key).await.as_deref(), Some(&b"100"[..]), "{api:?}");
    }
}

pub(super) async fn swap_fails_if_the_value_has_changed_and_gives_the_present_one(subject: &Subject) {
    let (api, label) = (Api::Draft2, "swaps");
    let call = |call| subject.call(api, label, call);
    let swap = |value: &str| call(Call::Swap(value.as_bytes().to_vec()));
    let value = |text: &str| Answer::Value(Some((text.as_bytes().to_vec(), None)));

    // An absent key is created, unless another writer has created it.
    assert_eq!(call(Call::NewCas("key".to_owned())).await, Answer::Done);
    assert_eq!(call(Call::CurrentCas).await, Answer::Value(None));
    subject.set(Api::Draft, label, "key", b"theirs").await;
    assert_eq!(swap("mine").await, Answer::Flag(false));
    assert_eq!(subject.get(api, label, "key").await.as_deref(), Some(&b"theirs"[..]));
    // The handle that comes back has the present value, so the next swap succeeds.
    assert_eq!(call(Call::CurrentCas).await, value("theirs"));
    assert_eq!(swap("mine").await, Answer::Flag(true));
    assert_eq!(subject.get(api, label, "key").await.as_deref(), Some(&b"mine"[..]));

    assert_eq!(call(Call::NewCas("key".to_owned())).await, Answer::Done);
    call(Call::Delete("key".to_owned())).await;
    assert_eq!(swap("again").await, Answer::Flag(false));
    assert_eq!(call(Call::CurrentCas).await, Answer::Value(None));
    assert_eq!(swap("again").await, Answer::Flag(true));
}

pub(super) async fn condition_of_a_write_holds_for_one_of_many_writers(subject: &Subject) {
    let label = "conditions";
    let set = async |instance: usize, value: String, when: When| {
        let call = Call::Set { key: "key".to_owned(), value: value.into_bytes(), ttl_ms: None, when };
        subject.call_in(&format!("all/{instance}"), Api::Own, label, call).await
    };
    let write_all = async |when: When| {
        let write = async |instance: usize| set(instance, format!("{when:?} {instance}"), when.clone()).await;
        let answers = join_all((1..=INSTANCES).map(write)).await;
        let versions = answers.into_iter().filter_map(|answer| match answer {
            Answer::Version(version) => Some(version),
            answer => {
                assert_eq!(name(&answer), "precondition-failed", "{answer:?}");
                None
            }
        });
        let versions: Vec<String> = versions.collect();
        assert_eq!(versions.len(), 1, "{when:?}");
        versions[0].clone()
    };
    let first = write_all(When::Absent).await;
    let read = subject.call(Api::Own, label, Call::Get("key".to_owned())).await;
    assert!(matches!(&read, Answer::Value(Some((_, Some(version)))) if *version == first), "{read:?}");
    let second = write_all(When::Version(first.clone())).await;
    assert_ne!(first, second);
    assert_eq!(name(&set(1, "late".to_owned(), When::Version(first)).await), "precondition-failed");
    assert_eq!(
        name(&set(1, "odd".to_owned(), When::Version("no version".to_owned())).await),
        "precondition-failed"
    );
    subject.call(Api::Own, label, Call::Delete("key".to_owned())).await;
    assert_eq!(name(&set(1, "gone".to_owned(), When::Version(second)).await), "precondition-failed");
    assert_eq!(subject.get(Api::Own, label, "key").await, None);
}
