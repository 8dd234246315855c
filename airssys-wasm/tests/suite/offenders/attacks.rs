//! Hostile components in WebAssembly text: one file of the folder `wat` for each attack.
//!
//! A file is a core module, or a whole component. A module imports functions of the contract by their
//! interfaces, such as `(import "airssys:component/clock@0.2.0" "now-ms" (func (result i64)))`. The exports
//! of the contract that it does not define do nothing. The answers of a handler are at address 16, and
//! the host puts a message at 32768, unless the file has its own `cabi_realloc`.
//!
//! Comments at the beginning of a file say what is expected. Each has a key:
//!
//! | key | meaning |
//! |---|---|
//! | `expect: load TEXT` | the host does not load it; the error contains the text |
//! | `expect: start TEXT` | it does not start; the error contains the text |
//! | `expect: letter REASON` | each message becomes a dead letter whose reason begins so |
//! | `expect: handled` | each message is handled, and the instance lives on |
//! | `expect: restarted` | each message is handled, and the instance has ended and was started again |
//! | `limits: KEY = VALUE` | a line of its `[limits]` |
//! | `may: KEY = VALUE` | a line of its `[capabilities]`, which is granted; it has no other right |
//! | `messages: N` | the number of messages that wait for it when it starts; 1 by default |
//!
//! These promises are checked for every file: the neighbour answers, each message is counted once, the
//! limits hold, a component without rights reaches no other, and the instance ends.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_wasm::manifest::{ComponentManifest, MAX_BATCH_SIZE};
use airssys_wasm::{Capabilities, Component, ComponentHost, ComponentSpec};

use super::memory::{MOST_GROWTH, growth_of_process};
use super::*;
use crate::raw_guest::encoded;

/// The limits of each file, unless it has its own.
const LIMITS: [(&str, &str); 3] =
    [("execution_time", "\"100 ms\""), ("memory", "\"8 MiB\""), ("table_elements", "10_000")];

/// The exports that a module gets if it does not define them. Each is named by its own first word.
const DEFAULTS: [&str; 6] = [
    r#"(export "memory") 1)"#,
    r#"(export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))"#,
    r#"(export "airssys:component/lifecycle@0.2.0#initialize") (param i32 i32) (result i32) (i32.const 16))"#,
    r#"(export "airssys:component/lifecycle@0.2.0#health") (result i32) (i32.const 16))"#,
    r#"(export "airssys:component/lifecycle@0.2.0#shutdown"))"#,
    r#"(export "airssys:component/handler@0.2.0#handle-callback") (param i64 i32 i32 i64 i64))"#,
];

/// The handler of a module that gets its messages in another way.
const HANDLER: &str = r#"(export "airssys:component/handler@0.2.0#handle-message") (param i64 i32 i32) (result i32) (i32.const 16))"#;

/// The end of the attack.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Load(String),
    Start(String),
    Letter(String),
    Handled,
    Restarted,
}

/// A file of the folder.
#[derive(Debug)]
struct Attack {
    code: String,
    expected: Expected,
    manifest: ComponentManifest,
    messages: u64,
}

impl Attack {
    /// Reads a file.
    fn read(text: &str) -> Result<Attack, String> {
        let mut expected = None;
        let (mut limits, mut rights, mut messages) = (String::new(), String::new(), 1);
        let mut own = BTreeSet::new();
        for line in text.lines().map_while(|line| line.strip_prefix(";;")) {
            // A line without a key is a comment.
            let Some((key, value)) = line.strip_prefix(' ').and_then(|line| line.split_once(": ")) else {
                continue;
            };
            match key {
                "expect" if expected.is_some() => return Err("`expect` is there twice".to_owned()),
                "expect" => expected = Some(Expected::read(value)?),
                "limits" => {
                    own.insert(value.split('=').next().unwrap_or_default().trim());
                    writeln!(limits, "{value}").unwrap();
                }
                "may" => writeln!(rights, "{value}").unwrap(),
                "messages" => messages = value.parse().map_err(|_| format!("`{value}` is not a number"))?,
                _ if key.contains(' ') => {}
                _ => return Err(format!("`{key}` is not a key; see the top of offenders/attacks.rs")),
            }
        }
        let expected = expected.ok_or("no line begins with `;; expect: `")?;
        for (key, value) in LIMITS.iter().filter(|(key, _)| !own.contains(key)) {
            writeln!(limits, "{key} = {value}").unwrap();
        }
        let manifest = format!(
            "[component]\nname = \"raw\"\nversion = \"0.1.0\"\n[capabilities]\n{rights}[limits]\n{limits}"
        );
        let manifest = ComponentManifest::parse(&manifest, Path::new("its first lines"))
            .map_err(|mistakes| mistakes.to_string())?;
        Ok(Attack { code: completed(text), expected, manifest, messages })
    }

