//! Faults of the server and of connections.

use std::time::{Duration, Instant};

use airssys_sql::conformance::{Answer, Call, Failure, LABEL, On, Subject, Value, Writes};

use mysql_async::prelude::Queryable;

use crate::conformance::subject;
use crate::server::{Server, client, start};

/// The time after which a component counts as not recovering.
const STUCK: Duration = Duration::from_secs(120);

fn execute(text: &str) -> Call {
    Call::Execute { on: On::Label(LABEL.to_owned()), text: text.to_owned(), parameters: Vec::new() }
}

fn case(outcome: &Result<impl std::fmt::Debug, Failure>) -> &str {
    outcome.as_ref().map_or_else(|failure| failure.case.as_str(), |_| "no error")
}

/// Returns the number of rows of the table `kept`, as soon as the database answers again.
async fn count(subject: &Subject) -> i64 {
    let began = Instant::now();
    loop {
        match subject.query("SELECT count(*) FROM kept", &[]).await {
            Ok(rows) => match rows.rows.concat().as_slice() {
                [Value::Int64(count)] => return *count,
                rows => panic!("{rows:?}"),
            },
            Err(failure) => {
                let may_follow = ["unavailable", "timeout", "transaction-failed"];
                assert!(may_follow.contains(&failure.case.as_str()), "{failure:?}");
                assert!(began.elapsed() < STUCK, "the component does not recover: {failure:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Waits until a statement with this text runs on the server.
async fn runs(server: &Server, text: &str) {
    let mut client = client(server.port()).await.expect("the server answers");
    let query = "SELECT COUNT(*) FROM information_schema.processlist WHERE info = ?";
    let began = Instant::now();
    loop {
        let found: Option<i64> = client.exec_first(query, (text,)).await.expect("the server answers");
        if found.unwrap_or(0) > 0 {
            return;
        }
        assert!(began.elapsed() < STUCK, "`{text}` does not run");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns the connections of the host on the server.
async fn connections(server: &Server) -> Vec<u64> {
    let mut client = client(server.port()).await.expect("the server answers");
    let query = "SELECT id FROM information_schema.processlist WHERE user = 'orders'";
    client.query(query).await.expect("the server answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_fails_the_call_and_loses_nothing_acknowledged() {
    let mut server = start().await;
    let subject = subject(&server, "pool_size = 3\ntimeout = \"30s\"").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    for round in 0..2_i64 {
        assert_eq!(subject.execute("INSERT INTO kept VALUES ($1)", &[Value::Int64(round)]).await, Ok(1));
        let transaction = subject.begin().await;
        let within = On::Transaction(transaction);
        subject.execute_on(within.clone(), "INSERT INTO kept VALUES (100)", &[]).await.unwrap();
        let slow = "INSERT INTO kept SELECT 200 + n FROM (SELECT SLEEP(20) AS n) AS s";
        let (outcome, ()) = tokio::join!(subject.call_writer(Writes(2), execute(slow)), async {
            runs(&server, slow).await;
            server.kill();
        });
        assert_eq!(case(&outcome), "unavailable", "{outcome:?}");
        let ended = subject.execute_on(within, "INSERT INTO kept VALUES (101)", &[]).await;
        assert!(["unavailable", "transaction-failed"].contains(&case(&ended)), "{ended:?}");
        let _failed = subject.call(Call::DropTransaction(transaction)).await;
        // Without a server, calls fail at once and the component lives.
        assert_eq!(case(&subject.execute("INSERT INTO kept VALUES (102)", &[]).await), "unavailable");
        server.restart().await;
        // The acknowledged rows are there. The statement in flight was not run again.
        assert_eq!(count(&subject).await, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_server_times_out_and_cut_connections_are_replaced() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 2\ntimeout = \"3s\"").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", &[]).await.unwrap();

    server.freeze(true);
    let frozen = subject.execute("INSERT INTO kept VALUES (1)", &[]).await;
    let again = subject.execute("INSERT INTO kept VALUES (2)", &[]).await;
    server.freeze(false);
    assert!(["timeout", "unavailable"].contains(&case(&frozen)), "{frozen:?}");
    assert!(["timeout", "unavailable"].contains(&case(&again)), "{again:?}");
    // A statement that was on its way may have run once.
    let kept = count(&subject).await;
    assert!(kept <= 2, "{kept} rows");
    subject.execute("DELETE FROM kept", &[]).await.unwrap();

    let slow = "INSERT INTO kept SELECT 3 + n FROM (SELECT SLEEP(2) AS n) AS s";
    let (outcome, ()) = tokio::join!(subject.call(execute(slow)), async {
        runs(&server, slow).await;
        let mut client = client(server.port()).await.expect("the server answers");
        for id in connections(&server).await {
            client.query_drop(format!("KILL {id}")).await.expect("the connection is cut");
        }
    });
    assert_eq!(case(&outcome), "unavailable", "{outcome:?}");
    assert_eq!(count(&subject).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pool_is_bounded_and_its_waiters_have_a_deadline() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 3\ntimeout = \"2s\"").await;
    // One component gets two of three connections.
    let transactions = [subject.begin().await, subject.begin().await];
    let waiter = subject.call_writer(Writes(2), execute("SELECT 1")).await;
    assert_eq!(case(&waiter), "timeout", "{waiter:?}");
    let begun = subject.call_in("reader", Call::Begin(LABEL.to_owned())).await;
    assert!(matches!(begun, Ok(Answer::Handle(_))), "{begun:?}");
    let waiter = subject.call_in("reader", execute("SELECT 1")).await;
    assert_eq!(case(&waiter), "timeout", "{waiter:?}");
    assert_eq!(connections(&server).await.len(), 3);
    for transaction in transactions {
        assert_eq!(subject.call(Call::Rollback(transaction)).await, Ok(Answer::Done));
    }
    let served = subject.call_writer(Writes(2), execute("SELECT 1")).await;
    assert_eq!(case(&served), "no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_that_changes_does_not_fail_statements_outside_of_transactions() {
    let server = start().await;
    let subject = subject(&server, "pool_size = 1").await;
    subject.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    let columns = async || subject.query("SELECT * FROM kept", &[]).await.unwrap().columns.len();
    assert_eq!(columns().await, 1);
    subject.execute("ALTER TABLE kept ADD COLUMN n BIGINT", &[]).await.unwrap();
    assert_eq!(columns().await, 2);
}
