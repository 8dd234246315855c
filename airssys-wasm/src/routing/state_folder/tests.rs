use super::*;

fn pattern(text: &str) -> TopicPattern {
    text.parse().unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn subscriptions_are_read_when_the_folder_is_opened_again() {
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
fn a_folder_in_use_cannot_be_opened() {
    let folder = folder();
    let first = StateFolder::open(folder.path()).unwrap();
    assert!(matches!(StateFolder::open(folder.path()), Err(StateError::InUse { .. })));
    drop(first);
    StateFolder::open(folder.path()).unwrap();
}

#[test]
fn an_invalid_file_is_an_error_and_stays_as_it_is() {
    for (text, expected) in [
        ("{", "is not a valid subscriptions file"),
        ("{\"version\": 1, \"instances\": {\"a\": [\"x..y\"]}}", "is not a valid subscriptions file"),
        ("{\"version\": 1, \"instances\": {}, \"more\": 1}", "is not a valid subscriptions file"),
        ("{\"version\": 2, \"instances\": {}}", "has version 2, not 1"),
    ] {
        let folder = folder();
        let file = folder.path().join(SUBSCRIPTIONS);
        fs::write(&file, text).unwrap();
        let Err(error) = StateFolder::open(folder.path()) else { panic!("{text} is accepted") };
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn a_path_to_a_file_is_an_error() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateFolder::open(&file), Err(StateError::Folder { .. })));
}

#[test]
fn a_change_that_could_not_be_written_is_written_with_the_next_one() {
    let folder = folder();
    let state = StateFolder::open(folder.path()).unwrap();
    // A folder in the place of the temporary file makes the write fail.
    let obstacle = folder.path().join("subscriptions.json.new");
    fs::create_dir(&obstacle).unwrap();
    state.subscribed("a", &pattern("one"));
    fs::remove_dir(&obstacle).unwrap();
    state.subscribed("a", &pattern("two"));
    drop(state);
    let state = StateFolder::open(folder.path()).unwrap();
    assert_eq!(state.subscriptions("a"), [pattern("one"), pattern("two")]);
}
