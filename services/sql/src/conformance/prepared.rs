//! Prepared statements.

use super::subject::{LABEL, Subject, case, done};
use test_sql_calls::{Answer, Call, On, Value};

async fn prepare(subject: &Subject, text: &str) -> (u32, u32, Vec<String>) {
    let call = Call::Prepare { label: LABEL.to_owned(), text: text.to_owned() };
    match done(subject.call(call).await) {
        Answer::Prepared { handle, parameters, columns } => (handle, parameters, columns),
        answer => panic!("{answer:?}"),
    }
}

pub(super) async fn prepared_statement_runs_many_times(subject: &Subject) {
    subject.table("prepared", "id BIGINT PRIMARY KEY, n BIGINT").await;
    let (insert, parameters, columns) = prepare(subject, "INSERT INTO prepared VALUES ($1, $2)").await;
    assert_eq!((parameters, columns.len()), (2, 0));
    let (select, parameters, columns) = prepare(subject, "SELECT id, n FROM prepared WHERE id = $1").await;
    assert_eq!((parameters, columns), (1, vec!["id".to_owned(), "n".to_owned()]));
    for id in 0..20 {
        let row = [Value::Int64(id), Value::Int64(id * id)];
        assert_eq!(subject.execute_on(On::Prepared(insert, None), "", &row).await, Ok(1));
    }
    let found = subject.query_on(On::Prepared(select, None), "", &[Value::Int64(7)]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int64(7), Value::Int64(49)]]);
    let transaction = subject.begin().await;
    let (again, parameters, _) = prepare(subject, "INSERT INTO prepared (id) VALUES ($1)").await;
    assert_eq!(parameters, 1);
    let within = subject.execute_on(On::Prepared(again, Some(transaction)), "", &[Value::Int64(30)]).await;
    assert_eq!(within, Ok(1));
    let row = [Value::Int64(20), Value::Null];
    let within = Some(transaction);
    assert_eq!(subject.execute_on(On::Prepared(insert, within), "", &row).await, Ok(1));
    let found = subject.query_on(On::Prepared(select, within), "", &[Value::Int64(20)]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int64(20), Value::Null]]);
    done(subject.call(Call::Rollback(transaction)).await);
    assert_eq!(subject.number("SELECT count(*) FROM prepared").await, 20);
    // The table may change after that.
    subject.execute("ALTER TABLE prepared ADD COLUMN m BIGINT", &[]).await.unwrap();
    let found = subject.query_on(On::Prepared(select, None), "", &[Value::Int64(7)]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int64(7), Value::Int64(49)]]);
    let prepare = |text: &str| Call::Prepare { label: LABEL.to_owned(), text: text.to_owned() };
    assert_eq!(case(subject.call(prepare("SELEKT 1")).await), "query-failed");
    let write = "INSERT INTO prepared (id) VALUES (50)";
    match subject.call_in("reader", prepare(write)).await {
        // A product may refuse a statement that writes only when it runs.
        Ok(Answer::Prepared { handle, .. }) => {
            let (on, text) = (On::Prepared(handle, None), String::new());
            let call = Call::Execute { on, text, parameters: Vec::new() };
            assert_eq!(case(subject.call_in("reader", call).await), "access-denied");
        }
        outcome => assert_eq!(case(outcome), "access-denied"),
    }
    assert_eq!(subject.number("SELECT count(*) FROM prepared").await, 20);
}
