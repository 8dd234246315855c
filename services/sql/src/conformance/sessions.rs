//! The session of a connection, which belongs to the host.

use super::subject::{LABEL, Subject, Writes, done};
use test_sql_calls::{Answer, Call, On};

fn query(text: &str) -> Call {
    Call::Query { on: On::Label(LABEL.to_owned()), text: text.to_owned(), parameters: Vec::new(), page: 10 }
}

pub(super) async fn statements_about_sessions_and_files_are_refused(subject: &Subject) {
    let one = format!("SELECT CAST(1 AS {})", subject.dialect.cast_number);
    for text in subject.dialect.refused {
        for failure in [subject.execute(text, &[]).await.map(drop), subject.query(text, &[]).await.map(drop)]
        {
            let failure = failure.expect_err(text);
            assert_eq!(failure.case, "query-failed", "{text}: {failure:?}");
        }
        let transaction = subject.begin().await;
        let within = subject.execute_on(On::Transaction(transaction), text, &[]).await;
        assert!(within.is_err(), "{text}");
        let _failed = subject.call(Call::Rollback(transaction)).await;
        assert_eq!(subject.number(&one).await, 1, "{text}");
    }
}

pub(super) async fn settings_do_not_leak_to_the_next_component(subject: &Subject) {
    for leak in &subject.dialect.leaks {
        let probe = async |instance| subject.call_writer(Writes(instance), query(leak.probe)).await;
        let before = done(probe(2).await);
        // Each connection of a pool has been used after this.
        for _ in 0..12 {
            let _may_be_refused = subject.execute(leak.set, &[]).await;
            assert_eq!(probe(2).await, Ok(before.clone()), "{}", leak.set);
            let transaction = subject.begin().await;
            let _may_be_refused = subject.execute_on(On::Transaction(transaction), leak.set, &[]).await;
            let _failed = subject.call(Call::Commit(transaction)).await;
            assert_eq!(probe(2).await, Ok(before.clone()), "{} in a transaction", leak.set);
        }
        // Another component, with another access, sees nothing of it either.
        let reader = done(subject.call_in("reader", query(leak.probe)).await);
        let (Answer::Rows(reader), Answer::Rows(before)) = (reader, before) else { panic!("rows") };
        assert_eq!(reader.rows, before.rows, "{}", leak.set);
    }
}
