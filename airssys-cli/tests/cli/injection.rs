//! Texts that try to control the terminal: in manifests, in names of files, and from components.

use std::fs;
use std::path::Path;

use crate::support::*;

/// Sets the title of a terminal, reverses its colours and the direction of text, hides characters.
const EVIL: &str =
    "\u{1b}]0;pwned\u{7}\u{1b}[7mevil\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{90}\u{8}";

/// The part of it that TOML allows within a string as it is.
const ALLOWED: &str = "\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{90}";

/// The text in the notation of a basic string of TOML and of JSON.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            character if character.is_ascii_graphic() => character.to_string(),
            character => format!("\\u{:04x}", character as u32),
        })
        .collect()
}

/// Returns true if a terminal obeys the character, or shows nothing for it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Asserts that an output without a terminal has no harmful character.
#[track_caller]
fn assert_harmless(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        let found = text.chars().find(|character| *character != '\n' && is_harmful(*character));
        assert_eq!(found, None, "{text:?}");
    }
}

/// Asserts that an output on a terminal has only the program's own sequences.
#[track_caller]
fn assert_harmless_on_terminal(output: &str) {
    let mut rest = output;
    while let Some(at) = rest.find(|character| !matches!(character, '\n' | '\r') && is_harmful(character)) {
        let sequence = rest[at..].strip_prefix("\u{1b}[");
        let sequence = sequence.unwrap_or_else(|| panic!("{:?} in {output:?}", &rest[at..]));
        let end = sequence.find(|character: char| !matches!(character, '0'..='9' | ';' | '?')).unwrap();
        assert!(sequence.as_bytes()[end].is_ascii_alphabetic(), "{:?} in {output:?}", &rest[at..]);
        rest = &sequence[end + 1..];
    }
    assert!(!output.contains("\u{1b}[7mevil"), "{output:?}");
}

/// The program on a terminal of its own, whose output is the standard output.
fn on_terminal(folder: &Folder, args: &[&str]) -> Program {
    let by = ["sh", "-c", "exec script -qefc \"$*\" /dev/null", "sh"];
    within(folder, args).wrapped(&by)
}

fn within(folder: &Folder, args: &[&str]) -> Program {
    airssys(args).env("XDG_RUNTIME_DIR", folder.path().to_str().unwrap())
}

/// Copies a folder, with a change of each of its manifests.
fn copy(from: &Path, to: &Path, change: &dyn Fn(&str) -> String) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target, change);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            // Some manifests of the corpus are not text.
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            fs::write(target, change(&text)).unwrap();
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

#[test]
fn no_text_of_a_manifest_controls_the_terminal() {
    let in_each_string = |text: &str| text.replace("= \"", &format!("= \"{}", escaped(EVIL)));
    let as_it_is = |text: &str| text.replace("= \"", &format!("= \"{ALLOWED}"));
    let as_key = |text: &str| format!("\"{}\" = 1\n{text}\n\"{}\" = 2\n", escaped(EVIL), escaped(EVIL));
    let as_table =
        |text: &str| format!("{text}\n[\"{}\"]\n[limits.to.\"{}\"]\n", escaped(EVIL), escaped(EVIL));
    let beside_mistakes = |text: &str| text.replace('\n', &format!(" # {ALLOWED}\n"));
    let not_toml = |text: &str| format!("# {EVIL}\n{text}\n{EVIL} = \"{EVIL}\"\n");
    let changes: [&dyn Fn(&str) -> String; 6] =
        [&in_each_string, &as_it_is, &as_key, &as_table, &beside_mistakes, &not_toml];
    let corpus = fs::read_dir(path("airssys-spec/tests/manifests")).unwrap();
    let mut folders: Vec<_> =
        corpus.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut mistakes = 0;
    for (number, from) in folders.iter().enumerate() {
        let folder = Folder::new();
        // The name of the folder is hostile too.
        let app = folder.path().join(EVIL.replace('/', ""));
        copy(from, &app, changes[number % changes.len()]);
        let args = ["check", app.to_str().unwrap()];
        if number % 8 == 0 {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&app, &link).unwrap();
            assert_harmless_on_terminal(
                &on_terminal(&folder, &["check", link.to_str().unwrap()]).run().stdout,
            );
        }
        let ended = airssys(args).run();
        assert_harmless(&ended);
        mistakes += usize::from(ended.stderr.contains("in the manifests"));
    }
    assert!(mistakes > folders.len() / 2, "{mistakes} of {}", folders.len());
}

#[test]
fn no_argument_controls_the_terminal() {
    let folder = Folder::new();
    let file = folder.write("x.wasm", EVIL);
    let evil = format!("{}{EVIL}", folder.path().join("y").to_str().unwrap());
    fs::copy(file, &evil).unwrap();
    for args in [
        &["check", &evil][..],
        &["run", &evil],
        &["build", &evil],
        &["new", EVIL],
        &["inspect", "--app", EVIL],
        &["inspect", "--control", &evil],
        &["explain", &evil, "a", "send", EVIL],
        &[EVIL],
        &["run", EVIL, EVIL],
    ] {
        let ended = airssys(args.iter().copied()).within(folder.path()).run();
        assert!(!ended.stderr.is_empty(), "{args:?}: {ended}");
        assert_harmless(&ended);
    }
}

