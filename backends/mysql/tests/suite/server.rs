//! A server of MariaDB.

use std::process::{Command, Stdio};

use airssys_conformance::{Certificate, Place, Program, Signal, find_program, hand_over, run_as};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

/// The user that runs the server if the tests run as root, which the server refuses.
const USER: &str = "mysql";

const INSTALL: &str = "run `apt-get install mariadb-server`";

pub(crate) type Server = airssys_conformance::Server<MariaDb>;

/// A server with a database and a user for each label.
pub(crate) struct MariaDb {
    /// True if it can encrypt connections.
    pub(crate) tls: bool,
}

impl Program for MariaDb {
    fn prepare(&self, place: &Place) {
        for name in ["server", "other"] {
            Certificate::make(place.folder(), name, "localhost");
        }
        hand_over(place.folder(), USER);
        let mut install = Command::new(find_program("mariadb-install-db", &["/usr/bin"], INSTALL));
        run_as(&mut install, USER);
        install.current_dir(place.folder()).arg("--no-defaults");
        install.arg(format!("--datadir={}/db", place.folder().display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(install.status().expect("mariadb-install-db runs").success(), "mariadb-install-db fails");
    }

    fn command(&self, place: &Place) -> Command {
        let mut mariadbd = Command::new(find_program("mariadbd", &["/usr/sbin"], INSTALL));
        run_as(&mut mariadbd, USER);
        let folder = place.folder().display();
        mariadbd.current_dir(place.folder()).arg("--no-defaults");
        mariadbd.args([format!("--datadir={folder}/db"), format!("--socket={folder}/s")]);
        mariadbd.args(["--bind-address=127.0.0.1".to_owned(), format!("--port={}", place.port())]);
        mariadbd.args(["--skip-name-resolve", "--innodb-buffer-pool-size=64M"]);
        if self.tls {
            mariadbd
                .args([format!("--ssl-cert={folder}/server.pem"), format!("--ssl-key={folder}/server.key")]);
        }
        mariadbd
    }

    async fn answers(&self, place: &Place) -> bool {
        client(place.port()).await.is_some()
    }

    fn stop_signal(&self) -> Signal {
        Signal::TERM
    }
}

/// Starts a server, and waits until it answers.
pub(crate) async fn start() -> Server {
    start_with(MariaDb { tls: false }).await
}

pub(crate) async fn start_with(program: MariaDb) -> Server {
    let server = Server::start(program).await;
    let mut client = client(server.port()).await.expect("the server answers");
    for label in ["orders", "other"] {
        for text in [
            format!("CREATE DATABASE {label} CHARACTER SET utf8mb4"),
            format!("CREATE USER {label}@'127.0.0.1'"),
            format!("GRANT ALL PRIVILEGES ON {label}.* TO {label}@'127.0.0.1'"),
        ] {
            client.query_drop(&text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
    client.disconnect().await.expect("the connection ends");
    server
}

/// Returns the address of the database of the label `orders`.
pub(crate) fn url(port: u16) -> String {
    format!("mysql://orders@127.0.0.1:{port}/orders")
}

/// Returns a connection of the test's own, with all rights.
pub(crate) async fn client(port: u16) -> Option<Conn> {
    let opts = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).user(Some("root"));
    Conn::new(opts.prefer_socket(Some(false))).await.ok()
}
