//! Rights, decided at every call.

use test_blobstore_calls::{Answer, Call, Order};

use crate::conformance::subject::{REVOCABLE, Subject, error};

/// Calls that read, that write, and that do both.
fn calls() -> [Vec<Call>; 3] {
    let (container, name) = (|| "shared".to_owned(), || "object".to_owned());
    let id = |name: &str| (container(), name.to_owned());
    let put = |order| Call::Put { container: container(), name: name(), value: vec![1], order };
    [
        vec![
            Call::ContainerInfo(container()),
            Call::Get { container: container(), name: name(), start: 0, end: 9 },
            Call::GetLarge { container: container(), name: name(), start: 0, end: 9 },
            Call::Has { container: container(), name: name() },
            Call::Info { container: container(), name: name() },
            Call::List { container: container(), page: 10, skip: 0 },
        ],
        vec![
            Call::Create(container()),
            put(Order::NameFirst),
            put(Order::BytesFirst),
            Call::Delete { container: container(), names: vec!["other".to_owned()] },
            Call::Delete { container: container(), names: vec!["other".to_owned(), "third".to_owned()] },
        ],
        vec![
            Call::Copy { from: id("object"), to: id("copy") },
            Call::Move { from: id("object"), to: id("moved") },
        ],
    ]
}

pub(super) async fn each_call_needs_its_right(subject: &Subject) {
    subject.create("shared").await;
    subject.put("shared", "object", b"bytes").await;
    let [reads, writes, both] = calls();
    for (component, allowed, denied) in [("reader", &reads, &writes), ("writer", &writes, &reads)] {
        for call in allowed {
            let answer = subject.call_in(component, call.clone()).await;
            assert!(!matches!(answer, Answer::Error(_)), "{component} {call:?}: {answer:?}");
        }
        for call in denied.iter().chain(&both) {
            let answer = subject.call_in(component, call.clone()).await;
            assert_eq!(answer, error("access denied"), "{component} {call:?}");
        }
        for call in [Call::Clear("shared".to_owned()), Call::Remove("shared".to_owned())] {
            if component == "reader" {
                assert_eq!(
                    subject.call_in(component, call.clone()).await,
                    error("access denied"),
                    "{call:?}"
                );
            }
        }
        // A container that exists and one that does not are denied alike, and so is what cannot be one.
        for name in ["bytes", "no-such", "", "*", "shared:read", "a/*", "..", "Ü"] {
            for call in [
                Call::Hold(name.to_owned()),
                Call::Create(name.to_owned()),
                Call::ContainerExists(name.to_owned()),
                Call::Remove(name.to_owned()),
                Call::Copy {
                    from: (name.to_owned(), "object".to_owned()),
                    to: ("shared".to_owned(), "x".to_owned()),
                },
                Call::Move {
                    from: ("shared".to_owned(), "object".to_owned()),
                    to: (name.to_owned(), "x".to_owned()),
                },
            ] {
                let answer = subject.call_in(component, call.clone()).await;
                assert_eq!(answer, error("access denied"), "{component} {call:?}");
            }
        }
    }
    assert_eq!(subject.names("shared").await, ["object"]);
}

pub(super) async fn revoked_right_counts_at_the_next_call(subject: &Subject) {
    subject.create("revoked").await;
    let put = || {
        let (container, name) = ("revoked".to_owned(), "object".to_owned());
        subject.call_in(REVOCABLE, Call::PutLarge { container, name, size: 10, finishes: true })
    };
    // The container stays open, so that the right is decided at the call.
    let held = subject.call_in(REVOCABLE, Call::Hold("revoked".to_owned())).await;
    assert_eq!(held, Answer::Done);
    assert_eq!(put().await, Answer::Done);
    subject.change(false, "blob/revoked:write");
    assert_eq!(put().await, error("access denied"));
    subject.change(true, "blob/revoked:write");
    assert_eq!(put().await, Answer::Done);
}
