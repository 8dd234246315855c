//! The runtime configuration: sources, labels, backends and secrets.

use std::path::{Path, PathBuf};

use airssys_spec::manifest::{Diagnostics, Runtime, RuntimeSource, Secret, Variables};

fn parse(sources: &[(&str, &str)]) -> Result<Runtime, Diagnostics> {
    let sources = sources.iter().map(|(file, text)| RuntimeSource::new(*file, *text)).collect();
    let variables = Variables::from_fn(|name| match name {
        "PASSWORD" => Some("open sesame".to_owned()),
        "EMPTY" => Some(String::new()),
        "RETRIES" => Some("many".to_owned()),
        _ => None,
    });
    Runtime::parse(sources, variables, Some(PathBuf::from("state")))
}

fn mistakes(sources: &[(&str, &str)]) -> Vec<String> {
    let found = parse(sources).map(drop).unwrap_err();
    found.iter().map(|d| format!("{}:{}:{}: {}", d.file.display(), d.line, d.column, d.message)).collect()
}

fn url(runtime: &Runtime) -> Result<Option<Secret>, Diagnostics> {
    runtime.backends()[0].read(|table| table.secret("url", "\"redis://localhost\""))
}

#[test]
fn sources_are_merged_key_by_key_and_the_first_prevails() {
    let runtime = parse(&[
        ("--config", "keyvalue.sessions = { backend = \"line\" }\nbackend.main.size = 1"),
        ("project.toml", "[backend.main]\ntype = \"redis\"\nsize = 2\n\n[keyvalue]\nsessions = \"main\"\n"),
        ("user.toml", "[backend.main]\ntype = \"nats\"\nretries = 3\n\n[keyvalue]\n\"*\" = \"user\"\n"),
    ])
    .unwrap();
    let [backend] = runtime.backends() else { panic!("{runtime:?}") };
    assert_eq!((backend.name(), backend.kind()), ("main", "redis"));
    let read = backend.read(|table| (table.count("size", 0..=9, 1), table.count("retries", 0..=9, 1)));
    assert_eq!(read.unwrap(), (Some(1), Some(3)));
    let labels: Vec<_> = runtime.labels().iter().map(|label| (label.label(), label.backend())).collect();
    assert_eq!(labels, [("sessions", "line"), ("*", "user")]);
    assert_eq!(backend.data(), Some(Path::new("state")));
}

#[test]
fn every_mistake_is_reported_at_its_place_in_its_source() {
    let found = mistakes(&[
        ("--config", "keyvalue.sessions = 7"),
        (
            "runtime.toml",
            "[backend.main]\nurl = \"x\"\n[backend.Main]\ntype = \"a\"\n[keyvalue]\n\"the label\" = \"main\"\nb = { prefix = \"x\" }\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "--config:1:21: `sessions` in [keyvalue] is an integer, not the name of a backend",
            "runtime.toml:1:1: [backend.main] has no `type`",
            "runtime.toml:3:10: `Main` cannot name a backend: `Main` has 'M' at byte 0: only a-z, 0-9 and `-` are allowed",
            "runtime.toml:6:1: `the label` in [keyvalue] cannot be a label",
            "runtime.toml:7:5: [keyvalue.b] has no `backend`",
        ]
    );
    let found = mistakes(&[("a.toml", "x = 1"), ("b.toml", "[backend.main]\n[backend.main]\n")]);
    assert!(found[0].starts_with("b.toml:2:"), "{found:?}");
    let found = mistakes(&[("a.toml", "keyvalue = 1\n")]);
    assert_eq!(found, ["a.toml:1:12: `keyvalue` is an integer, not a table"]);
}

#[test]
fn unknown_keys_of_a_backend_are_reported_with_the_source_that_has_them() {
    let runtime = parse(&[
        ("a.toml", "[backend.main]\ntimeuot = \"1s\"\n"),
        ("b.toml", "\n\n[backend.main]\ntype = \"redis\"\nmore = 1\n"),
    ]);
    let runtime = runtime.unwrap();
    let found = runtime.backends()[0].read(|table| table.time("timeout", 1..=9_000, 5_000)).unwrap_err();
    let found: Vec<_> = found.iter().map(|d| (d.file.to_str().unwrap(), d.line, &*d.message)).collect();
    assert_eq!(
        found,
        [
            ("a.toml", 2, "[backend.main] has no key `timeuot`"),
            ("b.toml", 5, "[backend.main] has no key `more`")
        ]
    );
}

#[test]
fn secrets_are_read_from_text_variable_and_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "from a file\r\n").unwrap();
    let file = folder.path().join("runtime.toml");
    for (written, value) in [
        ("\"plain\"", "plain"),
        ("{ env = \"PASSWORD\" }", "open sesame"),
        // The path is relative to the file that names it.
        ("{ file = \"secret\" }", "from a file"),
    ] {
        let text = format!("[backend.main]\ntype = \"redis\"\nurl = {written}\n");
        let runtime = parse(&[(file.to_str().unwrap(), &text)]).unwrap();
        assert_eq!(url(&runtime).unwrap().unwrap().reveal(), value);
        assert!(!format!("{:?}", url(&runtime)).contains(value));
    }
}

