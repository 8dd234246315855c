//! Components of Spin.

use super::subject::{LABEL, OTHER, Subject, case, done};
use test_sql_calls::{Answer, Call, Rows, Value};

async fn spin(subject: &Subject, text: &str, parameters: &[Value]) -> Rows {
    let (label, text, parameters) = (LABEL.to_owned(), text.to_owned(), parameters.to_vec());
    match done(subject.call(Call::Spin { label, text, parameters }).await) {
        Answer::Rows(rows) => rows,
        answer => panic!("{answer:?}"),
    }
}

pub(super) async fn component_of_spin_uses_the_same_database(subject: &Subject) {
    let (bytes, parameters) = match subject.dialect.spin {
        true => (subject.dialect.bytes, "?, ?, ?, ?, ?"),
        false => (subject.dialect.bytes, "$1, $2, $3, $4, $5"),
    };
    spin(subject, "DROP TABLE IF EXISTS todos", &[]).await;
    let columns = format!("id BIGINT PRIMARY KEY, t TEXT, r DOUBLE PRECISION, b {bytes}, n BIGINT");
    let created = spin(subject, &format!("CREATE TABLE todos ({columns})"), &[]).await;
    assert_eq!((created.rows.len(), created.columns.len()), (0, 0));
    let row = [
        Value::Int64(1),
        Value::Text("buy milk".to_owned()),
        Value::Float64(2.5),
        Value::Bytes(vec![0, 255]),
        Value::Null,
    ];
    let inserted = spin(subject, &format!("INSERT INTO todos VALUES ({parameters})"), &row).await;
    assert_eq!(inserted.rows.len(), 0);
    let found = spin(subject, "SELECT * FROM todos", &[]).await;
    assert_eq!((found.columns.join(" ").as_str(), found.rows), ("id t r b n", vec![row.to_vec()]));
    // A component of airssys sees the same row.
    assert_eq!(subject.number("SELECT id FROM todos").await, 1);
    let call = |label: &str, text: &str| Call::Spin {
        label: label.to_owned(),
        text: text.to_owned(),
        parameters: Vec::new(),
    };
    assert_eq!(case(subject.call_in("reader", call(LABEL, "DELETE FROM todos")).await), "access-denied");
    assert_eq!(case(subject.call_in("reader", call(OTHER, "SELECT 1")).await), "access-denied");
    let failure = subject.call(call(LABEL, "INSERT INTO todos (id) VALUES (1)")).await.unwrap_err();
    assert_eq!(failure.case, "io", "{failure:?}");
    let many = format!("{} SELECT x FROM n", (subject.dialect.numbers)(None));
    let failure = subject.call(call(LABEL, &many)).await.unwrap_err();
    assert!(failure.case == "io" && failure.text.contains("LIMIT"), "{failure:?}");
}
