//! Rights: the database enforces them, and they are decided at every call.

use super::subject::{LABEL, OTHER, Subject, case, done};
use test_sql_calls::{Answer, Call, On, Value};

/// Statements that write, each of its kind.
const WRITES: [&str; 7] = [
    "INSERT INTO guarded VALUES (2)",
    "INSERT INTO guarded VALUES (2) RETURNING id",
    "UPDATE guarded SET id = 3",
    "DELETE FROM guarded",
    "CREATE TABLE guarded_too (id BIGINT)",
    "DROP TABLE guarded",
    "ALTER TABLE guarded ADD COLUMN n BIGINT",
];

fn query(on: On, text: &str) -> Call {
    Call::Query { on, text: text.to_owned(), parameters: Vec::new(), page: 10 }
}

fn execute(on: On, text: &str) -> Call {
    Call::Execute { on, text: text.to_owned(), parameters: Vec::new() }
}

async fn guarded(subject: &Subject) {
    subject.table("guarded", "id BIGINT PRIMARY KEY").await;
    subject.execute("INSERT INTO guarded VALUES (1)", &[]).await.unwrap();
}

async fn unchanged(subject: &Subject) {
    let rows = subject.query("SELECT * FROM guarded", &[]).await.unwrap();
    assert_eq!(rows.rows, [[Value::Int64(1)]]);
}

pub(super) async fn component_with_the_right_to_read_cannot_write(subject: &Subject) {
    guarded(subject).await;
    let on = || On::Label(LABEL.to_owned());
    for text in WRITES {
        assert_eq!(case(subject.call_in("reader", query(on(), text)).await), "access-denied", "{text}");
        assert_eq!(case(subject.call_in("reader", execute(on(), text)).await), "access-denied", "{text}");
    }
    let rows = done(subject.call_in("reader", query(on(), "SELECT id FROM guarded")).await);
    let Answer::Rows(rows) = rows else { panic!("{rows:?}") };
    assert_eq!(rows.rows, [[Value::Int64(1)]]);
    unchanged(subject).await;
    let denials = subject.host().denials();
    let denial = denials.iter().find(|denial| denial.object.as_deref() == Some("sql/orders:write"));
    assert!(denial.is_some(), "{denials:?}");
}

pub(super) async fn transaction_with_the_right_to_read_cannot_write(subject: &Subject) {
    guarded(subject).await;
    // Statements that would free a session of its promise to read, each before one that writes.
    let escapes = [
        "SELECT 1",
        "COMMIT",
        "ROLLBACK",
        "END",
        "SET TRANSACTION READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "SET transaction_read_only = off",
        "RESET ALL",
        "SAVEPOINT free",
        "COMMIT AND CHAIN",
        "PRAGMA query_only = OFF",
        "SET autocommit = 1",
        "START TRANSACTION READ WRITE",
    ];
    for escape in escapes {
        for write in ["INSERT INTO guarded VALUES (2)", "DELETE FROM guarded"] {
            let begun = done(subject.call_in("reader", Call::Begin(LABEL.to_owned())).await);
            let Answer::Handle(transaction) = begun else { panic!("{begun:?}") };
            let on = || On::Transaction(transaction);
            let _whatever = subject.call_in("reader", execute(on(), escape)).await;
            let failure = subject.call_in("reader", execute(on(), write)).await.unwrap_err();
            let refused = ["access-denied", "transaction-failed"].contains(&failure.case.as_str());
            assert!(refused, "{escape}: {failure:?}");
            let _failed = subject.call_in("reader", Call::Commit(transaction)).await;
            unchanged(subject).await;
            // Nor does the escape serve the statement after it, outside of the transaction.
            let _whatever = subject.call_in("reader", execute(On::Label(LABEL.to_owned()), escape)).await;
            let outside = subject.call_in("reader", execute(On::Label(LABEL.to_owned()), write)).await;
            assert_eq!(case(outside), "access-denied", "{escape}");
            unchanged(subject).await;
        }
    }
}

pub(super) async fn label_without_a_right_looks_absent(subject: &Subject) {
    for label in [LABEL, OTHER, "no-such-label", "Not A Label", "*", "orders:write", "../orders", ""] {
        assert_eq!(case(subject.call_in("stranger", Call::Open(label.to_owned())).await), "access-denied");
    }
    assert_eq!(case(subject.call_in("reader", Call::Open(OTHER.to_owned())).await), "access-denied");
}

pub(super) async fn revoked_right_ends_with_the_next_call(subject: &Subject) {
    guarded(subject).await;
    let (orders, all) = (|| On::Label(LABEL.to_owned()), "sql/orders");
    let transaction = subject.begin().await;
    subject.execute_on(On::Transaction(transaction), "DELETE FROM guarded", &[]).await.unwrap();
    let open = Call::OpenRows { on: orders(), text: "SELECT 1".to_owned(), parameters: Vec::new() };
    let rows = subject.handle(open).await;
    subject.change_right(false, all);
    assert_eq!(case(subject.query_on(orders(), "SELECT 1", &[]).await), "access-denied");
    assert_eq!(case(subject.call(Call::Next { rows, most: 1 }).await), "access-denied");
    assert_eq!(case(subject.call(Call::Begin(LABEL.to_owned())).await), "access-denied");
    assert_eq!(case(subject.call(Call::Commit(transaction)).await), "access-denied");
    subject.change_right(true, all);
    done(subject.call(Call::DropRows(rows)).await);
    unchanged(subject).await;
}

pub(super) async fn labels_are_apart(subject: &Subject) {
    let other = || On::Label(OTHER.to_owned());
    subject.table("apart", "id BIGINT PRIMARY KEY").await;
    subject.execute("INSERT INTO apart VALUES (1)", &[]).await.unwrap();
    subject.execute_on(other(), "DROP TABLE IF EXISTS apart", &[]).await.unwrap();
    // The other label has no such table, by whatever name.
    for name in ["apart"].iter().chain(subject.dialect.foreign) {
        for text in [format!("SELECT id FROM {name}"), format!("DELETE FROM {name}")] {
            assert_eq!(case(subject.query_on(other(), &text, &[]).await), "query-failed", "{text}");
        }
    }
    subject.execute_on(other(), "CREATE TABLE apart (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    subject.execute_on(other(), "INSERT INTO apart VALUES (2)", &[]).await.unwrap();
    let found = subject.query("SELECT id FROM apart", &[]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int64(1)]]);
    let found = subject.query_on(other(), "SELECT id FROM apart", &[]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int64(2)]]);
}
