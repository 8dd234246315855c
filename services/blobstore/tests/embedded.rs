//! The embedded backends, through a component.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use airssys_blobstore::conformance::{Answer, Call, Subject, run_all};
use airssys_blobstore::{Folder, Memory};
use airssys_conformance::limits;
use airssys_wasm::{Backends, Limits};

fn backends() -> Backends {
    Backends::default().with(Folder).with(Memory)
}

async fn on_folder(folder: &Path) -> Subject {
    Subject::new(backends(), "", Some(folder.to_owned())).await
}

fn error(text: &str) -> Answer {
    Answer::Error(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes_every_scenario() {
    run_all(&Subject::new(backends(), "[blob]\n\"*\" = \"memory\"\n", None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_passes_every_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let subject = on_folder(folder.path()).await;
    run_all(&subject).await;
    subject.host().shutdown(Duration::from_secs(10)).await;
    // Nothing that was written is outside, and nothing temporary stays.
    let found: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(found, ["blobs"]);
    drop(subject);
    let subject = on_folder(folder.path()).await;
    let answer = subject.call(Call::ContainerExists("bytes".to_owned())).await;
    assert_eq!(answer, Answer::Flag(true));
    assert_eq!(fs::read_dir(folder.path().join("blobs/.tmp")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_for_data_objects_are_in_memory() {
    let subject = Subject::new(backends(), "", None).await;
    subject.create("images").await;
    subject.put("images", "a", b"1").await;
    assert_eq!(subject.get("images", "a", 0, 9).await, Answer::Value(b"1".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_keeps_objects_and_their_use_for_the_next_host_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = on_folder(folder.path()).await;
    first.create("images").await;
    first.put("images", "a", b"1").await;
    let second = on_folder(folder.path()).await;
    assert_eq!(second.call(Call::ContainerExists("images".to_owned())).await, error("unavailable"));
    first.host().shutdown(Duration::from_secs(10)).await;
    drop((first, second));

    // A crash has left a file that was being written.
    fs::write(folder.path().join("blobs/.tmp/7"), b"half").unwrap();
    let text = "[blob]\nimages = { backend = \"local\", max_objects = 1 }\n";
    let subject = Subject::new(backends(), text, Some(folder.path().to_owned())).await;
    assert_eq!(subject.get("images", "a", 0, 9).await, Answer::Value(b"1".to_vec()));
    let put =
        Call::PutLarge { container: "images".to_owned(), name: "b".to_owned(), size: 1, finishes: true };
    let full = error("quota exceeded: the container has too many objects: 1 are allowed");
    assert_eq!(subject.call(put).await, full);
    assert!(!folder.path().join("blobs/.tmp/7").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn full_container_refuses_bytes_and_deleted_objects_make_room() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["memory", "folder"] {
        let text = format!(
            "[backend.small]\ntype = \"{kind}\"\nmax_bytes = \"600 KiB\"\n\n[blob]\n\
             bytes = {{ backend = \"small\", max_bytes = \"300 KiB\" }}\n\
             two = {{ backend = \"small\", max_objects = 2 }}\n\"*\" = \"small\"\n"
        );
        let subject = Subject::new(backends(), &text, Some(folder.path().to_owned())).await;
        for container in ["bytes", "two", "other"] {
            subject.create(container).await;
        }
        let put = |container: &str, name: &str, size| {
            let (container, name) = (container.to_owned(), name.to_owned());
            subject.call(Call::PutLarge { container, name, size, finishes: true })
        };
        let refused =
            |answer: &Answer, text: &str| matches!(answer, Answer::Error(found) if found.contains(text));
        let full = "quota exceeded: the container has too many bytes: 307200 are allowed";
        assert_eq!(put("bytes", "a", 200_000).await, Answer::Done, "{kind}");
        let answer = put("bytes", "b", 200_000).await;
        assert!(refused(&answer, full), "{kind}: {answer:?}");
        // The bytes of a value that was refused do not count, and a name has few.
        assert_eq!(put("bytes", "b", 100_000).await, Answer::Done, "{kind}");
        let rename = (("bytes".to_owned(), "b".to_owned()), ("bytes".to_owned(), "c".to_owned()));
        subject.done(Call::Move { from: rename.0, to: rename.1 }).await;
        subject.done(Call::Delete { container: "bytes".to_owned(), names: vec!["a".to_owned()] }).await;
        assert_eq!(put("bytes", "d", 200_000).await, Answer::Done, "{kind}");
        assert_eq!(put("two", "a", 1).await, Answer::Done, "{kind}");
        assert_eq!(put("two", "b", 1).await, Answer::Done, "{kind}");
        assert_eq!(put("two", "a", 2).await, Answer::Done, "{kind}");
        let answer = put("two", "c", 1).await;
        assert!(refused(&answer, "the container has too many objects: 2 are allowed"), "{kind}: {answer:?}");
        let answer = put("other", "a", 400_000).await;
        assert!(refused(&answer, "the backend has too many bytes: 614400 are allowed"), "{kind}: {answer:?}");
        subject.done(Call::Clear("bytes".to_owned())).await;
        assert_eq!(put("other", "a", 400_000).await, Answer::Done, "{kind}");
        subject.done(Call::Remove("other".to_owned())).await;
        subject.create("other").await;
        assert_eq!(put("other", "a", 400_000).await, Answer::Done, "{kind}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_and_other_files_in_the_folder_are_no_objects() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), b"secret").unwrap();
    let subject = on_folder(folder.path()).await;
    subject.create("images").await;
    let images = folder.path().join("blobs/images");
    symlink(outside.join("secret"), images.join("link")).unwrap();
    let long = "n".repeat(300);
    symlink(&outside, images.join(format!("{}+", "n".repeat(198)))).unwrap();
    symlink(&outside, folder.path().join("blobs/linked")).unwrap();
    fs::create_dir(images.join("folder")).unwrap();

    assert!(subject.names("images").await.is_empty());
    for name in ["link", "folder", &long] {
        assert_eq!(subject.get("images", name, 0, 9).await, error("no such object"), "{name}");
        let has = Call::Has { container: "images".to_owned(), name: name.to_owned() };
        assert_eq!(subject.call(has).await, Answer::Flag(false), "{name}");
    }
    let get = subject.get("linked", "secret", 0, 9).await;
    assert_eq!(get, error("no such container"));
    // A write replaces the link, not its target.
    subject.put("images", "link", b"new").await;
    let put = Call::PutLarge { container: "images".to_owned(), name: long, size: 1, finishes: true };
    assert_eq!(subject.call(put).await, error("unavailable"));
    subject.done(Call::Remove("images".to_owned())).await;
    let found: Vec<_> = fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(found, ["secret"]);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_component_bound_what_a_container_keeps() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["memory", "folder"] {
        let (runtime, data) = (format!("[blob]\n\"*\" = \"{kind}\"\n"), Some(folder.path().to_owned()));
        let limits = Limits { stored_keys: 1, stored_bytes: 100_000, ..limits() };
        let subject = Subject::with_limits(backends(), &runtime, data, limits).await;
        let put = |container: &str, name: &str, size| {
            let (container, name) = (container.to_owned(), name.to_owned());
            subject.call(Call::PutLarge { container, name, size, finishes: true })
        };
        for container in ["objects", "bytes"] {
            subject.create(container).await;
        }
        subject.put("objects", "a", b"1").await;
        let full = error("quota exceeded: the container has too many objects: 1 are allowed");
        assert_eq!(put("objects", "b", 1).await, full, "{kind}");
        let full = error("quota exceeded: the container has too many bytes: 100000 are allowed");
        assert_eq!(put("bytes", "a", 200_000).await, full, "{kind}");
        assert!(subject.names("bytes").await.is_empty(), "{kind}");
        subject.host().shutdown(Duration::from_secs(10)).await;
    }
}