#[test]
fn missing_secret_is_a_mistake_with_its_place() {
    for (written, message) in [
        ("{ env = \"NONE\" }", "names the environment variable `NONE`, which is not set"),
        ("{ env = \"EMPTY\" }", "names the environment variable `EMPTY`, which is not set"),
        ("{ file = \"/none\" }", "names the file /none, which cannot be read: No such file"),
        ("{ file = \"/dev/zero\" }", "names the file /dev/zero, which cannot be read: it is a device"),
        ("{ env = \"A\", file = \"B\" }", "is a table of another form"),
        ("7", "is an integer, not a secret"),
    ] {
        let text = format!("[backend.main]\ntype = \"redis\"\nurl = {written}\n");
        let found = url(&parse(&[("runtime.toml", &text)]).unwrap()).unwrap_err().to_string();
        let expected = format!("runtime.toml:3:7: `url` in [backend.main] {message}");
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn reports_never_contain_a_secret() {
    let text = "[backend.main]\ntype = \"redis\"\npasswrd = \"hunter2\"\nurl = \"redis://:hunter2@host\"\nsize = \"hunter3\"\nretries = 77\n";
    let runtime = parse(&[("runtime.toml", text)]).unwrap();
    let found = runtime.backends()[0]
        .read(|table| {
            table.secret("url", "\"redis://localhost\"");
            table.report("url", "`url` is not a URL of Redis", "write one");
            (table.count("size", 0..=9, 1), table.count("retries", 0..=9, 1))
        })
        .unwrap_err();
    assert_eq!(found.iter().count(), 4, "{found}");
    let kept = found.text(Path::new("runtime.toml")).unwrap();
    assert!(!found.to_string().contains("hunter2") && !kept.contains("hunter2"), "{kept}");
    // A value of the right kind that a report is about is shown, and every place stays where it is.
    assert!(!found.to_string().contains("hunter3") && !kept.contains("hunter3"), "{kept}");
    assert!(kept.contains("retries = 77") && kept.contains("type = \"redis\""), "{kept}");
    assert_eq!(kept.len(), text.len());
    for diagnostic in &found {
        let span = diagnostic.span.clone().unwrap();
        assert_eq!(text[..span.start].matches('\n').count() + 1, diagnostic.line, "{diagnostic}");
    }

    assert!(!format!("{runtime:?} {:?}", runtime.backends()).contains("hunter"));

    let labels = runtime.implied_label("keyvalue", "*", "main");
    assert!(!format!("{labels:?} {:?}", RuntimeSource::new("a.toml", text)).contains("hunter"));

    // A text that is not TOML is not kept at all.
    let found = parse(&[("runtime.toml", "url = \"redis://:hunter2@host")]).unwrap_err();
    assert!(found.text(Path::new("runtime.toml")).is_none() && !found.to_string().contains("hunter2"));
}

#[test]
fn secret_in_the_wrong_place_is_not_shown() {
    for text in [
        "[backend]\nmain = \"redis://:hunter2@host\"\n",
        "[backend.main]\ntype = \"redis://:hunter2@host\"\n",
        "[backend.main]\ntype = [\"redis://:hunter2@host\"]\n",
        "[backend.\"redis://:hunter2@host\"]\ntype = \"redis\"\n",
        "[keyvalue]\nsessions = \"redis://:hunter2@host\"\n",
        "[keyvalue]\nsessions = [\"redis://:hunter2@host\"]\n",
        "[keyvalue]\nsessions = { backend = \"redis://:hunter2@host\" }\n",
        "[keyvalue]\n\"redis://:hunter2@host\" = \"main\"\n",
        "[keyvalue]\nsessions = { password = \"hunter2\" }\n",
        "url = \"redis://:hunter2@host\"\n",
    ] {
        let found = parse(&[("runtime.toml", text)]).unwrap_err();
        let kept = found.text(Path::new("runtime.toml")).unwrap();
        assert!(!found.to_string().contains("hunter2") && !kept.contains("hunter2"), "{found}\n{kept}");
        assert_eq!(kept.len(), text.len());
    }
    // Neither is a number, nor a value that another source overrides.
    let text = "[backend.main]\ntype = \"redis\"\nurl = 12345678\npassword = \"hunter2\"\nlimit = 9\n";
    for url_of_line in ["backend.main.password = \"hunter2\"", "backend.main.url = \"redis://:hunter2@host\""]
    {
        let runtime = parse(&[("--config", url_of_line), ("runtime.toml", text)]).unwrap();
        let backend = &runtime.backends()[0];
        let read = backend.read(|table| (table.secret("url", "\"x\""), table.secret("password", "\"x\"")));
        for found in [read.unwrap_err(), backend.fault("a mistake", "mend it")] {
            let kept = found.text(Path::new("runtime.toml")).unwrap();
            for secret in ["hunter2", "12345678"] {
                assert!(!found.to_string().contains(secret) && !kept.contains(secret), "{found}\n{kept}");
            }
        }
    }
}

#[test]
fn environment_is_the_default_of_a_key() {
    let read = |text: &str| {
        let runtime = parse(&[("runtime.toml", text)]).unwrap();
        runtime.backends()[0].read(|table| {
            let url = table.secret("url", "\"x\"").map(|url| url.reveal().to_owned());
            let url = url.or_else(|| table.default_variable("url", "PASSWORD"));
            (url, table.count("retries", 0..=9, 1), table.default_count("retries", "RETRIES", 0..=9, 6))
        })
    };
    let written = "[backend.main]\ntype = \"redis\"\nurl = \"a\"\nretries = 3";
    assert_eq!(read(written).unwrap(), (Some("a".to_owned()), Some(3), None));
    let found = read("[backend.main]\ntype = \"redis\"").unwrap_err().to_string();
    let expected = "runtime.toml:1:1: the environment variable `RETRIES` must be a whole number from 0 to 9";
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn labels_of_a_shared_source_are_marked() {
    let sources = vec![
        RuntimeSource::new("project.toml", "[keyvalue]\na = \"memory\"\n"),
        RuntimeSource::new("user.toml", "[keyvalue]\nb = \"memory\"\n").shared(),
    ];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let shared: Vec<_> = runtime.labels().iter().map(|label| (label.label(), label.is_shared())).collect();
    assert_eq!(shared, [("a", false), ("b", true)]);
}

#[test]
fn sources_are_bounded() {
    let labels: String = (0..257).map(|n| format!("l{n} = \"memory\"\n")).collect();
    let found = mistakes(&[("runtime.toml", &format!("[keyvalue]\n{labels}"))]);
    assert_eq!(found, ["runtime.toml:1:1: the runtime configuration has 257 labels: 256 are allowed"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.toml");
    std::fs::write(&file, " ".repeat((256 << 10) + 1)).unwrap();
    assert!(RuntimeSource::read(&file).is_err());
    assert!(RuntimeSource::read_if_exists(&folder.path().join("none")).unwrap().is_none());
    assert!(RuntimeSource::read(Path::new("/dev/zero")).is_err());
}
