//! Errors, each with its case.

use super::subject::{LABEL, Subject, case};
use test_sql_calls::{Call, On, Value};

pub(super) async fn constraints_are_named(subject: &Subject) {
    subject.execute("DROP TABLE IF EXISTS constrained_child", &[]).await.unwrap();
    let columns = "id BIGINT PRIMARY KEY, n BIGINT NOT NULL, CONSTRAINT n_is_small CHECK (n < 10)";
    subject.table("constrained", columns).await;
    let columns = "id BIGINT PRIMARY KEY, parent BIGINT, \
                   CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES constrained (id)";
    subject.table("constrained_child", columns).await;
    subject.execute("INSERT INTO constrained VALUES (1, 1)", &[]).await.unwrap();
    for (text, name) in [
        ("INSERT INTO constrained VALUES (1, 2)", "constrained|PRIMARY"),
        ("INSERT INTO constrained VALUES (2, NULL)", "n"),
        ("INSERT INTO constrained VALUES (2, 10)", "n_is_small"),
        ("INSERT INTO constrained_child VALUES (1, 7)", "foreign|of_parent"),
    ] {
        let failure = subject.execute(text, &[]).await.unwrap_err();
        assert_eq!(failure.case, "constraint-violation", "{text}: {failure:?}");
        let named = name.split('|').any(|name| failure.text.contains(name));
        assert!(named, "{text}: {failure:?}");
    }
    assert_eq!(subject.number("SELECT count(*) FROM constrained").await, 1);
}

pub(super) async fn mistakes_in_statements_are_told(subject: &Subject) {
    for text in ["SELEKT 1", "SELECT * FROM no_such_table", "", "SELECT 1 FROM", "SELECT no_such_column"] {
        let failure = subject.query(text, &[]).await.unwrap_err();
        assert_eq!(failure.case, "query-failed", "{text}: {failure:?}");
        assert!(!failure.text.is_empty(), "{text}");
        assert_eq!(case(subject.execute(text, &[]).await), "query-failed", "{text}");
    }
    let (number, text) = (subject.dialect.cast_number, subject.dialect.cast_text);
    let nul = subject.query("SELECT '\0'", &[]).await;
    assert_eq!(case(nul), "query-failed");
    for parameters in [vec![], vec![Value::Int64(1), Value::Int64(2)]] {
        let found = subject.query(&format!("SELECT CAST($1 AS {number})"), &parameters).await;
        assert_eq!(case(found), "wrong-type", "{parameters:?}");
    }
    let invalid = subject.query(&format!("SELECT CAST($1 AS {text})"), &[Value::Uuid("no".to_owned())]).await;
    assert_eq!(case(invalid), "wrong-type");
    assert_eq!(subject.number(&format!("SELECT CAST(5 AS {number})")).await, 5);
}

pub(super) async fn text_for_a_number_is_a_wrong_type(subject: &Subject) {
    subject.execute("DROP TABLE IF EXISTS typed", &[]).await.unwrap();
    let number = if subject.dialect.strict.is_empty() { "BIGINT" } else { "INTEGER" };
    let text = format!("CREATE TABLE typed (n {number}) {}", subject.dialect.strict);
    subject.execute(&text, &[]).await.unwrap();
    let mut values = vec![Value::Text("twelve".to_owned()), Value::Bytes(vec![1]), Value::Float64(0.5)];
    if subject.dialect.strict.is_empty() {
        // SQLite takes a text for the number that it is.
        values.push(Value::Text("12".to_owned()));
    }
    for value in values {
        let value = [value];
        let failure = subject.execute("INSERT INTO typed VALUES ($1)", &value).await.unwrap_err();
        assert_eq!(failure.case, "wrong-type", "{value:?}: {failure:?}");
        assert!(!failure.text.is_empty());
    }
    assert_eq!(subject.number("SELECT count(*) FROM typed").await, 0);
}

/// Returns a statement that takes longer than any call may.
fn slow(text: &str) -> Call {
    Call::Query { on: On::Label(LABEL.to_owned()), text: text.to_owned(), parameters: Vec::new(), page: 10 }
}

pub(super) async fn slow_statement_ends_in_its_time(subject: &Subject) {
    subject.table("waited", "id BIGINT PRIMARY KEY").await;
    let numbers = (subject.dialect.numbers)(None);
    let endless = format!("{numbers} SELECT count(*) FROM n WHERE x % 7 = 9");
    // Others are served meanwhile: they end first.
    let slow = async {
        let outcome = subject.call_in("writer/2", slow(&endless)).await;
        assert_eq!(case(outcome), "timeout");
    };
    let others = async {
        for id in 0..20 {
            let inserted = subject.execute("INSERT INTO waited VALUES ($1)", &[Value::Int64(id)]).await;
            assert_eq!(inserted, Ok(1));
        }
    };
    tokio::select! {
        () = async { slow.await; } => panic!("the others wait for the slow one"),
        () = others => {}
    }
    // A statement that writes is cancelled too, and gives its place back.
    let write = format!("INSERT INTO waited {numbers} SELECT count(*) + 1000 FROM n WHERE x % 7 = 9");
    assert_eq!(case(subject.execute(&write, &[]).await), "timeout");
    assert_eq!(subject.execute("INSERT INTO waited VALUES (1000)", &[]).await, Ok(1));
    assert_eq!(subject.number("SELECT count(*) FROM waited").await, 21);
}