/// An app with a component that puts the text wherever it can.
fn evil_app(folder: &Folder) -> String {
    let evil = escaped(EVIL);
    let note = "{\"Note\": \"x\"}";
    let commands = [
        format!("{{\"Say\": \"{evil}\"}}"),
        format!("{{\"Say\": \"one\\nfake line {evil}\"}}"),
        format!("{{\"Reject\": \"{evil}\"}}"),
        format!("{{\"Retry\": \"{evil}\"}}"),
        format!("{{\"Reject\": \"one\\ntwo {evil}\"}}"),
        format!("{{\"Panic\": \"{evil}\"}}"),
        format!("{{\"ReplyIn\": \"{evil}\"}}"),
        format!("{{\"TrySend\": {{\"to\": \"{evil}\", \"command\": {note}, \"times\": 1}}}}"),
        format!("{{\"Request\": {{\"to\": \"{evil}\", \"command\": {note}, \"timeout_ms\": 1}}}}"),
        format!("{{\"Subscribe\": \"{evil}\"}}"),
        format!("{{\"Publish\": {{\"topic\": \"{evil}\", \"command\": {note}}}}}"),
        format!("{{\"Retain\": {{\"topic\": \"kept\", \"command\": {{\"Note\": \"{evil}\"}}}}}}"),
        format!("{{\"Retain\": {{\"topic\": \"kept.{evil}\", \"command\": {note}}}}}"),
    ];
    let steps: Vec<_> = commands.iter().map(|command| format!("[\"evil\", {command}, 1]")).collect();
    let script = format!("[{}, [\"evil\", {{\"Say\": \"all is done\"}}, 1]]", steps.join(", "));
    folder.write(
        "evil.toml",
        format!(
            "[component]\nname = \"evil\"\nversion = \"0.1.0\"\ndescription = \"{evil}\"\n\
             [capabilities]\npublish = [\"*\"]\n"
        ),
    );
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"hostile\"\n[[component]]\nsource = {:?}\nmanifest = \"evil.toml\"\n\
             config = {{ script = '{script}', shutdown-note = \"{evil}\" }}\n[grants.evil]\npublish = [\"*\"]\n",
            path("components/test-probe")
        ),
    )
}

const COMMANDS: [&[&str]; 12] = [
    &["inspect"],
    &["inspect", "--json"],
    &["grants", "list"],
    &["grants", "list", "--json"],
    &["explain"],
    &["explain", "--json"],
    &["dead-letters", "list"],
    &["dead-letters", "list", "--json"],
    &["retained", "list"],
    &["retained", "list", "--json"],
    &["retained", "show", "kept"],
    &["retained", "show", "kept", "--json"],
];

#[test]
fn no_text_of_a_component_controls_the_terminal() {
    let folder = Folder::new();
    let app = evil_app(&folder);
    let mut running = within(&folder, &["run", "-vv", &app]).start();
    running.until_it_says("all is done");
    for command in COMMANDS {
        let ended = within(&folder, command).run().exits(0);
        assert_harmless(&ended);
        assert_harmless_on_terminal(&on_terminal(&folder, command).run().stdout);
    }
    let letters = within(&folder, &["dead-letters", "list", "--json"]).run().json();
    let ids: Vec<_> =
        letters["letters"].as_array().unwrap().iter().map(|letter| letter["id"].to_string()).collect();
    assert!(ids.len() >= 4, "{letters}");
    assert!(letters.to_string().contains("pwned"), "{letters}");
    for id in &ids {
        for more in [&[][..], &["--json"]] {
            let show = [&["dead-letters", "show", id][..], more].concat();
            assert_harmless(&within(&folder, &show).run().exits(0));
            assert_harmless_on_terminal(&on_terminal(&folder, &show).run().stdout);
        }
    }
    assert_harmless(&within(&folder, &["dead-letters", "retry", &ids[0]]).run());
    running.interrupt();
    let ended = running.end().exits(130).says(&["pwned"]).prints(&["pwned"]);
    assert_harmless(&ended);
}

#[test]
fn run_on_a_terminal_and_its_json_are_harmless() {
    let folder = Folder::new();
    let app = evil_app(&folder);
    let mut running = within(&folder, &["run", "--json", &app]).start();
    running.until_it_says("all is done");
    running.interrupt();
    let ended = running.end().exits(130);
    assert_harmless(&ended);
    assert!(ended.json().to_string().contains("pwned"), "{ended}");

    let text = fs::read_to_string(&app).unwrap().replace("[app]", "[app]\nuntil = \"evil\"");
    let text = text.replace("\"all is done\"}, 1]", "\"all is done\"}, 1], [\"evil\", \"Stop\", 1]");
    folder.write("app.toml", text.replace("manifest =", "restart = \"temporary\"\nmanifest ="));
    let output = on_terminal(&folder, &["run", "-v", &app]).run().stdout;
    assert!(output.contains("pwned"), "{output}");
    assert_harmless_on_terminal(&output);
}
