//! Values on their way to a database and back.

use super::subject::Subject;
use test_sql_calls::Value;

fn every_value() -> [Value; 14] {
    [
        Value::Boolean(true),
        Value::Int32(i32::MIN),
        Value::Int64(i64::MAX),
        Value::Float32(-0.25),
        Value::Float64(1.0e-300),
        Value::Decimal("-12345678901234567890.0500".to_owned()),
        Value::Text("ein Stück".to_owned()),
        Value::Bytes(vec![0, 255, 10]),
        Value::Date((2024, 2, 29)),
        Value::Time((23, 59, 58, 123_456)),
        Value::Timestamp((1969, 12, 31), (1, 2, 3, 4)),
        Value::Instant(1_796_083_199_000_001),
        Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned()),
        Value::Null,
    ]
}

async fn table(subject: &Subject, name: &str) {
    let dialect = &subject.dialect;
    let (bytes, decimal, at, instant) = (dialect.bytes, dialect.decimal, dialect.timestamp, dialect.instant);
    let (uuid, time, text) = (dialect.uuid, dialect.time, dialect.text);
    let columns = format!(
        "a BOOLEAN, b INTEGER, c BIGINT, d REAL, e DOUBLE PRECISION, f {decimal}, g {text}, h {bytes}, \
         i DATE, j {time}, k {at}, l {instant}, m {uuid}, n TEXT"
    );
    subject.table(name, &columns).await;
}

const INSERT: &str = "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

pub(super) async fn every_type_comes_back(subject: &Subject) {
    table(subject, "every_type").await;
    let values = every_value();
    let changed = subject.execute(&format!("INSERT INTO every_type {INSERT}"), &values).await;
    assert_eq!(changed, Ok(1));
    let rows = subject.query("SELECT * FROM every_type", &[]).await.unwrap();
    assert_eq!(rows.columns.join(""), "abcdefghijklmn");
    let expected: Vec<_> = values.into_iter().map(subject.dialect.stored).collect();
    assert_eq!(rows.rows, [expected]);
    // The same values find the row again, each with its own type.
    let [.., day, _, _, _, _, _] = every_value();
    let found = subject.query("SELECT c FROM every_type WHERE i = $1", &[day]).await;
    assert_eq!(found.unwrap().rows, [[Value::Int64(i64::MAX)]]);
}

pub(super) async fn nulls_are_values_of_every_type(subject: &Subject) {
    table(subject, "nulls").await;
    let nulls = vec![Value::Null; 14];
    subject.execute(&format!("INSERT INTO nulls {INSERT}"), &nulls).await.unwrap();
    assert_eq!(subject.query("SELECT * FROM nulls", &[]).await.unwrap().rows, [nulls]);
}

pub(super) async fn parameters_are_used_by_their_number(subject: &Subject) {
    subject.table("numbered", "a BIGINT, b TEXT").await;
    let parameters = [Value::Text("two".to_owned()), Value::Int64(1)];
    subject.execute("INSERT INTO numbered (a, b) VALUES ($2, $1)", &parameters).await.unwrap();
    subject
        .execute("INSERT INTO numbered (a, b) VALUES ($1, $2)", &[Value::Int64(2), Value::Null])
        .await
        .unwrap();
    let text = "SELECT a FROM numbered WHERE b = $1 OR a = $2 OR a = $2 + 1 ORDER BY a";
    let found = subject.query(text, &parameters).await;
    assert_eq!(found.unwrap().rows, [[Value::Int64(1)], [Value::Int64(2)]]);
}

pub(super) async fn texts_and_bytes_come_back_unchanged(subject: &Subject) {
    let (bytes, text) = (subject.dialect.bytes, subject.dialect.text);
    subject.table("contents", &format!("id BIGINT PRIMARY KEY, t {text}, b {bytes}")).await;
    let contents = [
        (String::new(), Vec::new()),
        ("'; DROP TABLE contents; --\r\n\t\u{1}🦀\u{202e}".to_owned(), (0..=255).collect()),
        ("x".repeat(1 << 20), vec![0xC3; 1 << 20]),
    ];
    for (id, (text, bytes)) in (0..).zip(&contents) {
        let row = [Value::Int64(id), Value::Text(text.clone()), Value::Bytes(bytes.clone())];
        subject.execute("INSERT INTO contents VALUES ($1, $2, $3)", &row).await.unwrap();
    }
    let rows = subject.query("SELECT t, b FROM contents ORDER BY id", &[]).await.unwrap().rows;
    for (row, (text, bytes)) in rows.iter().zip(&contents) {
        assert!(*row == [Value::Text(text.clone()), Value::Bytes(bytes.clone())], "{} bytes", bytes.len());
    }
    assert_eq!(rows.len(), contents.len());
}
