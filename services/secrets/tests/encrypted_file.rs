//! The encrypted file, through a component.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_secrets::conformance::{Answer, Call, Subject, run_all};
use airssys_secrets::{EncryptedFile, Secrets};
use airssys_wasm::manifest::{Diagnostics, Runtime, RuntimeSource, Variables};
use airssys_wasm::{Backends, Capabilities, Services};

const KEY: &str = "correct horse battery staple";

fn backends() -> Backends {
    Backends::default().with(EncryptedFile)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("data/secrets")
}

fn runtime(folder: &Path, key: &str) -> String {
    format!(
        "[backend.sealed]\ntype = \"encrypted-file\"\npath = {:?}\nkey = \"{key}\"\n\n\
         [secrets]\nsmall = {{ backend = \"sealed\", max_secrets = 2 }}\n\"*\" = \"sealed\"\n",
        file(folder)
    )
}

async fn with_key(folder: &Path, key: &str) -> Subject {
    Subject::new(backends(), &runtime(folder, key), None).await
}

async fn end(subject: Subject) {
    subject.host().shutdown(Duration::from_secs(10)).await;
}

fn error(name: &str, text: &str) -> Answer {
    Answer::Error { name: name.to_owned(), text: text.to_owned() }
}

fn value(bytes: &[u8]) -> Answer {
    Answer::Value(Some(bytes.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_file_passes_every_scenario() {
    let folder = tempfile::tempdir().unwrap();
    run_all(&with_key(folder.path(), KEY).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_outlive_the_host_and_one_host_uses_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let subject = with_key(folder.path(), KEY).await;
    subject.set("payments", "token", b"hunter2-hunter2").await;
    let second = with_key(folder.path(), KEY).await;
    assert_eq!(second.get("payments", "token").await, error("unavailable", ""));
    end(second).await;
    // A file that a crash has left, with another mode.
    let left = folder.path().join("data/secrets.new");
    fs::write(&left, "left").unwrap();
    subject.set("payments", "other", b"1").await;
    end(subject).await;

    assert!(!left.exists());
    for entry in fs::read_dir(folder.path().join("data")).unwrap() {
        let entry = entry.unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        for shown in ["hunter2", KEY, "payments", "token"] {
            let is_shown = bytes.windows(shown.len()).any(|window| window == shown.as_bytes());
            assert!(!is_shown, "{:?} shows {shown}", entry.file_name());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }
    let subject = with_key(folder.path(), KEY).await;
    assert_eq!(subject.get("payments", "token").await, value(b"hunter2-hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_key_and_changed_file_are_unavailable_and_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let subject = with_key(folder.path(), KEY).await;
    subject.set("payments", "token", b"value").await;
    end(subject).await;
    let good = fs::read(file(folder.path())).unwrap();
    let middle = good.len() / 2;
    let changed = [&good[..middle], &[good[middle] ^ 1], &good[middle + 1..]].concat();

    let cases = [
        ("another key of the file", good.clone(), "the key is not the one that the file was made with"),
        (KEY, changed, "the file was changed or cut by another program"),
        (KEY, good[..good.len() - 1].to_vec(), "the file was changed or cut by another program"),
        (KEY, Vec::new(), "it is not a file of secrets"),
    ];
    for (key, bytes, reason) in cases {
        fs::write(file(folder.path()), &bytes).unwrap();
        let subject = with_key(folder.path(), key).await;
        assert_eq!(subject.get("payments", "token").await, error("unavailable", ""), "{reason}");
        let set = Call::Set("token".to_owned(), vec![1]);
        assert_eq!(subject.call("payments", set).await, error("unavailable", ""), "{reason}");
        end(subject).await;
        assert_eq!(fs::read(file(folder.path())).unwrap(), bytes, "{reason}");

        // The operator gets the reason, without the key.
        let sources = vec![RuntimeSource::new("runtime.toml", runtime(folder.path(), key))];
        let services = Services::default().with(Secrets).labels();
        let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
        let set = backends().configure(&runtime, &services, None).unwrap();
        let answer = set.check().await.remove(0).answer.unwrap_err();
        let source = std::error::Error::source(&answer).map(ToString::to_string).unwrap_or_default();
        let shown = format!("{answer} {source} {answer:?}");
        assert!(shown.contains(reason), "{shown}");
        assert!(!shown.contains(key), "{shown}");
    }
    fs::write(file(folder.path()), &good).unwrap();
    let subject = with_key(folder.path(), KEY).await;
    assert_eq!(subject.get("payments", "token").await, value(b"value"));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_locker_refuses_a_new_secret_and_takes_a_new_value() {
    let folder = tempfile::tempdir().unwrap();
    let subject = with_key(folder.path(), KEY).await;
    subject.set("small", "a", b"1").await;
    subject.set("small", "b", b"1").await;
    let refused = subject.call("small", Call::Set("c".to_owned(), vec![1])).await;
    assert_eq!(refused, error("quota-exceeded", "the locker has too many secrets: 2 are allowed"));
    subject.set("small", "a", b"2").await;
    subject.set("other", "c", b"1").await;
    assert_eq!(subject.call("small", Call::Delete("b".to_owned())).await, Answer::Done);
    subject.set("small", "c", b"1").await;
    let ids = vec!["a".to_owned(), "c".to_owned()];
    assert_eq!(subject.call("small", Call::List { cursor: None, limit: 9 }).await, Answer::Ids(ids, None));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn folder_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let subject = with_key(folder.path(), KEY).await;
    assert_eq!(subject.get("payments", "token").await, error("unavailable", ""));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_write_changes_nothing_and_the_next_one_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let subject = with_key(folder.path(), KEY).await;
    subject.set("payments", "token", b"old").await;
    let good = fs::read(file(folder.path())).unwrap();
    // A folder in the place of the new file, which cannot be removed as a file.
    let new = folder.path().join("data/secrets.new");
    fs::create_dir(&new).unwrap();
    let set = || subject.call("payments", Call::Set("token".to_owned(), b"new".to_vec()));
    assert_eq!(set().await, error("unavailable", ""));
    assert_eq!(subject.get("payments", "token").await, value(b"old"));
    assert_eq!(fs::read(file(folder.path())).unwrap(), good);
    fs::remove_dir(&new).unwrap();
    assert_eq!(set().await, Answer::Done);
    assert_eq!(subject.get("payments", "token").await, value(b"new"));
}

fn configured(text: &str, key: Option<&str>, uses: Option<&str>) -> Result<(), Diagnostics> {
    let key = key.map(str::to_owned);
    let variables = Variables::from_fn(move |name| key.clone().filter(|_| name == "AIRSSYS_SECRETS_KEY"));
    let folder = tempfile::tempdir().unwrap();
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, variables, Some(folder.path().to_owned()))?;
    let uses = uses.map(|right| right.parse().unwrap()).into_iter().collect();
    let rights = Capabilities { uses, ..Capabilities::default() };
    let services = Services::default().with(Secrets).labels();
    backends().configure(&runtime, &services, Some(&[&rights])).map(drop)
}

#[test]
fn missing_or_short_key_is_reported_before_anything_starts() {
    let found = configured("", None, Some("secrets/payments:read")).unwrap_err().to_string();
    assert!(found.contains("the encrypted file of secrets has no key"), "{found}");
    assert!(found.contains("set the variable `AIRSSYS_SECRETS_KEY`"), "{found}");
    // An app that may use no secrets needs no key.
    configured("", None, Some("keyvalue/payments:read")).unwrap();
    configured("", None, None).unwrap();
    configured("", Some(KEY), Some("secrets")).unwrap();

    let found = configured("", Some("hunter2"), Some("secrets")).unwrap_err().to_string();
    assert!(
        found.contains("the variable `AIRSSYS_SECRETS_KEY` has 7 bytes: a key has at least 16"),
        "{found}"
    );
    let table = "[backend.a]\ntype = \"encrypted-file\"\n";
    let found = configured(&format!("{table}key = \"hunter2\"\n"), None, None).unwrap_err();
    let text = found.text(Path::new("runtime.toml")).unwrap_or_default();
    assert!(found.to_string().contains("`key` has 7 bytes"), "{found}");
    assert!(!format!("{found} {text}").contains("hunter2"), "{found} {text}");
    let missing = format!("{table}key = {{ file = \"/no/such/key\" }}\n");
    let found = configured(&missing, None, None).unwrap_err().to_string();
    assert!(found.contains("names the file /no/such/key, which cannot be read"), "{found}");
}
