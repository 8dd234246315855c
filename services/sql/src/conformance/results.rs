//! The results of statements.

use super::subject::{LABEL, Subject, case, done};
use test_sql_calls::{Answer, Call, On, Value};

pub(super) async fn changed_rows_are_counted(subject: &Subject) {
    subject.table("counted", "id BIGINT PRIMARY KEY, n BIGINT").await;
    let text = format!("INSERT INTO counted {} SELECT x, 0 FROM n", (subject.dialect.numbers)(Some(5)));
    assert_eq!(subject.execute(&text, &[]).await, Ok(5));
    assert_eq!(subject.execute("UPDATE counted SET n = 1 WHERE id > 2", &[]).await, Ok(3));
    assert_eq!(subject.execute("DELETE FROM counted WHERE id > 5", &[]).await, Ok(0));
    assert_eq!(subject.execute("CREATE INDEX counted_n ON counted (n)", &[]).await, Ok(0));
    assert_eq!(subject.execute("DELETE FROM counted", &[]).await, Ok(5));
}

pub(super) async fn rows_come_in_pages_of_the_size_asked_for(subject: &Subject) {
    let text = format!("{} SELECT x FROM n ORDER BY x", (subject.dialect.numbers)(Some(2_500)));
    for (page, expected) in [(1_000, vec![1_000, 1_000, 500]), (4_000_000_000, vec![1_000, 1_000, 500])] {
        let call =
            Call::Query { on: On::Label(LABEL.to_owned()), text: text.clone(), parameters: Vec::new(), page };
        let Answer::Rows(rows) = done(subject.call(call).await) else { panic!("rows") };
        assert_eq!(rows.pages, expected);
        assert_eq!(rows.rows.len(), 2_500);
        let number = |row: &Vec<Value>| match row[0] {
            Value::Int32(number) => i64::from(number),
            Value::Int64(number) => number,
            _ => panic!("{row:?}"),
        };
        assert!(rows.rows.iter().map(number).eq(1..=2_500));
    }
    let rows = subject.handle(open(&text)).await;
    for (most, expected) in [(7, 7), (0, 1), (1, 1), (30, 30)] {
        let Answer::Rows(page) = done(subject.call(Call::Next { rows, most }).await) else { panic!("rows") };
        assert_eq!((page.rows.len(), page.columns.as_slice()), (expected, &["x".to_owned()][..]));
    }
    done(subject.call(Call::DropRows(rows)).await);
    let none = subject.query("SELECT 1 AS one FROM (SELECT 2 AS two) AS t WHERE two = 3", &[]).await.unwrap();
    assert_eq!((none.rows.len(), none.columns), (0, vec!["one".to_owned()]));
}

fn open(text: &str) -> Call {
    Call::OpenRows { on: On::Label(LABEL.to_owned()), text: text.to_owned(), parameters: Vec::new() }
}

pub(super) async fn large_rows_end_a_page_early(subject: &Subject) {
    let bytes = subject.dialect.bytes;
    subject.table("large", &format!("id BIGINT PRIMARY KEY, b {bytes}")).await;
    for id in 0..12 {
        let row = [Value::Int64(id), Value::Bytes(vec![7; 300_000])];
        subject.execute("INSERT INTO large VALUES ($1, $2)", &row).await.unwrap();
    }
    let rows = subject.query("SELECT id, b FROM large ORDER BY id", &[]).await.unwrap();
    // A page ends with the row that reaches 1 MiB.
    assert_eq!((rows.pages, rows.rows.len()), (vec![4, 4, 4], 12));
    let two = "SELECT a.b, c.b, d.b FROM large a, large c, large d WHERE a.id = 0 AND c.id = 0 AND d.id < 2";
    assert_eq!(subject.query(two, &[]).await.unwrap().rows.len(), 2);
    // Each value is small enough, but their row is not.
    let columns: Vec<_> = (0..15).map(|column| format!("t.b AS b{column}")).collect();
    let text = format!("SELECT {} FROM large t WHERE id = 1", columns.join(", "));
    assert_eq!(case(subject.query(&text, &[]).await), "limit-exceeded");
    assert_eq!(subject.number("SELECT count(*) FROM large").await, 12);
}

pub(super) async fn endless_result_is_read_as_far_as_wanted(subject: &Subject) {
    let endless = format!("{} SELECT x FROM n", (subject.dialect.numbers)(None));
    for _ in 0..20 {
        let rows = subject.handle(open(&endless)).await;
        for _ in 0..3 {
            let page = subject.call(Call::Next { rows, most: 1_000 }).await;
            let Answer::Rows(page) = done(page) else { panic!("rows") };
            assert_eq!(page.rows.len(), 1_000);
        }
        done(subject.call(Call::DropRows(rows)).await);
    }
}

pub(super) async fn change_returns_its_rows(subject: &Subject) {
    subject.table("returned", "id BIGINT PRIMARY KEY, n BIGINT").await;
    let insert = "INSERT INTO returned (id, n) VALUES (1, 10), (2, 20) RETURNING id, n";
    let rows = subject.query(insert, &[]).await.unwrap();
    assert_eq!(rows.rows, [[Value::Int64(1), Value::Int64(10)], [Value::Int64(2), Value::Int64(20)]]);
    // It is committed, although its rows were not read.
    let rows = subject.handle(open(subject.dialect.returning)).await;
    let seen = Call::Query {
        on: On::Label(LABEL.to_owned()),
        text: "SELECT n FROM returned ORDER BY id".to_owned(),
        parameters: Vec::new(),
        page: 10,
    };
    let Answer::Rows(seen) = done(subject.call_in("reader", seen).await) else { panic!("rows") };
    assert_eq!(seen.rows, [[Value::Int64(11)], [Value::Int64(21)]]);
    done(subject.call(Call::DropRows(rows)).await);
    // More rows than a page has are refused, and nothing is changed.
    let more = format!(
        "INSERT INTO returned {} SELECT x + 10, 0 FROM n RETURNING id",
        (subject.dialect.numbers)(Some(1_001))
    );
    assert_eq!(case(subject.query(&more, &[]).await), "limit-exceeded");
    assert_eq!(subject.number("SELECT count(*) FROM returned").await, 2);
    // In a transaction they are read by pages.
    let transaction = subject.begin().await;
    let rows = subject.query_on(On::Transaction(transaction), &more, &[]).await.unwrap();
    assert_eq!(rows.rows.len(), 1_001);
    done(subject.call(Call::Commit(transaction)).await);
    assert_eq!(subject.number("SELECT count(*) FROM returned").await, 1_003);
}

/// Returns the bytes of memory of this process.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("the size of the process");
    let pages: usize = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4_096
}

pub(super) async fn open_results_hold_few_bytes(subject: &Subject) {
    let numbers = (subject.dialect.numbers)(Some(64));
    let text =
        format!("{numbers} SELECT x, REPEAT_4M FROM n").replace("REPEAT_4M", subject.dialect.large_text);
    let (before, mut open_rows) = (memory(), Vec::new());
    for _ in 0..2 {
        let rows = subject.handle(open(&text)).await;
        let page = done(subject.call(Call::Next { rows, most: 1 }).await);
        let Answer::Rows(page) = page else { panic!("{page:?}") };
        assert_eq!(page.rows.len(), 1);
        open_rows.push(rows);
    }
    // Read ahead, 64 rows of two results would have 512 MiB.
    let held = memory().saturating_sub(before) >> 20;
    assert!(held < 200, "{held} MiB");
    for rows in open_rows {
        done(subject.call(Call::DropRows(rows)).await);
    }
}
