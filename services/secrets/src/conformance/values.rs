//! Values, names, lists and bounds.

use test_secrets_calls::{Answer, Call};

use crate::conformance::subject::{INSTANCES, Subject, name};

pub(super) async fn any_bytes_are_kept_under_any_name(subject: &Subject) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let (long, wide) = ("n".repeat(256), "日".repeat(85));
    let mut names = [
        "plain",
        "Plain",
        ".",
        "..",
        "a/b",
        "a/",
        "/a",
        "../../etc/passwd",
        "a%2Fb",
        "a=2Fb",
        "a b?c#d",
        "nul\0",
        "日本",
        "\u{7f}\n",
        &long,
        &wide,
    ];
    for id in names {
        for value in [&every_byte[..], b"", b"second", "é\0\u{1f512}".as_bytes(), &[7; 64 << 10]] {
            subject.set("bytes", id, value).await;
            assert_eq!(subject.get("bytes", id).await, Answer::Value(Some(value.to_vec())), "{id:?}");
        }
    }
    names.sort_unstable();
    let listed = subject.call("bytes", Call::List { cursor: None, limit: 1_000 }).await;
    assert_eq!(listed, Answer::Ids(names.map(str::to_owned).into(), None));
    for id in names {
        let exists = || subject.call("bytes", Call::Exists(id.to_owned()));
        assert_eq!(exists().await, Answer::Flag(true), "{id:?}");
        // An absent secret can be deleted.
        for _ in 0..2 {
            assert_eq!(subject.call("bytes", Call::Delete(id.to_owned())).await, Answer::Done, "{id:?}");
        }
        assert_eq!(exists().await, Answer::Flag(false), "{id:?}");
        assert_eq!(subject.get("bytes", id).await, Answer::Value(None), "{id:?}");
    }
    let listed = subject.call("bytes", Call::List { cursor: None, limit: 1_000 }).await;
    assert_eq!(listed, Answer::Ids(Vec::new(), None));
}

pub(super) async fn lockers_are_apart(subject: &Subject) {
    // The second could be read as a folder of the first.
    for (locker, value) in [("one", b"1"), ("one-id", b"2"), ("other", b"3")] {
        subject.set(locker, "id", value).await;
        subject.set(locker, "-id/id", value).await;
    }
    for (locker, value) in [("one", b"1"), ("one-id", b"2"), ("other", b"3")] {
        for id in ["id", "-id/id"] {
            assert_eq!(subject.get(locker, id).await, Answer::Value(Some(value.to_vec())), "{locker} {id}");
        }
        let listed = subject.call(locker, Call::List { cursor: None, limit: 10 }).await;
        assert_eq!(listed, Answer::Ids(vec!["-id/id".to_owned(), "id".to_owned()], None), "{locker}");
    }
    assert_eq!(subject.call("one", Call::Delete("id".to_owned())).await, Answer::Done);
    assert_eq!(subject.get("other", "id").await, Answer::Value(Some(b"3".to_vec())));
}

pub(super) async fn list_follows_its_cursor_to_every_name(subject: &Subject) {
    let names: Vec<String> = (0..7).map(|number| format!("name/{number}")).collect();
    for id in names.iter().rev() {
        subject.set("list", id, b"1").await;
    }
    for limit in [0, 1, 3, 7, u32::MAX] {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let list = Call::List { cursor: cursor.take(), limit };
            let Answer::Ids(ids, next) = subject.call("list", list).await else {
                panic!("names are expected")
            };
            assert!(ids.len() <= usize::try_from(limit).unwrap().max(1), "{limit}: {ids:?}");
            found.extend(ids);
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(found, names, "{limit}");
    }
    // A cursor may be of a name that is deleted meanwhile.
    let list = Call::List { cursor: Some("name/45".to_owned()), limit: 10 };
    assert_eq!(subject.call("list", list).await, Answer::Ids(names[5..].to_vec(), None));
}

pub(super) async fn arguments_beyond_their_bounds_are_refused(subject: &Subject) {
    let refused = |text: &str| Answer::Error { name: "invalid-argument".to_owned(), text: text.to_owned() };
    for id in [String::new(), "n".repeat(257)] {
        let text = format!("the name has {} bytes: 1 to 256 are allowed", id.len());
        for call in [
            Call::Get(id.clone()),
            Call::Set(id.clone(), vec![1]),
            Call::Delete(id.clone()),
            Call::Exists(id.clone()),
        ] {
            assert_eq!(subject.call("bounds", call.clone()).await, refused(&text), "{call:?}");
        }
    }
    let set = Call::Set("id".to_owned(), vec![1; (64 << 10) + 1]);
    assert_eq!(subject.call("bounds", set).await, refused("the value has 65537 bytes: 65536 are allowed"));
    assert_eq!(subject.get("bounds", "id").await, Answer::Value(None));
    let list = Call::List { cursor: Some("n".repeat(257)), limit: 1 };
    assert_eq!(subject.call("bounds", list).await, refused("the cursor has 257 bytes: 256 are allowed"));
}

pub(super) async fn concurrent_writes_are_all_kept(subject: &Subject) {
    let writes = (0..4 * INSTANCES).map(|number| async move {
        let instance = format!("all/{}", 1 + number % INSTANCES);
        let set = Call::Set(format!("id-{number}"), number.to_string().into_bytes());
        let answer = subject.call_in(&instance, "many", set).await;
        assert_eq!(name(&answer), "no error", "{answer:?}");
    });
    futures_util::future::join_all(writes).await;
    for number in 0..4 * INSTANCES {
        let found = subject.get("many", &format!("id-{number}")).await;
        assert_eq!(found, Answer::Value(Some(number.to_string().into_bytes())));
    }
}
