//! PostgreSQL passes every scenario of the services that it serves.

use airssys_postgres::Postgres;
use airssys_sql::conformance::{self, Dialect, Leak, Subject, UPDATE_RETURNING, recursive_numbers};
use airssys_wasm::Backends;

use crate::server::{Server, start, url};

pub(crate) fn dialect() -> Dialect {
    let leak = |set, probe| Leak { set, probe };
    Dialect {
        bytes: "BYTEA",
        text: "TEXT",
        time: "TIME",
        cast_number: "BIGINT",
        cast_text: "TEXT",
        numbers: recursive_numbers,
        returning: UPDATE_RETURNING,
        large_text: "repeat('x', 4000000)",
        foreign: &["orders.apart", "orders.public.apart"],
        decimal: "NUMERIC",
        timestamp: "TIMESTAMP",
        instant: "TIMESTAMP WITH TIME ZONE",
        uuid: "UUID",
        strict: "",
        stored: |value| value,
        spin: false,
        refused: &[
            "COMMIT",
            "ROLLBACK",
            "END",
            "COMMIT AND CHAIN",
            "VACUUM",
            "CREATE DATABASE other",
            "SELECT 1; SELECT 2",
        ],
        leaks: vec![
            leak("SET search_path = nowhere", "SHOW search_path"),
            leak("SET statement_timeout = 1", "SHOW statement_timeout"),
            leak("SET TIME ZONE 'Asia/Tokyo'", "SHOW timezone"),
            leak("SET default_transaction_read_only = on", "SHOW default_transaction_read_only"),
            leak(
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "SHOW default_transaction_isolation",
            ),
            leak(
                "SELECT set_config('app.user', 'alice', false)",
                "SELECT COALESCE(current_setting('app.user', true), '')",
            ),
            leak("SET ROLE helper", "SELECT current_user::text"),
            leak("SET SESSION AUTHORIZATION helper", "SELECT session_user::text"),
            leak("ALTER ROLE CURRENT_USER SET search_path = nowhere", "SHOW search_path"),
            leak("CREATE TEMP TABLE leaked (id INTEGER)", "SELECT to_regclass('pg_temp.leaked')::text"),
            leak("PREPARE leaked AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE from_sql"),
            leak(
                "DECLARE leaked CURSOR WITH HOLD FOR SELECT 1",
                "SELECT count(*) FROM pg_cursors WHERE name = 'leaked'",
            ),
            leak("LISTEN leaked", "SELECT count(*) FROM pg_listening_channels()"),
            leak(
                "SELECT pg_advisory_lock(42)",
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            ),
        ],
    }
}

/// Starts the component on a server.
pub(crate) async fn subject(server: &Server, options: &str) -> Subject {
    let runtime = format!(
        "[backend.main]\ntype = \"postgres\"\nurl = \"{}\"\n{options}\n\n[sql]\norders = \"main\"\n\
         other = {{ backend = \"main\", database = \"other\", user = \"other\" }}\n",
        url(server.port())
    );
    Subject::new(Backends::default().with(Postgres), &runtime, None, dialect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_passes_every_scenario_of_databases() {
    let server = start().await;
    conformance::run(subject(&server, "pool_size = 3\ntimeout = \"5s\"").await).await;
}