    /// Returns the bytes of the component.
    fn bytes(&self) -> Result<Vec<u8>, String> {
        let world = match self.code.contains("batch-handler") {
            true => "component-with-batches",
            false => "component",
        };
        match self.code.contains("(component") {
            true => wat::parse_str(&self.code).map_err(|error| error.to_string()),
            false => encoded(&self.code, world),
        }
    }

    /// Runs the attack. Returns the promise that it breaks.
    async fn run(&self, host: &ComponentHost, silent: PreparedComponent) -> Result<(), String> {
        let loaded = Component::new(engine(), &self.bytes()?).map_err(|error| causes(&error));
        let component = match (&self.expected, loaded) {
            (Expected::Load(text), Err(error)) if error.contains(text) => return Ok(()),
            (Expected::Load(_), Ok(_)) => return Err("it was loaded".to_owned()),
            (_, Err(error)) => return Err(format!("it was not loaded: {error}")),
            (_, Ok(component)) => component,
        };
        let spec = ComponentSpec {
            capabilities: self.manifest.capabilities.clone(),
            limits: self.manifest.limits.clone(),
            batch_size: MAX_BATCH_SIZE,
            ..ComponentSpec::new("raw", component)
        };
        let letters = host.dead_letters().total();
        let prepared = host.prepare(spec).map_err(|error| causes(&error))?;
        if let Expected::Start(text) = &self.expected {
            return match host.start(prepared).await {
                Err(error) if causes(&error).contains(text) => Ok(()),
                Err(error) => Err(causes(&error)),
                Ok(()) => Err("it has started".to_owned()),
            };
        }
        for number in 0..self.messages {
            host.tell("raw", *note(number.to_string())).await;
        }
        host.start(prepared).await.map_err(|error| causes(&error))?;
        neighbour_answers(host).await;
        let ended = async {
            while snapshot(host, "raw").unfinished > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(SOON, ended).await.is_err() {
            return Err("a message does not end".to_owned());
        }
        // Messages to it are in flight as long as it exists.
        drop(silent);
        host.drained().await;
        let result = self.check(host, host.dead_letters().total() - letters);
        match tokio::time::timeout(SOON, host.retire("raw")).await {
            Ok(true) => result,
            _ => Err("it does not end".to_owned()),
        }
    }

    fn check(&self, host: &ComponentHost, letters: u64) -> Result<(), String> {
        let raw = snapshot(host, "raw");
        let holds = |promise: bool, text: &str| match promise {
            true => Ok(()),
            false => Err(format!(
                "{text}: {} received, {} handled, {} dead, {} restarts, {:?}",
                raw.received,
                raw.handled,
                raw.dead_lettered,
                raw.restarts(),
                own_reasons(host).last(),
            )),
        };
        holds(raw.received == raw.handled + raw.dead_lettered, "a message was counted twice, or not at all")?;
        holds(raw.unfinished == 0 && raw.depth() == 0, "a message has not ended")?;
        let limits = &self.manifest.limits;
        holds(raw.memory_bytes() <= limits.memory_bytes as u64, "it has more memory than its limit")?;
        let usages = raw.instances.iter().flat_map(|instance| &instance.usage).chain(&raw.usage);
        let exceeded = usages.filter(|usage| usage.used > usage.limit).map(|usage| usage.name.clone());
        let exceeded: Vec<String> = exceeded.collect();
        holds(exceeded.is_empty(), &format!("limits are exceeded: {exceeded:?}"))?;
        let sink = snapshot(host, "sink");
        let is_denied = self.manifest.capabilities == Capabilities::default();
        holds(!is_denied || sink.received == 0, "it reached another component")?;
        holds(sink.high_water() <= 4, "a mailbox has more messages than its capacity")?;
        let ends = match &self.expected {
            Expected::Letter(reason) => {
                raw.dead_lettered == self.messages
                    && letters >= self.messages
                    && own_reasons(host).last().is_some_and(|last| last.starts_with(reason))
            }
            Expected::Restarted => raw.handled == self.messages && raw.restarts() > 0,
            _ => raw.handled == self.messages && raw.restarts() == 0,
        };
        holds(ends, &format!("another end than {:?}", self.expected))
    }
}

impl Expected {
    fn read(text: &str) -> Result<Expected, String> {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("handled", "") => Ok(Expected::Handled),
            ("restarted", "") => Ok(Expected::Restarted),
            ("load", text) if !text.is_empty() => Ok(Expected::Load(text.to_owned())),
            ("start", text) if !text.is_empty() => Ok(Expected::Start(text.to_owned())),
            ("letter", text) if !text.is_empty() => Ok(Expected::Letter(text.to_owned())),
            _ => Err(format!("`{text}` is not an expectation; see the top of offenders/attacks.rs")),
        }
    }
}

