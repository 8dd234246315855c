//! MariaDB passes every scenario of the services that it serves.

use airssys_mysql::Mysql;
use airssys_sql::conformance::{self, Dialect, Leak, Subject, Value};
use airssys_wasm::Backends;

use crate::server::{Server, start, url};

/// Numbers without a recursive query, which the server ends after 1,000 steps.
fn numbers(last: Option<u32>) -> String {
    let last = last.map_or(9_000_000_000_000_000_000, u64::from);
    format!("WITH n(x) AS (SELECT seq FROM seq_1_to_{last})")
}

pub(crate) fn dialect() -> Dialect {
    let leak = |set, probe| Leak { set, probe };
    Dialect {
        bytes: "LONGBLOB",
        text: "LONGTEXT",
        time: "TIME(6)",
        decimal: "DECIMAL(40, 4)",
        timestamp: "DATETIME(6)",
        instant: "TIMESTAMP(6) NULL",
        uuid: "CHAR(36)",
        strict: "",
        cast_number: "SIGNED",
        cast_text: "CHAR",
        numbers,
        returning: "REPLACE INTO returned (id, n) VALUES (1, 11), (2, 21) RETURNING n",
        large_text: "repeat('x', 4000000)",
        foreign: &["orders.apart"],
        stored: |value| match value {
            Value::Float32(number) => Value::Float64(f64::from(number)),
            Value::Uuid(text) => Value::Text(text),
            value => value,
        },
        spin: true,
        refused: &[
            "BEGIN",
            "START TRANSACTION",
            "COMMIT",
            "ROLLBACK",
            "SET autocommit = 0",
            "SET GLOBAL max_connections = 1",
            "SET PASSWORD = ''",
            "ALTER USER CURRENT_USER() IDENTIFIED BY 'a'",
            "LOCK TABLES guarded WRITE",
            "FLUSH TABLES",
            "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE guarded",
            "LOAD DATA INFILE '/etc/passwd' INTO TABLE guarded",
            "SELECT 1 INTO OUTFILE '/tmp/airssys-outfile'",
            "SELECT 1; SELECT 2",
            "/*! COMMIT */",
            "BEGIN NOT ATOMIC COMMIT; END",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "CREATE PROCEDURE ends() COMMIT",
            "CREATE DATABASE more",
            "USE mysql",
            "KILL 1",
            "XA START 'a'",
            "SHUTDOWN",
        ],
        leaks: vec![
            leak("SELECT @leaked := 7", "SELECT @leaked IS NULL"),
            leak("SELECT LAST_INSERT_ID(42)", "SELECT LAST_INSERT_ID()"),
            leak("SELECT GET_LOCK('leaked', 0)", "SELECT IS_FREE_LOCK('leaked')"),
            leak("CREATE TEMPORARY TABLE leaked (id INT)", "SHOW TABLES LIKE 'leaked'"),
            leak("SET SESSION sql_mode = ''", "SELECT @@sql_mode"),
        ],
    }
}

/// Starts the component on a server.
pub(crate) async fn subject(server: &Server, options: &str) -> Subject {
    let runtime = format!(
        "[backend.main]\ntype = \"mysql\"\nurl = \"{}\"\n{options}\n\n[sql]\norders = \"main\"\n\
         other = {{ backend = \"main\", database = \"other\", user = \"other\" }}\n",
        url(server.port())
    );
    Subject::new(Backends::default().with(Mysql), &runtime, None, dialect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_passes_every_scenario_of_databases() {
    let server = start().await;
    conformance::run(subject(&server, "pool_size = 3\ntimeout = \"5s\"").await).await;
}
