//! The scenarios of the blob service, and what is special about S3.

use airssys_blobstore::conformance::{Answer, Call, Subject, run_all};

use crate::server::{backends, runtime, start, table};

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_pass_every_scenario() {
    let server = start().await;
    run_all(&Subject::new(backends(), &runtime(server.port(), ""), None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_beyond_a_key_are_listed_in_order_and_in_pages() {
    let server = start().await;
    let subject = Subject::new(backends(), &runtime(server.port(), "prefix = \"app/one\""), None).await;
    subject.create("long").await;
    let beginning = "n".repeat(256);
    let mut names: Vec<String> =
        ["", "a", "b/c", "z", "\0", "ü"].map(|end| format!("{beginning}{end}")).into();
    names.extend(["m".to_owned(), "o".to_owned(), "n".repeat(255), "n".repeat(1_024)]);
    for name in &names {
        subject.put("long", name, name.as_bytes()).await;
    }
    names.sort();
    for page in [1, 3, 100] {
        let list = Call::List { container: "long".to_owned(), page, skip: 0 };
        let pages = names.len().div_ceil(page as usize) as u32;
        let expected = Answer::Names { names: names.clone(), pages, skipped: 0 };
        assert_eq!(subject.call(list).await, expected, "{page}");
    }
    for name in &names {
        let value = Answer::Value(name.clone().into_bytes());
        assert_eq!(subject.get("long", name, 0, u64::MAX).await, value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_have_the_prefixes_that_their_entries_say() {
    let server = start().await;
    let subject = |entry: &str| {
        let text = format!("{}\n[blob]\nimages = {entry}\n", table(server.port(), ""));
        async move { Subject::new(backends(), &text, None).await }
    };
    let first = subject("{ backend = \"main\", prefix = \"a/b\" }").await;
    first.create("images").await;
    first.put("images", "object", b"1").await;
    let second = subject("\"main\"").await;
    assert_eq!(second.call(Call::ContainerExists("images".to_owned())).await, Answer::Flag(false));
    let third = subject("{ backend = \"main\", prefix = \"a/b\" }").await;
    assert_eq!(third.get("images", "object", 0, 9).await, Answer::Value(b"1".to_vec()));
}
