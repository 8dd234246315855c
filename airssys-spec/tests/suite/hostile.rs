//! Manifests that are made to be costly.

use std::fmt::Write;
use std::path::Path;

use airssys_spec::manifest::{
    AppManifest, ComponentManifest, Diagnostics, Disk, Runtime, RuntimeSource, ServiceTable, Variables,
};

/// The largest manifest.
const MAX: usize = 1 << 20;

/// Each way to read a text as a manifest.
fn mistakes(text: &str) -> Vec<Diagnostics> {
    let file = Path::new("hostile.toml");
    let app = AppManifest::parse(text, file).resolve(&Disk).map(drop);
    let component = ComponentManifest::parse(text, file).map(drop);
    let services = ServiceTable::parse(text, file).map(drop);
    let sources = vec![RuntimeSource::new(file, text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).map(drop);
    [app, component, services, runtime].into_iter().filter_map(Result::err).collect()
}

fn component(text: &str) -> Diagnostics {
    ComponentManifest::parse(text, Path::new("Component.toml")).unwrap_err()
}

#[test]
fn mistakes_beyond_one_hundred_are_counted() {
    let mut text = "[component]\nname = \"a\"\nversion = \"0.1.0\"\n".to_owned();
    for key in 0..100_000 {
        writeln!(text, "k{key}=1").unwrap();
    }
    let found = component(&text);
    let found: Vec<_> = found.iter().collect();
    assert_eq!(found.len(), 101);
    assert_eq!(found[99].message, "[component] has no key `k99`");
    assert_eq!(found[100].message, "… and 99900 more mistakes in this file");
    assert_eq!((found[100].line, &*found[100].help), (100_004, "mend the 100 above first"));
}

#[test]
fn each_line_that_is_not_toml_is_described_or_counted() {
    let found = component(&"=\n".repeat(MAX / 2));
    assert_eq!(found.iter().count(), 101);
    let last = found.iter().last().unwrap();
    assert_eq!(last.message, format!("… and {} more mistakes in this file", MAX / 2 - 100));
}

#[test]
fn long_names_are_cut_where_a_mistake_shows_them() {
    let name = "ü".repeat(400_000);
    for text in [
        format!("[component]\nname = \"{name}\"\nversion = \"0.1.0\"\n"),
        format!("[component]\nname = \"a\"\nversion = \"0.1.0\"\n\"{name}\" = 1\n"),
        format!("[component]\nname = \"a\"\nversion = \"{name}\"\n"),
        format!("[app]\nname = \"a\"\n[[component]]\nsource = \"{name}\"\n"),
        format!("[app]\nname = \"a\"\n[grants.\"{name}\"]\n"),
    ] {
        for found in mistakes(&text).iter().flatten() {
            assert!(found.message.len() <= 1024 + "…".len(), "{}", found.message.len());
            assert!(found.help.len() <= (64 << 10) + "…".len(), "{}", found.help.len());
        }
    }
}

#[test]
fn manifest_has_at_most_one_mebibyte() {
    let comment =
        |bytes: usize| format!("[component]\nname=\"a\"\nversion=\"0.1.0\"\n#{}", "#".repeat(bytes));
    let text = comment(MAX - comment(0).len());
    assert!(ComponentManifest::parse(&text, Path::new("Component.toml")).is_ok());
    let text = text + "#";
    let found = mistakes(&text);
    assert_eq!(found.len(), 4);
    for found in found.iter().flatten() {
        assert_eq!(found.message, "the file has 1048577 bytes: 1048576 are allowed");
    }
}

#[test]
fn texts_of_one_pattern_are_read_in_linear_time_and_bounded_depth() {
    for pattern in
        ["[", "{", "a={", "[a.", "a.", "\"", "[[a]]\n", "[a]\n", "a=1\n", "a.b=1\n", "'''", "a=[", "\u{1b}"]
    {
        let text = pattern.repeat(MAX / pattern.len());
        for found in mistakes(&text) {
            assert!(found.iter().count() <= 101, "{pattern:?}");
        }
    }
    let mut tables = "[app]\nname = \"a\"\n[[component]]\nsource = \"a\"\n".to_owned();
    for number in 0..60_000 {
        writeln!(tables, "[grants.a{number}]").unwrap();
    }
    let found = mistakes(&tables);
    let too_many = "[grants] has 60000 components: 1024 are allowed";
    assert!(found[0].iter().any(|found| found.message == too_many), "{}", found[0]);
}
