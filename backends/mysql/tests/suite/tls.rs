//! Encrypted connections, to a server with a certificate of its own.

use std::path::Path;

use airssys_mysql::Mysql;
use airssys_sql::conformance::{Subject, Value};
use airssys_wasm::Backends;

use crate::conformance::dialect;
use crate::server::{MariaDb, start, start_with};

/// Returns true if the connection is encrypted, or the case of the failure.
async fn connects(host: &str, port: u16, ca: &Path) -> Result<bool, String> {
    let runtime = format!(
        "[backend.main]\ntype = \"mysql\"\nurl = \"mysql://orders@{host}:{port}/orders\"\ntls = true\nca = {ca:?}\n\n\
         [sql]\norders = \"main\"\n"
    );
    let subject = Subject::new(Backends::default().with(Mysql), &runtime, None, dialect()).await;
    match subject.query("SHOW STATUS LIKE 'Ssl_cipher'", &[]).await {
        Ok(rows) => Ok(matches!(&rows.rows[0][1], Value::Text(cipher) if !cipher.is_empty())),
        Err(failure) => Err(failure.case),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_is_encrypted_and_the_certificate_is_checked() {
    let server = start_with(MariaDb { tls: true }).await;
    let (port, folder) = (server.port(), server.place().folder());
    let (own, other) = (folder.join("server.pem"), folder.join("other.pem"));
    let unavailable = || Err("unavailable".to_owned());
    assert_eq!(connects("localhost", port, &own).await, Ok(true));
    // A certificate that is not trusted, one of another host, and a server without TLS.
    assert_eq!(connects("localhost", port, &other).await, unavailable());
    assert_eq!(connects("127.0.0.1", port, &own).await, unavailable());
    assert_eq!(connects("localhost", start().await.port(), &own).await, unavailable());
}
