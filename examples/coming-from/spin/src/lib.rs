//! Counts the requests for each path in SQLite. Written for Spin.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;
use spin_sdk::sqlite::{Connection, Value};

#[http_component]
fn count(request: Request) -> anyhow::Result<impl IntoResponse> {
    let requests = Connection::open_default()?;
    requests.execute("CREATE TABLE IF NOT EXISTS requests (path TEXT PRIMARY KEY, count INTEGER)", &[])?;
    let path = request.path();
    let counted = requests.execute(
        "INSERT INTO requests VALUES (?, 1) ON CONFLICT (path) DO UPDATE SET count = count + 1
         RETURNING count",
        &[Value::Text(path.to_owned())],
    )?;
    let count = counted.rows().next().and_then(|row| row.get::<i64>("count")).unwrap_or_default();
    println!("{path}: {count}");
    Ok(Response::builder()
        .status(200)
        .header("content-type", "text/plain")
        .body(format!("spin: {path} was asked for {count} times\n"))
        .build())
}
