//! The audit of an app after a run.

use serde_json::Value;

use crate::quakes::is_the_week;
use crate::support::*;

#[test]
fn all_messages_of_a_run_are_in_its_audit_beside_the_manifest() {
    let folder = Folder::new();
    let app = folder
        .quakes(&[("[supervisor]", "[audit]\nfile = \"audit.jsonl\"\nmessages = true\n\n[supervisor]")]);
    airssys(["run", &app, "--json"]).run().exits(0);
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let parsed = lines.iter().filter(|line| line["receiver"] == "quake-parse").count() as u64;
    let dropped = lines.iter().filter(|line| line["event"] == "messages-dropped");
    let dropped: u64 = dropped.map(|line| count(line, "count")).sum();
    assert!(parsed <= 1_707 && parsed + dropped >= 1_707, "{parsed} lines, {dropped} dropped");
    let message = lines.iter().find(|line| line["receiver"] == "quake-parse").unwrap();
    assert_eq!((&message["sender"], &message["kind"]), (&"quake-feed".into(), &"send".into()));
}

#[test]
fn missing_audit_folder_is_reported_before_anything_runs() {
    let folder = Folder::new();
    let app = folder
        .quakes(&[("[supervisor]", "[audit]\nfile = \"absent/audit.jsonl\"\nkeeps = 3\n\n[supervisor]")]);
    airssys(["run", &app]).run().exits(3).says(&[
        "of the audit file does not exist",
        "`keeps`",
        "did you mean `keep`?",
        "error: 2 mistakes in the manifests",
    ]);
}

#[cfg(unix)]
#[test]
fn audit_over_the_limit_on_file_sizes_is_a_full_disk_and_ends_nothing() {
    let folder = Folder::new();
    let app = folder
        .quakes(&[("[supervisor]", "[audit]\nfile = \"audit.jsonl\"\nmessages = true\n\n[supervisor]")]);
    airssys(["build", &app]).run().exits(0);
    // In blocks of 512 bytes.
    let limited = ["sh", "-c", "ulimit -f 256 && exec \"$0\" \"$@\""];
    let ended = airssys(["run", &app, "--json"]).wrapped(&limited).run().exits(0);
    is_the_week(&ended.json());
    // Whole lines alone stay in the file.
    let length = std::fs::metadata(folder.path().join("audit.jsonl")).unwrap().len();
    assert!((1..=256 * 512).contains(&length), "{length}");
}
