//! Rights, decided at every call.

use test_secrets_calls::{Answer, Call};

use crate::conformance::subject::{REVOCABLE, Subject, name};

pub(super) async fn each_call_needs_its_right(subject: &Subject) {
    let id = || "id".to_owned();
    let reads = vec![Call::Get(id()), Call::Exists(id()), Call::List { cursor: None, limit: 1 }];
    let writes = vec![Call::Set(id(), vec![1]), Call::Delete(id())];
    for (component, allowed, denied) in [("reader", &reads, &writes), ("writer", &writes, &reads)] {
        for call in allowed {
            let answer = subject.call_in(component, "shared", call.clone()).await;
            assert_eq!(name(&answer), "no error", "{component} {call:?}: {answer:?}");
        }
        for call in denied {
            let answer = subject.call_in(component, "shared", call.clone()).await;
            assert_eq!(name(&answer), "access-denied", "{component} {call:?}: {answer:?}");
        }
        // A locker that exists and one that does not are denied alike, and so is what cannot be one.
        for locker in ["bytes", "no-such", "", "*", "shared:read", "a/*", "Ü"] {
            let answer = subject.call_in(component, locker, Call::Exists(id())).await;
            assert_eq!(name(&answer), "access-denied", "{component} {locker:?}: {answer:?}");
        }
    }
}

pub(super) async fn revoked_right_counts_at_the_next_call(subject: &Subject) {
    // The component keeps its locker open, so that the right is decided at the call.
    let set = || subject.call_in(REVOCABLE, "revoked", Call::Set("id".to_owned(), vec![1]));
    assert_eq!(set().await, Answer::Done);
    subject.change(false, "secrets/revoked:write");
    assert_eq!(name(&set().await), "access-denied");
    subject.change(true, "secrets/revoked:write");
    assert_eq!(set().await, Answer::Done);
}
