//! Encrypted connections, to a server with a certificate of its own.

use std::path::Path;
use std::process::Command;

use airssys_postgres::Postgres;
use airssys_sql::conformance::{Subject, Value};
use airssys_wasm::Backends;

use crate::conformance::dialect;
use crate::server::{start, start_with};

/// Makes a certificate for `localhost` and its key, in files of these names.
fn certificate(folder: &Path, command: &dyn Fn(&Path) -> Command, name: &str) {
    let mut openssl = command(Path::new("openssl"));
    openssl.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let made = openssl.status().expect("openssl is not installed: run `apt-get install openssl`");
    assert!(made.success(), "openssl fails");
}

async fn connects(url: &str, ca: &Path) -> Result<bool, String> {
    let runtime = format!(
        "[backend.main]\ntype = \"postgres\"\nurl = \"{url}\"\nca = {ca:?}\n\n[sql]\norders = \"main\"\n"
    );
    let subject = Subject::new(Backends::default().with(Postgres), &runtime, None, dialect()).await;
    let text = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    match subject.query(text, &[]).await {
        Ok(rows) => Ok(rows.rows == [[Value::Boolean(true)]]),
        Err(failure) => Err(failure.case),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_is_encrypted_and_the_certificate_is_checked() {
    let server = start_with(|folder, command| {
        certificate(folder, command, "server");
        certificate(folder, command, "other");
        let file = |name: &str| folder.join(name).display().to_string();
        let (certificate, key) = (file("server.pem"), file("server.key"));
        vec!["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")]
    })
    .await;
    let (port, folder) = (server.port(), server.place().folder());
    let url = |host: &str| format!("postgres://orders@{host}:{port}/orders?sslmode=require");
    let unavailable = || Err("unavailable".to_owned());
    assert_eq!(connects(&url("localhost"), &folder.join("server.pem")).await, Ok(true));
    // A certificate that is not trusted, and one of another host.
    assert_eq!(connects(&url("localhost"), &folder.join("other.pem")).await, unavailable());
    assert_eq!(connects(&url("127.0.0.1"), &folder.join("server.pem")).await, unavailable());

    let plain = start().await;
    let url = format!("postgres://orders@localhost:{}/orders?sslmode=require", plain.port());
    assert_eq!(connects(&url, &folder.join("server.pem")).await, unavailable());
}
