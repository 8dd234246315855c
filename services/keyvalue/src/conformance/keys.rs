//! Many keys: batches, lists, labels, bounds.

use std::collections::BTreeSet;

use test_keyvalue_calls::{Answer, Api, Call, When};

use crate::conformance::subject::{Subject, name};

pub(super) async fn get_many_keeps_order_and_holes(subject: &Subject) {
    for (key, value) in [("a", "1"), ("b", ""), ("c", "3")] {
        subject.set(Api::Own, "many", key, value.as_bytes()).await;
    }
    for api in Api::ALL {
        let keys = ["c", "none", "a", "b", "c", "other"].map(str::to_owned).to_vec();
        let found = subject.call(api, "many", Call::GetMany(keys)).await;
        let value = |text: &str| Some(text.as_bytes().to_vec());
        let expected = vec![value("3"), None, value("1"), value(""), value("3"), None];
        assert_eq!(found, Answer::Values(expected), "{api:?}");
        assert_eq!(subject.call(api, "many", Call::GetMany(Vec::new())).await, Answer::Values(Vec::new()));
    }
}

pub(super) async fn set_many_and_delete_many_change_all_keys(subject: &Subject) {
    for api in Api::ALL {
        let key = |n: usize| format!("{api:?} {n}");
        let entries: Vec<_> = (0..100).map(|n| (key(n), n.to_string().into_bytes())).collect();
        let values = Answer::Values(entries.iter().map(|(_, value)| Some(value.clone())).collect());
        let set = subject.call(api, "sets", Call::SetMany { entries, ttl_ms: None }).await;
        assert_eq!(set, Answer::Done, "{api:?}");
        let all: Vec<_> = (0..100).map(key).collect();
        assert_eq!(subject.call(api, "sets", Call::GetMany(all.clone())).await, values, "{api:?}");
        // Absent keys among them are no error.
        let deleted: Vec<_> = (50..150).map(key).collect();
        assert_eq!(subject.call(api, "sets", Call::DeleteMany(deleted)).await, Answer::Done, "{api:?}");
        let Answer::Values(left) = subject.call(api, "sets", Call::GetMany(all)).await else {
            panic!("{api:?}: values are expected")
        };
        assert_eq!(left.iter().filter(|value| value.is_some()).count(), 50, "{api:?}");
        for none in [Call::SetMany { entries: Vec::new(), ttl_ms: None }, Call::DeleteMany(Vec::new())] {
            assert_eq!(subject.call(api, "sets", none).await, Answer::Done, "{api:?}");
        }
    }
}

pub(super) async fn list_follows_its_cursor_to_every_key_of_a_prefix(subject: &Subject) {
    // Characters of patterns are those of a key here.
    let keys = |prefix: &str| (0..1_200).map(|n| format!("{prefix}{n}")).collect::<BTreeSet<_>>();
    for prefix in ["user*", "user[1]ü."] {
        let entries: Vec<_> = keys(prefix).into_iter().map(|key| (key, vec![0])).collect();
        for entries in entries.chunks(600) {
            let call = Call::SetMany { entries: entries.to_vec(), ttl_ms: None };
            assert_eq!(subject.call(Api::Own, "lists", call).await, Answer::Done);
        }
    }
    for (prefix, expected) in [
        ("user*", keys("user*")),
        ("user[1]ü.", keys("user[1]ü.")),
        ("user", &keys("user*") | &keys("user[1]ü.")),
        ("", &keys("user*") | &keys("user[1]ü.")),
        ("none", BTreeSet::new()),
    ] {
        for api in Api::ALL {
            let call = Call::ListAll { prefix: prefix.to_owned(), limit: 100 };
            let Answer::Keys { keys, pages, .. } = subject.call(api, "lists", call).await else {
                panic!("{api:?} {prefix}: keys are expected")
            };
            let found: BTreeSet<_> = keys.into_iter().collect();
            assert_eq!(found, expected, "{api:?} {prefix}");
            assert!(pages >= 2 || expected.is_empty(), "{api:?} {prefix}: {pages} pages");
        }
    }
    let odd = Call::List { prefix: String::new(), cursor: Some("77".to_owned()), limit: 10 };
    let refused = subject.call(Api::Draft, "lists", odd).await;
    assert_eq!(name(&refused), "other", "{refused:?}");
}

pub(super) async fn labels_are_apart(subject: &Subject) {
    for api in Api::ALL {
        subject.set(api, "apart", "key", b"one").await;
        subject.set(api, "apart-too", "key", b"other").await;
        assert_eq!(subject.get(api, "apart", "key").await.as_deref(), Some(&b"one"[..]));
        assert_eq!(subject.call(api, "apart", Call::Delete("key".to_owned())).await, Answer::Done);
        assert_eq!(subject.get(api, "apart-too", "key").await.as_deref(), Some(&b"other"[..]));
    }
    let list = Call::ListAll { prefix: String::new(), limit: 10 };
    let Answer::Keys { keys, .. } = subject.call(Api::Own, "apart-too", list).await else {
        panic!("keys are expected")
    };
    assert_eq!(keys, ["key"]);
}

pub(super) async fn arguments_beyond_their_bounds_are_refused(subject: &Subject) {
    let long = "x".repeat(1_025);
    let set = |key: &str, ttl_ms, value: usize| Call::Set {
        key: key.to_owned(),
        value: vec![0; value],
        ttl_ms,
        when: When::Always,
    };
    for (api, expected) in [(Api::Draft, "other"), (Api::Draft2, "other"), (Api::Own, "invalid-argument")] {
        for call in [
            Call::Get(String::new()),
            Call::Get(long.clone()),
            set("", None, 0),
            set(&long, None, 0),
            Call::Delete(long.clone()),
            Call::Exists(String::new()),
            Call::Increment { key: String::new(), delta: 1 },
            Call::GetMany(vec!["a".to_owned(), long.clone()]),
            Call::GetMany(vec!["a".to_owned(); 1_001]),
            Call::SetMany { entries: vec![("a".to_owned(), Vec::new()); 1_001], ttl_ms: None },
            Call::DeleteMany(vec!["a".to_owned(); 1_001]),
        ] {
            let refused = subject.call(api, "bounds", call.clone()).await;
            assert_eq!(name(&refused), expected, "{api:?} {call:?}: {refused:?}");
        }
        // The longest key is a key on every backend.
        let longest = "ü".repeat(512);
        subject.set(api, "bounds", &longest, b"1").await;
        assert_eq!(subject.get(api, "bounds", &longest).await.as_deref(), Some(&b"1"[..]), "{api:?}");
    }
    for ttl_ms in [0, u64::MAX] {
        let refused = subject.call(Api::Own, "bounds", set("key", Some(ttl_ms), 0)).await;
        assert_eq!(name(&refused), "invalid-argument", "{ttl_ms}: {refused:?}");
    }
    assert_eq!(subject.get(Api::Own, "bounds", "key").await, None);
}