/// Returns a module with the exports that it does not define. A component is left as it is.
fn completed(text: &str) -> String {
    if text.contains("(component") {
        return text.to_owned();
    }
    let mut code = text.trim_end().strip_suffix(')').unwrap_or(text).to_owned();
    let names = |default: &'static str| default.split_once(')').map_or(default, |(name, _)| name);
    for default in DEFAULTS.into_iter().chain([HANDLER]).filter(|default| !text.contains(names(default))) {
        let kind = if default.starts_with("(export \"memory\")") { "memory" } else { "func" };
        writeln!(code, "\n({kind} {default}").unwrap();
    }
    code + ")"
}

/// Returns the reasons of the dead letters of messages to the attacker, oldest first.
fn own_reasons(host: &ComponentHost) -> Vec<String> {
    let kept = host.dead_letters().kept();
    kept.iter().filter(|letter| &*letter.receiver == "raw").map(|letter| letter.reason.to_string()).collect()
}

/// Returns an error with its causes.
fn causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", causes(cause)),
        None => error.to_string(),
    }
}

/// Returns the files of the folder, sorted by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/offenders/wat");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_of_the_folder_keeps_its_expectation_and_every_promise() {
    let mut broken = Vec::new();
    for file in files() {
        assert_eq!(file.extension().unwrap(), "wat", "{}", file.display());
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (host, silent) = scene().await;
        let attack = Attack::read(&std::fs::read_to_string(&file).unwrap());
        let run = async {
            match &attack {
                Ok(attack) => attack.run(&host, silent).await,
                Err(mistake) => Err(mistake.clone()),
            }
        };
        let (run, growth) = growth_of_process(run).await;
        broken.extend(run.err().map(|found| format!("{name}: {found}")));
        if growth > MOST_GROWTH {
            broken.push(format!("{name}: the process grew by {} MiB", growth >> 20));
        }
        neighbour_answers(&host).await;
        let neighbours = snapshot(&host, "neighbour").restarts() + snapshot(&host, "sink").restarts();
        if neighbours > 0 {
            broken.push(format!("{name}: its neighbours were restarted"));
        }
        let report = host.shutdown(SOON).await;
        if !report.late.is_empty() {
            broken.push(format!("{name}: the shutdown has aborted {:?}", report.late));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn file_without_an_expectation_or_with_an_unknown_one_is_refused() {
    let refused = |text: &str| Attack::read(text).unwrap_err();
    assert_eq!(refused("(module)"), "no line begins with `;; expect: `");
    // The comments end with the first line of code.
    assert_eq!(refused("(module)\n;; expect: handled"), "no line begins with `;; expect: `");
    assert!(refused(";; expect: survives\n(module)").starts_with("`survives` is not an expectation"));
    assert!(refused(";; expect: letter\n(module)").starts_with("`letter` is not an expectation"));
    assert!(refused(";; expected: handled\n(module)").starts_with("`expected` is not a key"));
    assert_eq!(refused(";; expect: handled\n;; expect: handled"), "`expect` is there twice");
    let unknown = refused(";; expect: handled\n;; limits: memry = \"1 MiB\"\n(module)");
    assert!(unknown.contains("did you mean `memory`?"), "{unknown}");
    let attack =
        Attack::read(";; Grows.\n;; expect: handled\n;; limits: memory = \"1 MiB\"\n(module)").unwrap();
    assert_eq!((attack.expected, attack.messages), (Expected::Handled, 1));
    assert_eq!(attack.manifest.limits.memory_bytes, 1 << 20);
    assert_eq!(attack.manifest.limits.execution_time, Duration::from_millis(100));
}
