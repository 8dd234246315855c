//! Secrets in an app: the key of the file, and all places in which a value must not show.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::*;

const VALUE: &str = "hunter2-of-the-bank";
const KEY: &str = "correct horse battery staple";

/// An app whose component keeps a secret from a file of the operator.
fn app(folder: &Folder, right: &str) -> String {
    folder.write(
        "keeper.toml",
        format!("[component]\nname = \"keeper\"\nversion = \"0.1.0\"\n\n[capabilities]\nuse = [{right:?}]\n"),
    );
    folder.write("value.txt", format!("{VALUE}\n"));
    let source = path("components/test-secrets");
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"bank\"\nstate = \"state\"\n\n[audit]\nfile = \"audit.jsonl\"\nmessages = true\n\n\
             [[component]]\nsource = {source:?}\nmanifest = \"keeper.toml\"\n\
             config = {{ keep = {{ file = \"value.txt\" }} }}\n\n[grants.keeper]\nuse = [{right:?}]\n"
        ),
    )
}

/// Returns the content of every file below a folder, except the one with the value itself.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path(), found),
            kind if kind.is_file() && entry.file_name() != "value.txt" && entry.file_name() != "key.txt" => {
                found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
            }
            _ => {}
        }
    }
}

#[test]
fn value_of_a_secret_is_in_no_log_audit_report_snapshot_or_file() {
    let folder = Folder::new();
    let app = app(&folder, "secrets/payments");
    folder.write("key.txt", format!("{KEY}\n"));
    folder.write(
        "runtime.toml",
        "[backend.sealed]\ntype = \"encrypted-file\"\nkey = { file = \"key.txt\" }\n\n[secrets]\n\"*\" = \"sealed\"\n",
    );
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", &app, "--control", &socket]).env("RUST_LOG", "trace").start();
    running.until_it_says("every component has started");
    let mut shown = String::new();
    for args in [&["inspect", "--json"][..], &["inspect"], &["grants", "list"], &["dead-letters", "list"]] {
        let asked = airssys(args).arg("--control").arg(&socket).run().exits(0);
        shown += &format!("{}{}", asked.stdout, asked.stderr);
    }
    running.interrupt();
    let ended = running.end().exits(130).says(&["the secret is kept, and a call was denied"]);
    shown += &format!("{}{}", ended.stdout, ended.stderr);
    let connected = airssys(["check", &app, "--connect"]).run().exits(0);
    let connected = connected.prints(&["backend sealed (encrypted-file): an encrypted file"]);
    shown += &format!("{}{}", connected.stdout, connected.stderr);

    let mut found = vec![("the output".to_owned(), shown.into_bytes())];
    files(folder.path(), &mut found);
    assert!(
        found.iter().any(|(name, _)| name.ends_with("state/secrets-sealed.sealed")),
        "the file of secrets"
    );
    for (name, bytes) in &found {
        for text in [VALUE, KEY] {
            let is_shown = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!is_shown, "{name} shows `{text}`");
        }
    }

    let audit = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let uses: Vec<_> = lines.iter().filter(|line| line["event"] == "used").collect();
    let of = |line: &Value| (line["function"].clone(), line["succeeded"].clone());
    let expected = [("set", true), ("get", true), ("set", false)];
    assert_eq!(
        uses.iter().map(|line| of(line)).collect::<Vec<_>>(),
        expected.map(|(f, s)| (f.into(), s.into()))
    );
    for line in uses {
        let named = (&line["component"], &line["object"], &line["item"]);
        assert_eq!(named, (&"keeper".into(), &"secrets/payments".into(), &"token".into()));
    }
    assert!(lines.iter().any(|line| line["event"] == "denied" && line["object"] == "secrets/other:read"));
}

#[test]
fn app_with_secrets_and_no_key_is_refused_before_anything_starts() {
    let folder = Folder::new();
    let app = app(&folder, "secrets/payments");
    for command in ["check", "run"] {
        airssys([command, &app])
            .run()
            .exits(3)
            .says(&["the encrypted file of secrets has no key", "set the variable `AIRSSYS_SECRETS_KEY`"]);
    }
    airssys(["check", &app]).env("AIRSSYS_SECRETS_KEY", KEY).run().exits(0);
    assert!(!folder.path().join("state").exists());
    let connected = || airssys(["check", &app, "--connect"]);
    connected().env("AIRSSYS_SECRETS_KEY", KEY).run().exits(0);
    let mut running = airssys(["run", &app, "--no-control"]).env("AIRSSYS_SECRETS_KEY", KEY).start();
    // That every component has started is said with `-v` only.
    running.until_it_says("the secret is kept");
    running.interrupt();
    running.end().exits(130);
    let wrong = connected().env("AIRSSYS_SECRETS_KEY", "another key of the file").run().exits(1);
    wrong.says(&["the key is not the one that the file was made with"]);
}
