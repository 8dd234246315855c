//! The bytes of objects.

use test_blobstore_calls::{Answer, Call, Order};

use crate::conformance::subject::{Subject, error};

/// The bytes of a large object, which are more than any buffer on its way.
const LARGE: u64 = 9 << 20;

pub(super) async fn any_bytes_are_kept_under_any_name(subject: &Subject) {
    subject.create("bytes").await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let long = "ü/".repeat(341);
    let names = [
        "plain",
        "Plain",
        "with space",
        "../../etc/passwd",
        "/a",
        ".",
        "..",
        "a/b/../c",
        "nul\0",
        "%41",
        "a+b",
        "日本",
        &long,
    ];
    for order in [Order::NameFirst, Order::BytesFirst] {
        for name in names {
            for value in [&every_byte[..], b"", b"\xff\xfe\0"] {
                let (container, name, value) = ("bytes".to_owned(), name.to_owned(), value.to_vec());
                subject.done(Call::Put { container, name: name.clone(), value: value.clone(), order }).await;
                assert_eq!(subject.get("bytes", &name, 0, u64::MAX).await, Answer::Value(value), "{name:?}");
            }
        }
    }
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(subject.names("bytes").await, expected);
}

pub(super) async fn ranges_are_inclusive_and_cut_at_the_end(subject: &Subject) {
    subject.create("ranges").await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|place| place.to_le_bytes()[1]).collect();
    subject.put("ranges", "object", &bytes).await;
    let size = bytes.len() as u64;
    for (start, end) in [
        (0, 0),
        (0, 9),
        (5, 5),
        (65_535, 65_536),
        (1_000, 150_000),
        (size - 1, size - 1),
        (size - 1, u64::MAX),
        (0, u64::MAX),
        (size, u64::MAX),
        (size + 7, size + 9),
    ] {
        let (first, last) = (start.min(size) as usize, end.saturating_add(1).min(size) as usize);
        let expected = Answer::Value(bytes[first..last].to_vec());
        assert!(subject.get("ranges", "object", start, end).await == expected, "{start} to {end}");
    }
    let refused = subject.get("ranges", "object", 3, 2).await;
    assert_eq!(refused, error("invalid argument: the range from 3 to 2 is empty"));
}

pub(super) async fn large_object_is_streamed_in_and_out(subject: &Subject) {
    subject.create("large").await;
    let (container, name) = ("large".to_owned(), "object".to_owned());
    let put =
        Call::PutLarge { container: container.clone(), name: name.clone(), size: LARGE, finishes: true };
    subject.done(put).await;
    for (start, end) in [(0, u64::MAX), (12_345, 7_000_000)] {
        let bytes = end.saturating_add(1).min(LARGE) - start;
        let get = Call::GetLarge { container: container.clone(), name: name.clone(), start, end };
        assert_eq!(subject.call(get).await, Answer::Streamed { bytes, wrong: 0 }, "{start} to {end}");
    }
}

pub(super) async fn value_that_is_not_finished_changes_nothing(subject: &Subject) {
    subject.create("unfinished").await;
    subject.put("unfinished", "object", b"old").await;
    for name in ["object", "new"] {
        let (container, name) = ("unfinished".to_owned(), name.to_owned());
        subject.done(Call::PutLarge { container, name, size: 200_000, finishes: false }).await;
    }
    assert_eq!(subject.get("unfinished", "object", 0, 9).await, Answer::Value(b"old".to_vec()));
    assert_eq!(subject.names("unfinished").await, ["object"]);
}

pub(super) async fn value_stays_readable_after_its_object_is_deleted(subject: &Subject) {
    subject.create("open").await;
    subject.put("open", "object", b"bytes").await;
    let (container, name) = ("open".to_owned(), "object".to_owned());
    let read = subject.call(Call::ReadAfterDelete { container, name }).await;
    assert_eq!(read, Answer::Value(b"bytes".to_vec()));
}

