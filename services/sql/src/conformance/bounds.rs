//! Bounds of the calls of a component.

use super::subject::{LABEL, Subject, case, done};
use test_sql_calls::{Answer, Call, On, Value};

pub(super) async fn statements_and_parameters_are_bounded(subject: &Subject) {
    let long = format!("SELECT {}", "1 + ".repeat(100_000));
    assert_eq!(case(subject.query(&long, &[]).await), "limit-exceeded");
    assert_eq!(case(subject.query("SELECT 1", &vec![Value::Null; 1_001]).await), "limit-exceeded");
    let large = Value::Bytes(vec![0; (4 << 20) + 1]);
    assert_eq!(case(subject.query("SELECT $1", &[large]).await), "limit-exceeded");
}

pub(super) async fn open_handles_are_bounded(subject: &Subject) {
    // Alone, so that other scenarios do not wait for connections.
    let text = "SELECT 1 AS one".to_owned();
    let open =
        || Call::OpenRows { on: On::Label(LABEL.to_owned()), text: text.clone(), parameters: Vec::new() };
    let mut handles = Vec::new();
    let failure = loop {
        assert!(handles.len() < 100, "100 results are open");
        match subject.call(open()).await {
            Ok(Answer::Handle(rows)) => {
                // Read to its end, a result needs no connection.
                while let Answer::Rows(page) = done(subject.call(Call::Next { rows, most: 9 }).await)
                    && !page.rows.is_empty()
                {}
                handles.push(rows);
            }
            Ok(answer) => panic!("{answer:?}"),
            Err(failure) => break failure,
        }
    };
    assert_eq!((handles.len(), failure.case.as_str()), (16, "limit-exceeded"), "{failure:?}");
    for rows in handles {
        done(subject.call(Call::DropRows(rows)).await);
    }
    let rows = subject.handle(open()).await;
    done(subject.call(Call::DropRows(rows)).await);
}

pub(super) async fn one_component_leaves_connections_to_others(subject: &Subject) {
    let text = format!("{} SELECT x FROM n", (subject.dialect.numbers)(None));
    let open = Call::OpenRows { on: On::Label(LABEL.to_owned()), text, parameters: Vec::new() };
    let mut handles = Vec::new();
    let failure = loop {
        match subject.call(open.clone()).await {
            Ok(Answer::Handle(rows)) => handles.push(rows),
            Ok(answer) => panic!("{answer:?}"),
            Err(failure) => break failure,
        }
    };
    // The component waits for a share, and another one is served.
    assert_eq!(failure.case, "timeout", "{} results are open: {failure:?}", handles.len());
    let on = On::Label(LABEL.to_owned());
    let rows = subject.query_in("reader", on, "SELECT 1 AS one", &[]).await.unwrap();
    assert_eq!(rows.rows.len(), 1);
    for rows in handles {
        done(subject.call(Call::DropRows(rows)).await);
    }
    assert_eq!(subject.query("SELECT 1 AS one", &[]).await.unwrap().rows.len(), 1);
}
