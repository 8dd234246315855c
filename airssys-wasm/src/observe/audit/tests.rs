//! Tests of the audit with writers that are stuck, fail or are interrupted.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use airssys_message::Codec;
use airssys_spec::{Access, Capabilities, Capability, GrantVerb, Subject, decide};
use proptest::prelude::*;
use serde_json::Value;

use super::file::RotatingFile;
use super::queue::{MAX_EVENTS, MAX_KINDS, MAX_MESSAGES};
use super::writer::Sink;
use super::*;

const SOON: Duration = Duration::from_secs(30);

/// A destination that a test can block, break and read.
#[derive(Clone, Default)]
struct Place(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    written: Vec<u8>,
    stuck: bool,
    broken: bool,
    /// A writer waits.
    waiting: bool,
}

impl Place {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Waits until a write is blocked.
    fn until_stuck(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| !state.waiting).unwrap());
    }

    fn lines(&self) -> Vec<Value> {
        parsed(&self.0.0.lock().unwrap().written)
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        state.waiting = true;
        self.0.1.notify_all();
        let mut state = self.0.1.wait_while(state, |state| state.stuck).unwrap();
        state.waiting = false;
        if state.broken {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parsed(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn denial(object: &str) -> AuditEvent {
    let who = Subject::new("feed", "feed/2");
    AuditEvent::Denied(decide(&who, &Capabilities::default(), &Access::Request { to: object }).unwrap_err())
}

fn message(size: u64) -> AuditEvent {
    let (sender, receiver) = (Arc::from("feed/2"), Some(Arc::from("stock")));
    AuditEvent::Message { kind: MessageKind::Send, sender, receiver, topic: None, size, codec: Codec::Cbor }
}

fn grant(object: &str) -> AuditEvent {
    let (component, object) = (Arc::from("feed"), Some(Arc::from(object)));
    let change = GrantVerb::Revoke;
    let removed = vec![format!("{}/1", object.as_deref().unwrap_or_default())];
    AuditEvent::GrantChanged { component, capability: Capability::Send, object, change, removed }
}

fn exceeded() -> AuditEvent {
    let (component, target) = (Arc::from("feed"), Some(Arc::from("stock")));
    AuditEvent::QuotaExceeded { component, limit: "messages_per_second", target, most: 5 }
}

fn used(item: &str) -> AuditEvent {
    let (component, instance) = (Arc::from("feed"), Arc::from("feed/2"));
    let (label, item) = (Arc::from("payments"), Some(Arc::from(item)));
    AuditEvent::ServiceUsed {
        service: "secrets",
        component,
        instance,
        label,
        function: "get",
        item,
        succeeded: true,
    }
}

/// The number of these events, over all lines.
fn count(lines: &[Value], event: &str) -> u64 {
    let lines = lines.iter().filter(|line| line["event"] == event);
    lines.map(|line| line.get("count").map_or(1, |count| count.as_u64().unwrap())).sum()
}

fn ended(audit: &Audit) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(audit.end(SOON))
}

#[test]
fn line_names_the_instance_the_access_and_the_manifest_lines_that_allow_it() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), true).unwrap();
    for event in [denial("stock"), grant("stock"), message(17), exceeded()] {
        audit.record(event);
    }
    assert!(ended(&audit));
    let lines = place.lines();
    let find = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap().clone();
    let mut denied = find("denied");
    let at = denied.as_object_mut().unwrap().remove("at").unwrap();
    assert!(at.as_str().unwrap().ends_with('Z'), "{at}");
    let expected = serde_json::json!({
        "event": "denied", "count": 1, "component": "feed", "instance": "feed/2", "capability": "request",
        "object": "stock", "component_line": "request = [\"stock\"]", "grant_line": "request = [\"stock\"]",
    });
    assert_eq!(denied, expected);
    let message = find("message");
    for (key, value) in [("kind", "send"), ("sender", "feed/2"), ("receiver", "stock"), ("codec", "cbor")] {
        assert_eq!(message[key], value);
    }
    assert_eq!((&message["size"], message.get("topic")), (&Value::from(17), None));
    assert_eq!(
        (find("grant-changed")["change"].clone(), count(&lines, "grant-changed")),
        ("revoked".into(), 1)
    );
    let quota = find("quota-exceeded");
    assert_eq!((&quota["limit"], &quota["target"]), (&"messages_per_second".into(), &"stock".into()));
    assert_eq!(audit.stats(), AuditStats { lines: 4, ..AuditStats::default() });
}

