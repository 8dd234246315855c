//! SQLite passes every scenario.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use airssys_sql::Sqlite;
use airssys_sql::conformance::{self, Answer, Call, Dialect, LABEL, OTHER, On, Subject, Value};
use airssys_wasm::Backends;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_passes_every_scenario() {
    let data = tempfile::tempdir().unwrap();
    let runtime = "[backend.files]\ntype = \"sqlite\"\ntimeout = \"5s\"\n\n[sql]\n\"*\" = \"files\"\n";
    let backends = Backends::default().with(Sqlite);
    let dialect = Dialect::sqlite();
    let folder = data.path().to_owned();
    conformance::run(Subject::new(backends, runtime, Some(folder), dialect).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_database_refuses_more_and_its_rows_outlive_the_host() {
    let data = tempfile::tempdir().unwrap();
    let runtime = "[backend.files]\ntype = \"sqlite\"\nsize = \"1 MiB\"\n\n[sql]\n\"*\" = \"files\"\n";
    let start = async || {
        let (backends, folder) = (Backends::default().with(Sqlite), data.path().to_owned());
        Subject::new(backends, runtime, Some(folder), Dialect::sqlite()).await
    };
    let subject = start().await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY, b BLOB)", &[]).await.unwrap();
    let mut kept = 0;
    let failure = loop {
        let row = [Value::Int64(kept), Value::Bytes(vec![7; 100_000])];
        match subject.execute("INSERT INTO kept VALUES ($1, $2)", &row).await {
            Ok(changed) => kept += changed as i64,
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.case, "database-full");
    assert!((5..=10).contains(&kept), "{kept} rows of 100,000 bytes");
    assert_eq!(subject.number("SELECT count(*) FROM kept").await, kept);
    assert_eq!(subject.execute("DELETE FROM kept WHERE id = 0", &[]).await, Ok(1));
    // Another host has the same rows, also while this one runs.
    let other = start().await;
    assert_eq!(other.number("SELECT count(*) FROM kept").await, kept - 1);
    assert_eq!(other.execute("DELETE FROM kept WHERE id = 1", &[]).await, Ok(1));
    assert_eq!(subject.number("SELECT count(*) FROM kept").await, kept - 2);
    assert!(data.path().join("sql-files/orders.db").exists());
}

/// Starts the component on SQLite with these options of its table.
async fn with_options(folder: &Path, options: &str) -> Subject {
    let runtime = format!("[backend.files]\ntype = \"sqlite\"\n{options}\n\n[sql]\n\"*\" = \"files\"\n");
    Subject::new(Backends::default().with(Sqlite), &runtime, Some(folder.to_owned()), Dialect::sqlite()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_read_does_not_wait_for_a_transaction_that_writes() {
    let data = tempfile::tempdir().unwrap();
    let subject = with_options(data.path(), "timeout = \"5s\"").await;
    let transaction = subject.begin().await;
    let (on, text) = (On::Label(LABEL.to_owned()), "SELECT 1 AS one");
    let rows = subject.query_in("reader", on, text, &[]).await.unwrap();
    assert_eq!(rows.rows, [[Value::Int64(1)]]);
    subject.call(Call::Rollback(transaction)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_beside_a_file_is_bounded_while_a_result_is_open() {
    let data = tempfile::tempdir().unwrap();
    let subject = with_options(data.path(), "size = \"1 MiB\"").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY, b BLOB)", &[]).await.unwrap();
    subject
        .execute("INSERT INTO kept VALUES (1, zeroblob(100000)), (2, NULL), (3, NULL)", &[])
        .await
        .unwrap();
    let (on, text) = (On::Label(LABEL.to_owned()), "SELECT id FROM kept".to_owned());
    let open = subject.call_in("reader", Call::OpenRows { on, text, parameters: Vec::new() }).await;
    let Ok(Answer::Handle(rows)) = open else { panic!("{open:?}") };
    let change = async || subject.execute("UPDATE kept SET b = randomblob(100000) WHERE id = 1", &[]).await;
    let mut changes = 0;
    let failure = loop {
        match change().await {
            Ok(_) => changes += 1,
            Err(failure) => break failure,
        }
        assert!(changes < 100, "the log grows without end");
    };
    assert_eq!(failure.case, "database-full", "after {changes} changes");
    subject.call_in("reader", Call::DropRows(rows)).await.unwrap();
    assert_eq!(change().await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_labels_are_bounded_and_are_not_links() {
    let data = tempfile::tempdir().unwrap();
    let subject = with_options(data.path(), "labels = 1").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    let other = || On::Label(OTHER.to_owned());
    let more = subject.execute_on(other(), "CREATE TABLE kept (id BIGINT)", &[]).await.unwrap_err();
    assert_eq!(more.case, "limit-exceeded");
    let folder = data.path().join("sql-files");
    assert!(!folder.join("other.db").exists());
    drop(subject);

    std::os::unix::fs::symlink(folder.join("orders.db"), folder.join("other.db")).unwrap();
    let subject = with_options(data.path(), "").await;
    let linked = subject.query_on(other(), "SELECT * FROM kept", &[]).await.unwrap_err();
    assert_eq!(linked.case, "unavailable", "{linked:?}");
    assert_eq!(subject.number("SELECT count(*) FROM kept").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_checked_and_modules_are_known_in_any_case() {
    let data = tempfile::tempdir().unwrap();
    let subject = with_options(data.path(), "").await;
    let invalid = subject.query("SELECT CAST(x'ff' AS TEXT)", &[]).await.unwrap_err();
    assert_eq!(invalid.case, "wrong-type", "{invalid:?}");
    let bytes = subject.query("SELECT CAST(CAST(x'ff' AS TEXT) AS BLOB)", &[]).await.unwrap();
    assert_eq!(bytes.rows, [[Value::Bytes(vec![0xFF])]]);
    subject.execute("CREATE VIRTUAL TABLE words USING FTS5(word)", &[]).await.unwrap();
    subject.execute("INSERT INTO words VALUES ('one')", &[]).await.unwrap();
    assert_eq!(subject.number("SELECT count(*) FROM words WHERE word MATCH 'one'").await, 1);
}

/// The variable with the folder of data, in a process that a test starts to write there.
const FOLDER: &str = "AIRSSYS_TEST_WRITER";

async fn subject_in(folder: &Path) -> Subject {
    let runtime = "[backend.files]\ntype = \"sqlite\"\ntimeout = \"30s\"\n\n[sql]\n\"*\" = \"files\"\n";
    Subject::new(Backends::default().with(Sqlite), runtime, Some(folder.to_owned()), Dialect::sqlite()).await
}

/// Inserts rows, and prints each when its call has returned, until a call fails.
async fn write_rows(folder: PathBuf) {
    let subject = subject_in(&folder).await;
    subject.execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, b BLOB)", &[]).await.unwrap();
    let first = subject.number("SELECT count(*) FROM kept").await;
    for id in first.. {
        let row = [Value::Int64(id), Value::Bytes(vec![7; 20_000])];
        match subject.execute("INSERT INTO kept VALUES ($1, $2)", &row).await {
            Ok(_) => println!("\nkept {id}"),
            Err(failure) => {
                // The rows are still there to read.
                assert_eq!(subject.number("SELECT count(*) FROM kept").await, id);
                return println!("\nfailed {}", failure.case);
            }
        }
    }
}

/// Starts a test of this program in a process of its own, which writes rows, and kills it after so many of
/// them. Returns the number of rows that it printed, and the case of its failure.
fn writer(test: &str, folder: &Path, limits: &str, kill_after: i64) -> (i64, String) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} exec \"$0\" \"$@\"")]).arg(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let mut child = command.env(FOLDER, folder).stdout(Stdio::piped()).spawn().unwrap();
    let (mut rows, mut printed, mut failed) = (0, 0, String::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some(id) = line.strip_prefix("kept ") {
            (rows, printed) = (id.parse::<i64>().unwrap() + 1, printed + 1);
            if printed == kill_after {
                child.kill().unwrap();
            }
        } else if let Some(case) = line.strip_prefix("failed ") {
            case.clone_into(&mut failed);
        }
    }
    child.wait().unwrap();
    (rows, failed)
}

async fn check_rows(folder: &Path, least: i64) {
    let subject = subject_in(folder).await;
    // The row in flight may be there too.
    let found = subject.number("SELECT count(*) FROM kept").await;
    assert!((least..=least + 1).contains(&found), "{found} rows, and {least} were acknowledged");
    assert_eq!(subject.number("SELECT max(id) + 1 FROM kept").await, found);
    let check = subject.query("PRAGMA integrity_check", &[]).await.unwrap();
    assert_eq!(check.rows, [[Value::Text("ok".to_owned())]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_is_killed_loses_nothing_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_rows(folder.into()).await;
    }
    let data = tempfile::tempdir().unwrap();
    for kill_after in [1, 7, 20] {
        let test = "process_that_is_killed_loses_nothing_acknowledged";
        let (rows, failed) = writer(test, data.path(), "", kill_after);
        assert!(rows > 0 && failed.is_empty(), "{rows} rows, {failed}");
        check_rows(data.path(), rows).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_that_cannot_grow_fails_changes_and_loses_nothing_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_rows(folder.into()).await;
    }
    let data = tempfile::tempdir().unwrap();
    let test = "file_that_cannot_grow_fails_changes_and_loses_nothing_acknowledged";
    // Compiled components are cached before, because their files are larger.
    drop(subject_in(data.path()).await);
    // A file has 1,024 blocks of 512 bytes at most. Without the signal, a longer write is an error of the disk.
    let (rows, failed) = writer(test, data.path(), "trap '' XFSZ; ulimit -f 1024;", i64::MAX);
    assert_eq!(failed, "unavailable");
    assert!((5..=60).contains(&rows), "{rows} rows of 20,000 bytes");
    check_rows(data.path(), rows).await;
}
