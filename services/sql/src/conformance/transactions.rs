//! Transactions: their ends, and their failures.

use super::subject::{LABEL, Subject, Writes, case, done};
use test_sql_calls::{Answer, Call, On, Value};

const COUNT: &str = "SELECT count(*) FROM kept";

async fn insert(subject: &Subject, transaction: u32, id: i64) {
    let on = On::Transaction(transaction);
    let changed = subject.execute_on(on, "INSERT INTO kept VALUES ($1)", &[Value::Int64(id)]).await;
    assert_eq!(changed, Ok(1));
}

pub(super) async fn committed_changes_stay_and_others_do_not(subject: &Subject) {
    subject.table("kept", "id BIGINT PRIMARY KEY").await;
    let transaction = subject.begin().await;
    insert(subject, transaction, 1).await;
    // Others do not see it before the commit.
    assert_eq!(subject.number(COUNT).await, 0);
    let own = subject.query_on(On::Transaction(transaction), COUNT, &[]).await.unwrap();
    assert_eq!(own.rows, [[Value::Int64(1)]]);
    done(subject.call(Call::Commit(transaction)).await);
    assert_eq!(subject.number(COUNT).await, 1);
    for end in [Call::Rollback, Call::DropTransaction] {
        let transaction = subject.begin().await;
        insert(subject, transaction, 2).await;
        done(subject.call(end(transaction)).await);
        assert_eq!(subject.number(COUNT).await, 1);
    }
    // The same row is free again.
    assert_eq!(subject.execute("INSERT INTO kept VALUES (2)", &[]).await, Ok(1));
}

pub(super) async fn transaction_of_a_trapped_component_is_rolled_back_at_once(subject: &Subject) {
    subject.table("kept", "id BIGINT PRIMARY KEY").await;
    for _ in 0..5 {
        let transaction = subject.begin().await;
        insert(subject, transaction, 1).await;
        let trapped = subject.try_call("writer/1", &Call::Trap).await;
        assert!(trapped.is_err(), "{trapped:?}");
        // Another instance writes the same row, without waiting for a timeout.
        let call = Call::Execute {
            on: On::Label(LABEL.to_owned()),
            text: "INSERT INTO kept VALUES (1)".to_owned(),
            parameters: Vec::new(),
        };
        assert_eq!(subject.call_writer(Writes(2), call).await, Ok(Answer::Changed(1)));
        assert_eq!(subject.execute("DELETE FROM kept", &[]).await, Ok(1));
    }
}

pub(super) async fn failed_transaction_only_can_be_rolled_back(subject: &Subject) {
    subject.table("kept", "id BIGINT PRIMARY KEY").await;
    for end in [Call::Commit, Call::Rollback] {
        let transaction = subject.begin().await;
        insert(subject, transaction, 1).await;
        let on = || On::Transaction(transaction);
        let wrong = subject.execute_on(on(), "INSERT INTO kept VALUES ($1)", &[]).await;
        assert_eq!(case(wrong), "wrong-type");
        insert(subject, transaction, 2).await;
        let twice = subject.execute_on(on(), "INSERT INTO kept VALUES (1)", &[]).await;
        assert_eq!(case(twice), "constraint-violation");
        assert_eq!(case(subject.query_on(on(), COUNT, &[]).await), "transaction-failed");
        match subject.call(end(transaction)).await {
            Ok(_) => {}
            Err(failure) => assert_eq!(failure.case, "transaction-failed"),
        }
        assert_eq!(subject.number(COUNT).await, 0);
    }
}

pub(super) async fn page_that_times_out_ends_its_transaction(subject: &Subject) {
    subject.table("kept", "id BIGINT PRIMARY KEY").await;
    let transaction = subject.begin().await;
    insert(subject, transaction, 1).await;
    // The first row comes at once, and the second never.
    let text = format!("{} SELECT x FROM n WHERE x < 2 OR x % 7 = 9", (subject.dialect.numbers)(None));
    let open = Call::OpenRows { on: On::Transaction(transaction), text, parameters: Vec::new() };
    match subject.call(open).await {
        Ok(Answer::Handle(rows)) => {
            assert_eq!(case(subject.call(Call::Next { rows, most: 2 }).await), "timeout");
            done(subject.call(Call::DropRows(rows)).await);
        }
        outcome => assert_eq!(case(outcome), "timeout"),
    }
    // Another instance writes the same row, although the transaction was not dropped.
    let call = Call::Execute {
        on: On::Label(LABEL.to_owned()),
        text: "INSERT INTO kept VALUES (1)".to_owned(),
        parameters: Vec::new(),
    };
    assert_eq!(subject.call_writer(Writes(2), call).await, Ok(Answer::Changed(1)));
    assert_eq!(case(subject.call(Call::Commit(transaction)).await), "transaction-failed");
    assert_eq!(subject.number(COUNT).await, 1);
}

pub(super) async fn rows_are_read_while_others_are_written(subject: &Subject) {
    subject.table("kept", "id BIGINT PRIMARY KEY").await;
    for id in 0..30 {
        subject.execute("INSERT INTO kept VALUES ($1)", &[Value::Int64(id)]).await.unwrap();
    }
    let transaction = subject.begin().await;
    let on = || On::Transaction(transaction);
    let open = || Call::OpenRows {
        on: On::Transaction(transaction),
        text: "SELECT id FROM kept WHERE id < 100 ORDER BY id".to_owned(),
        parameters: Vec::new(),
    };
    let (first, second) = (subject.handle(open()).await, subject.handle(open()).await);
    let read = async |rows| {
        let Answer::Rows(page) = done(subject.call(Call::Next { rows, most: 10 }).await) else { panic!() };
        page.rows.len()
    };
    assert_eq!((read(first).await, read(second).await), (10, 10));
    for id in 200..210 {
        insert(subject, transaction, id).await;
    }
    assert_eq!((read(first).await, read(second).await), (10, 10));
    // The lower one is closed while the upper one is read.
    done(subject.call(Call::DropRows(first)).await);
    assert_eq!((read(second).await, read(second).await), (10, 0));
    let third = subject.handle(open()).await;
    assert_eq!(read(third).await, 10);
    let count = subject.query_on(on(), COUNT, &[]).await.unwrap();
    assert_eq!(count.rows, [[Value::Int64(40)]]);
    done(subject.call(Call::Commit(transaction)).await);
    // Rows end with their transaction.
    let ended = subject.call(Call::Next { rows: third, most: 1 }).await;
    assert_eq!(case(ended), "transaction-failed");
    done(subject.call(Call::DropRows(second)).await);
    done(subject.call(Call::DropRows(third)).await);
    assert_eq!(subject.number(COUNT).await, 40);
}

pub(super) async fn concurrent_changes_are_all_counted(subject: &Subject) {
    subject.table("sums", "id BIGINT PRIMARY KEY, n BIGINT").await;
    subject.execute("INSERT INTO sums VALUES (1, 0)", &[]).await.unwrap();
    let count = |instance| {
        let text = "UPDATE sums SET n = n + 1 WHERE id = 1 AND $1 >= 0".to_owned();
        subject.call_writer(Writes(instance), Call::ExecuteTimes { label: LABEL.to_owned(), text, times: 25 })
    };
    let results = tokio::join!(count(1), count(2), count(3), count(4));
    for outcome in [results.0, results.1, results.2, results.3] {
        assert_eq!(outcome, Ok(Answer::Changed(25)));
    }
    assert_eq!(subject.number("SELECT n FROM sums").await, 100);
}
