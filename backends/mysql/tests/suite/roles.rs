//! The boundaries between components and the server, and the types of parameters.

use airssys_mysql::Mysql;
use airssys_sql::conformance::{Subject, Value};
use airssys_wasm::Backends;
use mysql_async::prelude::Queryable;

use crate::conformance::{dialect, subject};
use crate::server::{Server, client, start};

async fn of_user(server: &Server, user: &str, options: &str) -> Subject {
    let port = server.port();
    let runtime = format!(
        "[backend.main]\ntype = \"mysql\"\nurl = \"mysql://{user}@127.0.0.1:{port}/orders\"\n{options}\n\n\
         [sql]\norders = \"main\"\n"
    );
    Subject::new(Backends::default().with(Mysql), &runtime, None, dialect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_with_rights_on_the_server_is_refused_unless_allowed() {
    let server = start().await;
    let mut admin = client(server.port()).await.unwrap();
    for text in [
        "CREATE USER files@'127.0.0.1'",
        "GRANT FILE ON *.* TO files@'127.0.0.1'",
        "GRANT ALL PRIVILEGES ON orders.* TO files@'127.0.0.1'",
    ] {
        admin.query_drop(text).await.unwrap();
    }
    for user in ["root", "files"] {
        let refused = of_user(&server, user, "").await.query("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(refused.case, "connection-failed", "{user}: {refused:?}");
        // The reason is the operator's.
        assert!(!refused.text.contains("rights"), "{refused:?}");
    }
    let allowed = of_user(&server, "files", "allow_privileged_role = true").await;
    assert!(allowed.query("SELECT 1", &[]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameter_that_the_server_would_convert_is_a_wrong_type() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 2").await;
    subject.table("typed", "id BIGINT, small TINYINT, d DECIMAL(10, 2), t TEXT, at TIME").await;
    let text = |text: &str| Value::Text(text.to_owned());
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    for (statement, value) in [
        ("INSERT INTO typed VALUES ($1, 1, 1, '', NULL)", text("12")),
        ("INSERT INTO typed (small, id) VALUES (1, $1)", text("12")),
        ("REPLACE INTO typed (small) VALUES ($1)", Value::Int64(200)),
        ("INSERT INTO typed (d) VALUES ($1)", decimal("1.005")),
        ("INSERT INTO typed (t) VALUES ($1)", Value::Int64(1)),
        ("INSERT INTO typed (at) VALUES ($1)", Value::Time((1, 2, 3, 4))),
        ("UPDATE typed SET id = $1", Value::Float64(0.5)),
        ("DELETE FROM typed WHERE typed.id >= $1", text("1x")),
        ("SELECT id FROM typed t WHERE $1 = t.id", text("1")),
        ("SELECT id FROM typed WHERE id = $1", Value::Float64(f64::NAN)),
    ] {
        let failure = subject.query(statement, &[value]).await.expect_err(statement);
        assert_eq!(failure.case, "wrong-type", "{statement}: {failure:?}");
    }
    let row = [Value::Int64(1), decimal("1.50"), text("1"), Value::Time((1, 2, 3, 0))];
    let insert = "INSERT INTO typed (id, d, t, at) VALUES ($1, $2, $3, $4)";
    assert_eq!(subject.execute(insert, &row).await, Ok(1));
    let found = subject.query("SELECT id, d, t, at FROM typed WHERE d = $1", &[decimal("1.5")]).await;
    assert_eq!(found.unwrap().rows, [row.to_vec()]);
}
