//! The ends of transactions: a commit that succeeds has kept every change.

use airssys_sql::conformance::{Call, Failure, LABEL, On};

use crate::conformance::subject;
use crate::server::start;

const COUNT: &str = "SELECT count(*) FROM kept";

fn case(outcome: Result<impl std::fmt::Debug, Failure>) -> String {
    outcome.expect_err("the call has to fail").case
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_of_a_transaction_that_the_server_aborted_fails() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 3\ntimeout = \"30s\"").await;
    subject.execute("CREATE TABLE kept (note TEXT)", &[]).await.unwrap();
    subject.execute("CREATE INDEX notes ON kept (note)", &[]).await.unwrap();
    let transaction = subject.begin().await;
    let on = || On::Transaction(transaction);
    assert_eq!(subject.execute_on(on(), "INSERT INTO kept VALUES ('a')", &[]).await, Ok(1));
    // The value is too long for the index, which has the code 54000.
    let long = "INSERT INTO kept SELECT string_agg(md5(i::text), '') FROM generate_series(1, 2000) i";
    assert_eq!(case(subject.execute_on(on(), long, &[]).await), "limit-exceeded");
    assert_eq!(case(subject.call(Call::Commit(transaction)).await), "transaction-failed");
    assert_eq!(subject.number(COUNT).await, 0);
    assert_eq!(case(subject.execute(long, &[]).await), "limit-exceeded");
    assert_eq!(subject.execute("INSERT INTO kept VALUES ('b')", &[]).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statement_that_ends_a_transaction_is_refused_and_commits_nothing() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 3\ntimeout = \"30s\"").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    for end in ["COMMIT", ";-- a\n/* b /* c */ */ commit AND CHAIN", "END", "PREPARE TRANSACTION 'a'"] {
        let transaction = subject.begin().await;
        let on = || On::Transaction(transaction);
        assert_eq!(subject.execute_on(on(), "INSERT INTO kept VALUES (1)", &[]).await, Ok(1));
        assert_eq!(case(subject.execute_on(on(), end, &[]).await), "query-failed", "{end}");
        assert_eq!(case(subject.call(Call::Commit(transaction)).await), "transaction-failed", "{end}");
        assert_eq!(subject.number(COUNT).await, 0, "{end}");
        assert_eq!(case(subject.execute_on(On::Label(LABEL.to_owned()), end, &[]).await), "query-failed");
    }
    // A savepoint of the component's own stays usable.
    let transaction = subject.begin().await;
    let on = || On::Transaction(transaction);
    for text in ["SAVEPOINT a", "INSERT INTO kept VALUES (1)", "ROLLBACK TO a"] {
        subject.execute_on(on(), text, &[]).await.unwrap();
    }
    subject.call(Call::Commit(transaction)).await.unwrap();
    assert_eq!(subject.number(COUNT).await, 0);
}
