//! Rights, decided at every call.

use test_keyvalue_calls::{Answer, Api, Call, When};

use crate::conformance::subject::{REVOCABLE, Subject, name};

/// Calls that read, that write, and that do both.
fn calls() -> [Vec<Call>; 3] {
    let key = || "key".to_owned();
    let set = Call::Set { key: key(), value: b"1".to_vec(), ttl_ms: None, when: When::Always };
    let list = Call::ListAll { prefix: String::new(), limit: 10 };
    [
        vec![Call::Get(key()), Call::Exists(key()), Call::GetMany(vec![key()]), list],
        vec![
            set,
            Call::Delete(key()),
            Call::SetMany { entries: vec![(key(), b"1".to_vec())], ttl_ms: None },
            Call::DeleteMany(vec![key()]),
        ],
        vec![Call::Increment { key: key(), delta: 1 }],
    ]
}

pub(super) async fn each_call_needs_its_right(subject: &Subject) {
    let [reads, writes, both] = calls();
    for api in Api::ALL {
        for (instance, allowed, denied) in [("reader", &reads, &writes), ("writer", &writes, &reads)] {
            for call in allowed {
                let answer = subject.call_in(instance, api, "shared", call.clone()).await;
                assert_eq!(name(&answer), "no error", "{instance} {api:?} {call:?}: {answer:?}");
            }
            for call in denied.iter().chain(&both) {
                let answer = subject.call_in(instance, api, "shared", call.clone()).await;
                assert_eq!(name(&answer), "access-denied", "{instance} {api:?} {call:?}: {answer:?}");
            }
            // A label that exists and one that does not are denied alike, and so is what cannot be a label.
            for label in ["bytes", "no-such-label", "", "*", "shared:read", "a/*", "Ü"] {
                let answer = subject.call_in(instance, api, label, Call::Open).await;
                assert_eq!(name(&answer), "access-denied", "{instance} {api:?} {label:?}: {answer:?}");
            }
        }
    }
}

pub(super) async fn revoked_right_counts_at_the_next_call(subject: &Subject) {
    for api in Api::ALL {
        let set = || {
            let (key, value) = ("key".to_owned(), b"2".to_vec());
            let call = Call::Set { key, value, ttl_ms: None, when: When::Always };
            subject.call_in(REVOCABLE, api, "revoked", call)
        };
        let is_set = |answer: &Answer| matches!(answer, Answer::Done | Answer::Version(_));
        // The bucket stays open, so that the right is decided at the call.
        let allowed = set().await;
        assert!(is_set(&allowed), "{api:?}: {allowed:?}");
        subject.change(false, "keyvalue/revoked:write");
        let denied = set().await;
        assert_eq!(name(&denied), "access-denied", "{api:?}: {denied:?}");
        subject.change(true, "keyvalue/revoked:write");
        let allowed = set().await;
        assert!(is_set(&allowed), "{api:?}: {allowed:?}");
    }
}
