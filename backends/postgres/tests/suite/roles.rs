//! The boundaries between labels, and between components and the server.

use std::collections::BTreeMap;

use airssys_postgres::Postgres;
use airssys_sql::Sql;
use airssys_sql::conformance::{LABEL, On, Subject, Value};
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};
use airssys_wasm::{Backends, Services};

use crate::conformance::{dialect, subject};
use crate::server::{Server, client, start, url};

async fn of_role(server: &Server, role: &str, options: &str) -> Subject {
    let port = server.port();
    let runtime = format!(
        "[backend.main]\ntype = \"postgres\"\nurl = \"postgres://{role}@127.0.0.1:{port}/orders\"\n{options}\n\n\
         [sql]\norders = \"main\"\n"
    );
    Subject::new(Backends::default().with(Postgres), &runtime, None, dialect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_with_rights_on_the_server_is_refused_unless_allowed() {
    let server = start().await;
    let admin = client(server.port()).await.unwrap();
    for text in [
        "CREATE ROLE programs LOGIN IN ROLE pg_execute_server_program",
        "CREATE ROLE reads LOGIN IN ROLE pg_read_server_files",
        "CREATE ROLE writes LOGIN IN ROLE pg_write_server_files",
        "CREATE ROLE makes LOGIN CREATEROLE",
        "CREATE ROLE copies LOGIN REPLICATION",
        "CREATE ROLE indirect LOGIN IN ROLE programs",
        "GRANT CONNECT ON DATABASE orders TO PUBLIC",
    ] {
        admin.batch_execute(text).await.unwrap();
    }
    for role in ["postgres", "programs", "reads", "writes", "makes", "copies", "indirect"] {
        let refused = of_role(&server, role, "").await.query("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(refused.case, "connection-failed", "{role}: {refused:?}");
        // The reason is the operator's.
        assert!(!refused.text.contains("role"), "{refused:?}");
    }
    let allowed = of_role(&server, "postgres", "allow_privileged_role = true").await;
    assert!(allowed.query("SELECT 1", &[]).await.is_ok());
    assert!(of_role(&server, "orders", "").await.query("SELECT 1", &[]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_a_role_do_not_reach_later_connections() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 2").await;
    for setting in [
        "search_path = nowhere",
        "default_transaction_read_only = on",
        "statement_timeout = 1",
        "row_security = off",
    ] {
        let text = format!("ALTER ROLE CURRENT_USER SET {setting}");
        subject.execute(&text, &[]).await.unwrap();
    }
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orders'";
    client(server.port()).await.unwrap().query(cut, &[]).await.unwrap();
    let show = async |name: &str| loop {
        // The first call on a connection that was cut fails.
        if let Ok(rows) = subject.query(&format!("SHOW {name}"), &[]).await {
            let [row] = rows.rows.as_slice() else { panic!("{rows:?}") };
            let [Value::Text(text)] = row.as_slice() else { panic!("{row:?}") };
            return text.clone();
        }
    };
    assert_eq!(show("search_path").await, "\"$user\",public");
    assert_eq!(show("default_transaction_read_only").await, "off");
    assert_eq!(show("statement_timeout").await, "0");
    assert_eq!(show("row_security").await, "on");
    subject.execute("CREATE TABLE kept (id BIGINT)", &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decimal_numbers_are_counted_before_they_are_decoded() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 2").await;
    let large = "1e131071::numeric";
    let rows = subject.query(&format!("SELECT {large}"), &[]).await.unwrap();
    assert!(matches!(&rows.rows[0][0], Value::Decimal(text) if text.len() == 131_072));
    // A row of 400 bytes on the wire has 5 MB of digits.
    let many = format!("SELECT {}", vec![large; 40].join(", "));
    assert_eq!(subject.query(&many, &[]).await.unwrap_err().case, "limit-exceeded");
    let pages = format!("SELECT {large} FROM generate_series(1, 64)");
    let rows = subject.query(&pages, &[]).await.unwrap();
    assert_eq!((rows.rows.len(), rows.pages[0]), (64, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_share_the_connections_of_their_table() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 1").await;
    // The idle connection of a label makes room for that of another.
    for _ in 0..3 {
        for label in [LABEL, "other"] {
            let found = subject.query_on(On::Label(label.to_owned()), "SELECT current_user::text", &[]).await;
            assert_eq!(found.unwrap().rows, [[Value::Text(label.to_owned())]]);
        }
    }
}

#[test]
fn labels_that_would_share_their_data_are_a_mistake_of_the_configuration() {
    let services = Services::default().with(Sql).labels();
    let configure = |labels: &str| {
        let text =
            format!("[backend.main]\ntype = \"postgres\"\nurl = \"{}\"\n\n[sql]\n{labels}\n", url(5432));
        let sources = vec![RuntimeSource::new("runtime.toml", text)];
        let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
        let services: BTreeMap<_, _> = services.clone();
        let configured = Backends::default().with(Postgres).configure(&runtime, &services, None);
        configured.map(drop).map_err(|found| found.to_string())
    };
    for labels in [
        "orders = 'main'",
        "orders = 'main'\nother = { backend = 'main', database = 'other' }",
        "'*' = { backend = 'main', database = '*', user = '*', schema = 'app' }",
    ] {
        assert_eq!(configure(labels), Ok(()), "{labels}");
    }
    for (labels, place) in [
        ("'*' = 'main'", "6:1: the labels of `\"*\"` would share their data"),
        ("orders = 'main'\nother = 'main'", "7:1: the labels `other` and `orders` would share their data"),
        ("orders = { backend = 'main', database = '' }", "`database` is empty"),
    ] {
        let found = configure(labels).unwrap_err();
        assert!(found.contains(place), "{labels}: {found}");
    }
}
