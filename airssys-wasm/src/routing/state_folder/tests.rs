use super::*;

fn pattern(text: &str) -> TopicPattern {
    text.parse().unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn what_is_subscribed_is_there_when_it_is_opened_again() {
    let folder = folder();
    let state = StateFolder::open(&folder.path().join("new/state")).unwrap();
    for text in ["news.*", "alerts.fire", "news.*"] {
        state.subscribed("pool/1", &pattern(text));
    }
    state.subscribed("pool/2", &pattern("news.*"));
    state.unsubscribed("pool/2", &pattern("news.*"));
    state.subscribed("gone", &pattern("news.*"));
    state.forget("gone");
    drop(state);
    let state = StateFolder::open(&folder.path().join("new/state")).unwrap();
    assert_eq!(state.subscriptions("pool/1"), [pattern("alerts.fire"), pattern("news.*")]);
    assert_eq!(lock(&state.subscriptions).instances.len(), 1);
}

#[test]
fn one_host_uses_it_at_a_time() {
    let folder = folder();
    let first = StateFolder::open(folder.path()).unwrap();
    assert!(matches!(StateFolder::open(folder.path()), Err(StateError::InUse { .. })));
    drop(first);
    StateFolder::open(folder.path()).unwrap();
}

#[test]
fn what_no_host_has_written_is_an_error_and_is_left_alone() {
    for (text, expected) in [
        ("{", "is not what a host has written"),
        ("{\"version\": 1, \"instances\": {\"a\": [\"x..y\"]}}", "is not what a host has written"),
        ("{\"version\": 1, \"instances\": {}, \"more\": 1}", "is not what a host has written"),
        ("{\"version\": 2, \"instances\": {}}", "has version 2, not 1"),
    ] {
        let folder = folder();
        let file = folder.path().join(SUBSCRIPTIONS);
        fs::write(&file, text).unwrap();
        let Err(error) = StateFolder::open(folder.path()) else { panic!("{text} is taken") };
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn a_folder_that_is_a_file_is_an_error() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateFolder::open(&file), Err(StateError::Folder { .. })));
}

#[test]
fn a_disk_that_fails_loses_no_change_when_it_works_again() {
    let folder = folder();
    let state = StateFolder::open(folder.path()).unwrap();
    // A folder where the new file would be written: it cannot be.
    let obstacle = folder.path().join("subscriptions.json.new");
    fs::create_dir(&obstacle).unwrap();
    state.subscribed("a", &pattern("one"));
    fs::remove_dir(&obstacle).unwrap();
    state.subscribed("a", &pattern("two"));
    drop(state);
    let state = StateFolder::open(folder.path()).unwrap();
    assert_eq!(state.subscriptions("a"), [pattern("one"), pattern("two")]);
}
