//! SQLite passes every scenario.
#![allow(clippy::unwrap_used)]

use airssys_sql::Sqlite;
use airssys_sql::conformance::{self, Dialect, Subject, Value};
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