#[test]
fn times_are_written_in_utc_to_the_microsecond() {
    let at =
        |seconds, micros: u32| line::rfc3339(SystemTime::UNIX_EPOCH + Duration::new(seconds, micros * 1_000));
    assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(at(951_782_399, 999_999), "2000-02-28T23:59:59.999999Z");
    assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00.000000Z");
    assert_eq!(at(951_868_800, 0), "2000-03-01T00:00:00.000000Z");
    assert_eq!(at(1_798_761_599, 0), "2026-12-31T23:59:59.000000Z");
    assert_eq!(at(4_107_542_400, 7), "2100-03-01T00:00:00.000007Z");
    assert_eq!(at(253_402_300_799, 999_999), "9999-12-31T23:59:59.999999Z");
    assert_eq!(at(253_402_300_800, 0), "9999-12-31T23:59:59.999999Z");
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(line::rfc3339(before_1970), "1970-01-01T00:00:00.000000Z");
}

#[test]
fn stuck_writer_loses_no_denial_and_messages_are_counted() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), true).unwrap();
    place.set(|state| state.stuck = true);
    audit.record(grant("first"));
    place.until_stuck();
    let (messages, denials) = (20_000, 30_000);
    for number in 0..messages {
        audit.record(message(number));
    }
    assert_eq!(audit.stats().messages_dropped, messages - MAX_MESSAGES as u64);
    // More kinds of denials than are counted apart, several times each.
    for number in 0..denials {
        audit.record(denial(&format!("object-{}", number % (2 * MAX_KINDS))));
    }
    audit.record(exceeded());
    audit.record(grant("last"));
    assert_eq!(audit.stats().waiting, denials as u64 + 3);
    place.set(|state| state.stuck = false);
    assert!(ended(&audit));
    let lines = place.lines();
    let others = count(&lines, "other-denials");
    assert_eq!(count(&lines, "denied") + others, denials as u64);
    assert!(others > 0, "the denials fill the table of kinds");
    let written = count(&lines, "message");
    assert_eq!(written + count(&lines, "messages-dropped"), messages);
    assert_eq!((written, count(&lines, "grant-changed")), (MAX_MESSAGES as u64, 2));
    assert_eq!((count(&lines, "quota-exceeded"), audit.stats().waiting), (1, 0));
    // The bound is on waiting lines, not on counted events.
    assert!(lines.len() <= MAX_EVENTS + 2 * MAX_KINDS, "{} lines", lines.len());
}

#[test]
fn stuck_writer_delays_no_component_and_unwritten_lines_are_counted() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), false).unwrap();
    place.set(|state| state.stuck = true);
    for _ in 0..10 {
        audit.record(denial("stock"));
    }
    place.until_stuck();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    // The clock is paused, so the time is over at once.
    assert!(!runtime.unwrap().block_on(audit.end(Duration::from_secs(5))));
    assert_eq!(audit.stats().waiting, 10);
    place.set(|state| state.stuck = false);
    assert!(ended(&audit));
    assert_eq!((audit.stats().waiting, count(&place.lines(), "denied")), (0, 10));
}

#[test]
fn failed_lines_are_written_when_writing_succeeds_again() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), true).unwrap();
    place.set(|state| state.broken = true);
    for number in 0..100 {
        audit.record(denial("stock"));
        audit.record(message(number));
    }
    while audit.stats().failures == 0 {
        std::thread::yield_now();
    }
    assert_eq!(place.lines().len(), 0);
    place.set(|state| state.broken = false);
    assert!(ended(&audit));
    let lines = place.lines();
    assert_eq!(count(&lines, "denied"), 100);
    assert_eq!(count(&lines, "message") + count(&lines, "messages-dropped"), 100);
    assert_eq!(audit.stats().messages_dropped, count(&lines, "messages-dropped"));
}

