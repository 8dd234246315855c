//! SQLite passes every scenario.

use airssys_sql::Sqlite;
use airssys_sql::conformance::{self, Dialect, Subject};
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
