//! Containers, and the lists of their objects.

use test_blobstore_calls::{Answer, Call};

use crate::conformance::subject::{Subject, error};

pub(super) async fn containers_are_created_listed_cleared_and_removed(subject: &Subject) {
    let name = || "changing".to_owned();
    let exists = || subject.call(Call::ContainerExists(name()));
    assert_eq!(exists().await, Answer::Flag(false));
    for call in [Call::ContainerInfo(name()), Call::Clear(name())] {
        assert_eq!(subject.call(call).await, error("no such container"));
    }
    for _ in 0..2 {
        subject.create("changing").await;
        assert_eq!(exists().await, Answer::Flag(true));
        let info = subject.call(Call::ContainerInfo(name())).await;
        assert!(
            matches!(&info, Answer::Info { container, created, .. } if container == "changing" && *created > 0),
            "{info:?}"
        );
        let long = "long".repeat(250);
        for object in ["a", "b", "c", &long] {
            subject.put("changing", object, b"1").await;
        }
        // One that exists keeps its objects.
        subject.create("changing").await;
        assert_eq!(subject.names("changing").await, ["a", "b", "c", &long]);
        let names = vec!["a".to_owned(), "absent".to_owned(), long];
        subject.done(Call::Delete { container: name(), names }).await;
        assert_eq!(subject.names("changing").await, ["b", "c"]);
        subject.done(Call::Clear(name())).await;
        assert_eq!(subject.names("changing").await, [""; 0]);
        assert_eq!(exists().await, Answer::Flag(true));
        subject.put("changing", "d", b"1").await;

        // A handle that is open does not bring the container back.
        subject.done(Call::Hold(name())).await;
        subject.done(Call::Remove(name())).await;
        subject.done(Call::Remove(name())).await;
        assert_eq!(exists().await, Answer::Flag(false));
        let has = Call::Has { container: name(), name: "d".to_owned() };
        assert_eq!(subject.call(has).await, error("no such container"));
        let put = Call::PutLarge { container: name(), name: "e".to_owned(), size: 1, finishes: true };
        assert_eq!(subject.call(put).await, error("no such container"));
        let list = Call::List { container: name(), page: 10, skip: 0 };
        assert_eq!(subject.call(list).await, error("no such container"));
    }
}

pub(super) async fn list_gives_every_name_once_in_pages(subject: &Subject) {
    subject.create("list").await;
    let mut expected = Vec::new();
    for number in 0..25 {
        let name = format!("{}/{number:02}", ["a", "B", "ü"][number % 3]);
        subject.put("list", &name, b"1").await;
        expected.push(name);
    }
    expected.sort();
    for (page, skip, pages) in
        [(1_000, 0, 1), (10, 0, 3), (5, 0, 5), (1, 0, 25), (10, 7, 2), (10, 24, 1), (10, 25, 0), (10, 99, 0)]
    {
        let answer = subject.call(Call::List { container: "list".to_owned(), page, skip }).await;
        let skipped = skip.min(25);
        let names = expected[skipped as usize..].to_vec();
        assert_eq!(answer, Answer::Names { names, pages, skipped }, "{page} {skip}");
    }
}

pub(super) async fn arguments_beyond_their_bounds_are_refused(subject: &Subject) {
    subject.create("bounds").await;
    let container = || "bounds".to_owned();
    for (name, bytes) in [(String::new(), 0), ("n".repeat(1_025), 1_025)] {
        let refused = error(&format!("invalid argument: the name has {bytes} bytes: 1 to 1024 are allowed"));
        let put = Call::PutLarge { container: container(), name: name.clone(), size: 1, finishes: true };
        let to = (container(), name.clone());
        for call in [
            put,
            Call::Has { container: container(), name: name.clone() },
            Call::Info { container: container(), name: name.clone() },
            Call::Get { container: container(), name: name.clone(), start: 0, end: 1 },
            Call::Delete { container: container(), names: vec![name.clone()] },
            Call::Copy { from: to.clone(), to: to.clone() },
            Call::Move { from: to.clone(), to },
        ] {
            assert_eq!(subject.call(call.clone()).await, refused, "{call:?}");
        }
    }
    let names = (0..1_001).map(|number| number.to_string()).collect();
    let refused = subject.call(Call::Delete { container: container(), names }).await;
    assert_eq!(refused, error("invalid argument: 1001 names are given: 1000 are allowed"));
}