#[test]
fn audit_that_can_never_be_written_ends_and_counts_the_missing_lines() {
    let place = Place::default();
    place.set(|state| state.broken = true);
    let audit = Audit::to_writer(place.clone(), false).unwrap();
    for _ in 0..7 {
        audit.record(denial("stock"));
    }
    assert!(ended(&audit));
    audit.record(denial("too late"));
    assert_eq!(audit.stats().waiting, 8);
    assert!(audit.stats().failures >= 1);
}

#[test]
fn exceeded_quotas_share_lines() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), false).unwrap();
    for _ in 0..100_000 {
        audit.record(exceeded());
    }
    assert!(ended(&audit));
    let lines = place.lines();
    assert_eq!(count(&lines, "quota-exceeded"), 100_000);
    assert!(lines.len() < 1_000, "{} lines", lines.len());
}

/// All files, oldest first.
#[test]
fn uses_of_services_beyond_a_share_are_counted_and_leave_room_for_others() {
    let place = Place::default();
    let audit = Audit::to_writer(place.clone(), false).unwrap();
    for number in 0..100_000 {
        audit.record(used(&format!("name-{number}")));
    }
    audit.record(denial("stock"));
    assert!(ended(&audit));
    let lines = place.lines();
    let (each, others) = (count(&lines, "used"), count(&lines, "other-uses"));
    assert_eq!(each + others, 100_000);
    assert!(each >= 128 && others > 0, "{each} lines, {others} counted");
    assert_eq!(count(&lines, "denied"), 1);
    let first = &lines[0];
    let expected = [("component", "feed"), ("instance", "feed/2"), ("object", "secrets/payments")];
    for (key, value) in expected.into_iter().chain([("function", "get"), ("item", "name-0")]) {
        assert_eq!(first[key], value, "{first}");
    }
    assert_eq!(first["succeeded"], true);
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let numbered = (1..).map(|number| folder.join(format!("audit.jsonl.{number}")));
    let mut files: Vec<_> = numbered.map_while(|file| std::fs::read(file).ok()).collect();
    files.reverse();
    files.push(std::fs::read(folder.join("audit.jsonl")).unwrap());
    files
}

fn file(folder: &Path, max_size_bytes: u64, keep: u32) -> AuditFile {
    AuditFile { messages: true, max_size_bytes, keep, ..AuditFile::new(folder.join("audit.jsonl")) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_whole_and_in_order_over_all_files(
        max_size_bytes in 20_000..60_000_u64,
        runs in prop::collection::vec(1..1_500_u64, 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut number = 0;
        for run in runs {
            let audit = Audit::to_file(file(folder.path(), max_size_bytes, 1_000)).unwrap();
            for _ in 0..run {
                audit.record(message(number));
                number += 1;
            }
            prop_assert!(ended(&audit));
        }
        let files = files(folder.path());
        let sizes: Vec<u64> = files.iter().map(|file| file.len() as u64).collect();
        prop_assert!(sizes.iter().all(|size| *size <= max_size_bytes), "{:?}", sizes);
        let found: Vec<u64> =
            files.iter().flat_map(|file| parsed(file)).map(|line| line["size"].as_u64().unwrap()).collect();
        prop_assert_eq!(found, (0..number).collect::<Vec<_>>());
    }
}

#[test]
fn number_of_old_files_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::to_file(file(folder.path(), 20_000, 2)).unwrap();
    for number in 0..2_000 {
        audit.record(message(number));
    }
    assert!(ended(&audit));
    assert_eq!(files(folder.path()).len(), 3);
    let last = parsed(files(folder.path()).last().unwrap()).pop().unwrap();
    assert_eq!(last["size"], 1_999);
}

#[test]
fn partial_line_of_an_earlier_run_spoils_no_other_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.jsonl"), b"{\"event\":\"den").unwrap();
    let audit = Audit::to_file(file(folder.path(), 20_000, 2)).unwrap();
    audit.record(denial("stock"));
    assert!(ended(&audit));
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let (half, rest) = text.split_once('\n').unwrap();
    assert_eq!((half, parsed(rest.as_bytes()).len()), ("{\"event\":\"den", 1));
}

