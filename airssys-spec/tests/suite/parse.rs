//! Parsing manifests from text, without files on a disk: results, and no panic for any text.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use airssys_spec::limits::Limits;
use airssys_spec::manifest::{App, AppManifest, ComponentManifest, Diagnostics, Files, Input, Source};
use proptest::prelude::*;

/// Files in memory. Each parent of a file is a folder.
#[derive(Default)]
struct Memory(BTreeMap<PathBuf, String>);

impl Memory {
    fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect())
    }
}

impl Files for Memory {
    fn read(&self, file: &Path) -> io::Result<String> {
        self.0.get(file).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.0.keys().any(|file| file != path && file.starts_with(path))
    }
}

const FEED: &str = "[component]\nname = \"feed\"\nversion = \"0.1.0\"\n";

fn load(files: &[(&str, &str)]) -> Result<App, Diagnostics> {
    AppManifest::load_from(Path::new("app.toml"), &Memory::of(files))
}

#[test]
fn component_folders_are_relative_to_the_app_file() {
    let app = "[app]\nname = \"demo\"\n[[component]]\nsource = \"feed\"\n[[component]]\nsource = \"../b/x.wasm\"\n\
               name = \"pool\"\ninstances = 2\n[grants.feed]\ninput = \"-\"";
    let asks = format!("{FEED}[capabilities]\ninput = true");
    let app = load(&[
        ("app.toml", app),
        ("feed/Component.toml", &asks),
        ("../b/x.wasm", ""),
        ("../b/Component.toml", FEED),
    ])
    .unwrap();
    let feed = app.component("feed").unwrap();
    assert_eq!(feed.source, Source::Folder("feed".into()));
    assert_eq!(feed.input, Some(Input::Program));
    assert_eq!(feed.instance_names().collect::<Vec<_>>(), ["feed"]);
    let pool = app.component("pool").unwrap();
    assert_eq!(pool.source, Source::Wasm("../b/x.wasm".into()));
    assert_eq!(pool.instance_names().collect::<Vec<_>>(), ["pool/1", "pool/2"]);
    assert_eq!(pool.limits, Limits::DEFAULT);
}

#[test]
fn grant_without_a_request_for_it_gives_nothing() {
    let app = "[app]\nname = \"demo\"\n[[component]]\nsource = \"feed\"\n[grants.feed]\nsend = [\"*\"]\ninput = \"-\"";
    let app = load(&[("app.toml", app), ("feed/Component.toml", FEED)]).unwrap();
    assert_eq!(app.components[0].capabilities, Default::default());
    assert_eq!(app.components[0].input, None);
}

#[test]
fn maximum_of_the_app_limits_a_component_that_sets_no_limit() {
    let app = "[app]\nname = \"demo\"\n[limits]\nmemory = \"1 MiB\"\n[[component]]\nsource = \"feed\"";
    let app = load(&[("app.toml", app), ("feed/Component.toml", FEED)]).unwrap();
    assert_eq!(app.components[0].limits, Limits { memory_bytes: 1 << 20, ..Limits::DEFAULT });
}

#[test]
fn missing_app_file_is_a_diagnostic() {
    let found = load(&[]).unwrap_err();
    assert_eq!(found.iter().len(), 1);
    assert!(found.to_string().starts_with("app.toml:1:1: the file cannot be read:"), "{found}");
    assert_eq!(found.text(Path::new("app.toml")), None);
}

#[test]
fn manifest_that_is_not_utf8_is_a_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.toml");
    std::fs::write(&file, "[app]\nname = \"demo\"\n[[component]]\nsource = \".\"").unwrap();
    std::fs::write(folder.path().join("Component.toml"), b"[component]\nname = \"\xff\"").unwrap();
    let found = AppManifest::load(&file).unwrap_err();
    assert_eq!(found.iter().len(), 1, "{found}");
    assert!(found.iter().all(|diagnostic| diagnostic.file.ends_with("Component.toml")), "{found}");
}

#[test]
fn examples_of_the_reference_are_valid() {
    let reference = include_str!("../../../docs/manifests.md");
    let mut examples =
        reference.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    let (component, app) = (examples.next().unwrap(), examples.next().unwrap());
    let component = ComponentManifest::parse(component, Path::new("Component.toml")).unwrap();
    assert_eq!(component.limits.memory_bytes, 32 << 20);

    let manifest = |name: &str| format!("[component]\nname = \"{name}\"\nversion = \"0.1.0\"");
    let files = [
        ("../../components/quake-feed/Component.toml", manifest("quake-feed")),
        ("../../components/quake-parse/Component.toml", manifest("quake-parse")),
        ("earthquakes.json", String::new()),
    ];
    let mut files = Memory(files.map(|(path, text)| (PathBuf::from(path), text)).into());
    files.0.insert("app.toml".into(), app.to_owned());
    let app = AppManifest::load_from(Path::new("app.toml"), &files).unwrap();
    assert_eq!(app.components.len(), 2);
}

#[test]
fn lists_are_limited_to_1024_entries() {
    let many = vec!["\"a\""; 1025].join(",");
    let text = format!("{FEED}[capabilities]\nsend = [{many}]");
    let found = ComponentManifest::parse(&text, Path::new("Component.toml")).unwrap_err();
    assert!(found.to_string().contains("has 1025 entries: 1024 are allowed"), "{found}");
}

/// Pieces of manifests in any order, because they reach more of the reader than arbitrary text.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "[component]",
        "[app]",
        "[[component]]",
        "[messages]",
        "[mailbox]",
        "[capabilities]",
        "[limits]",
        "[supervisor]",
        "[grants]",
        "[grants.feed]",
        "name = \"feed\"",
        "version = \"0.1.0\"",
        "source = \"feed\"",
        "until = \"feed\"",
        "report = \"feed\"",
        "instances = 3",
        "capacity = 0",
        "memory = \"64 MB\"",
        "within = 5",
        "backoff = { fixed = \"1 s\" }",
        "backoff = { initial = \"2 s\", multiplier = nan }",
        "send = [\"feed/2\", \"*\"]",
        "publish = [\"a.*\"]",
        "input = true",
        "input = \"é\"",
        "config = { é = 1 }",
        "= 5",
        "\"",
        "é",
        "[",
        "'''",
        "accepts = [\"cbor\", 5]",
        "subscribes = \"x\"",
        "execution_time = \"9999999999999999999999 min\"",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..20).prop_map(|pieces| pieces.join("\n"))
}

/// Parses the text as both manifests, and checks that every span lies in it.
fn read(text: &str) {
    let files = Memory::of(&[("feed/Component.toml", text)]);
    let results = [
        ComponentManifest::parse(text, Path::new("Component.toml")).err(),
        AppManifest::parse(text, Path::new("app.toml")).resolve(&files).err(),
    ];
    for diagnostic in results.iter().flatten().flatten() {
        if let Some(span) = diagnostic.span.clone() {
            assert!(text.get(span).is_some(), "{diagnostic}");
        }
    }
}

proptest! {
    #[test]
    fn parsing_any_text_does_not_panic(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn parsing_any_pieces_of_manifests_does_not_panic(text in pieces()) {
        read(&text);
    }
}