pub(super) async fn absent_object_is_told_apart(subject: &Subject) {
    subject.create("absent").await;
    subject.put("absent", "there", b"bytes").await;
    for (name, exists) in [("there", true), ("not there", false), ("ther", false), ("there/x", false)] {
        let (container, name) = ("absent".to_owned(), name.to_owned());
        let has = Call::Has { container: container.clone(), name: name.clone() };
        assert_eq!(subject.call(has).await, Answer::Flag(exists), "{name}");
        let info = subject.call(Call::Info { container: container.clone(), name: name.clone() }).await;
        match exists {
            true => assert!(
                matches!(&info, Answer::Info { name: found, container: of, size: 5, created }
                    if *found == name && *of == container && *created > 0),
                "{info:?}"
            ),
            false => {
                assert_eq!(info, error("no such object"), "{name}");
                assert_eq!(subject.get("absent", &name, 0, 9).await, error("no such object"), "{name}");
            }
        }
        // An absent object can be deleted.
        subject.done(Call::Delete { container, names: vec![name] }).await;
    }
    assert!(subject.names("absent").await.is_empty());
}

pub(super) async fn copy_and_move_replace_objects_within_and_across_containers(subject: &Subject) {
    subject.create("from").await;
    subject.create("to").await;
    let id = |container: &str, name: &str| (container.to_owned(), name.to_owned());
    let large = vec![7; 300_000];
    for (number, to) in [id("from", "other/name"), id("to", "a"), id("from", "a")].into_iter().enumerate() {
        subject.put("from", "a", &large).await;
        subject.put(&to.0, &to.1, if to == id("from", "a") { &large } else { b"old" }).await;
        subject.done(Call::Copy { from: id("from", "a"), to: to.clone() }).await;
        for (container, name) in [id("from", "a"), to.clone()] {
            let found = subject.get(&container, &name, 0, u64::MAX).await;
            assert!(found == Answer::Value(large.clone()), "copy {number}: {name}");
        }
        subject.put("from", "b", b"moved").await;
        subject.done(Call::Move { from: id("from", "b"), to: to.clone() }).await;
        assert_eq!(subject.get(&to.0, &to.1, 0, 9).await, Answer::Value(b"moved".to_vec()), "move {number}");
        assert_eq!(subject.get("from", "b", 0, 9).await, error("no such object"), "move {number}");
        subject.done(Call::Move { from: to.clone(), to: to.clone() }).await;
        assert_eq!(
            subject.get(&to.0, &to.1, 0, 9).await,
            Answer::Value(b"moved".to_vec()),
            "itself {number}"
        );
        for call in [
            Call::Copy { from: id("from", "none"), to: to.clone() },
            Call::Move { from: id("from", "none"), to: to.clone() },
        ] {
            assert_eq!(subject.call(call.clone()).await, error("no such object"), "{call:?}");
        }
        let missing = Call::Copy { from: to.clone(), to: id("missing", "a") };
        assert_eq!(subject.call(missing).await, error("no such container"));
    }
}

pub(super) async fn bytes_before_a_name_are_bounded(subject: &Subject) {
    subject.create("unnamed").await;
    let put = |size: usize| {
        let (container, name) = ("unnamed".to_owned(), "object".to_owned());
        Call::Put { container, name, value: vec![1; size], order: Order::BytesFirst }
    };
    subject.done(put(1 << 20)).await;
    let refused = subject.call(put((1 << 20) + 8_192)).await;
    let expected = "call `write-data` before more than 1048576 bytes are written";
    assert!(matches!(&refused, Answer::Error(text) if text.contains(expected)), "{refused:?}");
}

pub(super) async fn open_values_are_bounded(subject: &Subject) {
    subject.create("many").await;
    subject.put("many", "object", b"bytes").await;
    let open = |count| Call::OpenMany { container: "many".to_owned(), name: "object".to_owned(), count };
    // The places of one call are free for the next.
    for _ in 0..3 {
        subject.done(open(64)).await;
    }
    let refused = subject.call(open(65)).await;
    assert_eq!(refused, error("quota exceeded: the instance has 64 values and lists open"));
}