#[test]
fn failures_in_a_removed_folder_are_counted_and_a_recreated_folder_is_used() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("audits");
    std::fs::create_dir(&folder).unwrap();
    let audit = Audit::to_file(file(&folder, 20_000, 2)).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    audit.record(denial("stock"));
    while audit.stats().failures == 0 {
        std::thread::yield_now();
    }
    std::fs::create_dir(&folder).unwrap();
    audit.record(denial("stock"));
    assert!(ended(&audit));
    assert_eq!(count(&parsed(&files(&folder)[0]), "denied"), 2);
}

/// The ways in which another program rotates a file that it does not write.
#[cfg(unix)]
#[test]
fn no_line_is_lost_after_another_program_has_rotated_the_file() {
    use std::fs::{File, copy, remove_file, rename, write};
    let create = |path: &Path, moved: &Path| {
        rename(path, moved).unwrap();
        write(path, b"").unwrap();
    };
    let missing = |path: &Path, moved: &Path| rename(path, moved).unwrap();
    let removed = |path: &Path, _: &Path| remove_file(path).unwrap();
    let copied = |path: &Path, moved: &Path| {
        copy(path, moved).unwrap();
        File::options().write(true).open(path).unwrap().set_len(0).unwrap();
    };
    let linked = |path: &Path, moved: &Path| {
        rename(path, moved).unwrap();
        write(moved.with_extension("other"), b"{\"event\":\"half").unwrap();
        std::os::unix::fs::symlink(moved.with_extension("other"), path).unwrap();
    };
    let ways: [fn(&Path, &Path); 5] = [create, missing, removed, copied, linked];
    for (number, rotate) in ways.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::to_file(file(folder.path(), 1 << 20, 2)).unwrap();
        audit.record(denial("before"));
        while audit.stats().lines == 0 {
            std::thread::yield_now();
        }
        rotate(&path, &folder.path().join("moved"));
        audit.record(denial("after"));
        assert!(ended(&audit));
        let text = std::fs::read_to_string(&path).unwrap();
        // The file that a link leads to had half a line.
        let last = text.lines().last().unwrap_or_else(|| panic!("way {number}: no line"));
        assert_eq!(count(&parsed(format!("{last}\n").as_bytes()), "denied"), 1, "way {number}");
        assert!(last.contains("after") && !text.contains('\0'), "way {number}: {text}");
    }
}

#[test]
fn two_audits_share_a_file_and_its_rotation_without_a_loss() {
    const EACH: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let audits = [0, EACH].map(|first| {
        let audit = Audit::to_file(file(folder.path(), 20_000, 1_000)).unwrap();
        (audit, first)
    });
    std::thread::scope(|scope| {
        for (audit, first) in &audits {
            scope.spawn(move || (*first..first + EACH).for_each(|number| audit.record(message(number))));
        }
    });
    audits.iter().for_each(|(audit, _)| assert!(ended(audit)));
    let files = files(folder.path());
    assert!(files.len() > 2 && files.iter().all(|file| file.len() <= 20_000));
    let lines = files.iter().flat_map(|file| parsed(file));
    let mut found: Vec<u64> = lines.map(|line| line["size"].as_u64().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..2 * EACH).collect::<Vec<_>>());
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_is_counted_with_its_own_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("audit.jsonl")).unwrap();
    let mut full = RotatingFile::open(file(folder.path(), 20_000, 2)).unwrap();
    assert_eq!(full.write(b"{}\n").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let audit = Audit::to_file(file(folder.path(), 20_000, 2)).unwrap();
    audit.record(denial("stock"));
    while audit.stats().failures == 0 {
        std::thread::yield_now();
    }
    assert_eq!(audit.stats().waiting, 1);
}

#[cfg(unix)]
#[test]
fn file_is_readable_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::to_file(file(folder.path(), 20_000, 2)).unwrap();
    let mode = std::fs::metadata(folder.path().join("audit.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(ended(&audit));
}

#[test]
fn file_that_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Audit::to_file(file(&folder.path().join("absent"), 20_000, 2)).unwrap_err();
    assert!(matches!(error, AuditError::Open { .. }), "{error}");
}
