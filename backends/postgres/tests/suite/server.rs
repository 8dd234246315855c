//! A server of PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use airssys_conformance::{Place, Program, Signal, find_program, hand_over, run_as};
use tokio_postgres::{Client, NoTls};

/// The user that runs the server if the tests run as root, which the server refuses.
const USER: &str = "postgres";

pub(crate) type Server = airssys_conformance::Server<Postgres>;

/// Makes settings, and writes their files into the server's folder. It gets commands that run as the
/// server's user.
type Settings = fn(&Path, &dyn Fn(&Path) -> Command) -> Vec<String>;

/// A server with an empty database.
pub(crate) struct Postgres {
    settings: Settings,
}

fn program(name: &str) -> PathBuf {
    find_program(name, &["/usr/lib/postgresql/*/bin"], "run `apt-get install postgresql`")
}

/// Returns a command that runs as a user whom the server accepts.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    run_as(&mut command, USER);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Program for Postgres {
    fn prepare(&self, place: &Place) {
        hand_over(place.folder(), USER);
        let mut initdb = command(&program("initdb"));
        initdb.current_dir(place.folder()).arg("-D").arg(place.folder().join("db"));
        initdb.args(["-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]);
        assert!(initdb.status().expect("initdb runs").success(), "initdb fails");
        let settings = (self.settings)(place.folder(), &command);
        let settings: String = settings.iter().map(|setting| format!("{setting}\n")).collect();
        std::fs::write(place.folder().join("settings"), settings).expect("the settings are kept");
    }

    fn command(&self, place: &Place) -> Command {
        let mut postgres = command(&program("postgres"));
        postgres.current_dir(place.folder()).arg("-D").arg(place.folder().join("db"));
        postgres.arg("-k").arg(place.folder());
        postgres.args(["-h", "127.0.0.1", "-p", &place.port().to_string(), "-c", "fsync=off"]);
        let settings = std::fs::read_to_string(place.folder().join("settings")).expect("the settings");
        postgres.args(settings.lines().flat_map(|setting| ["-c", setting]));
        postgres
    }

    async fn answers(&self, place: &Place) -> bool {
        client(place.port()).await.is_some()
    }

    /// Without open transactions, it ends at once and cleans up.
    fn stop_signal(&self) -> Signal {
        Signal::INT
    }
}

/// Starts a server, and waits until it answers.
pub(crate) async fn start() -> Server {
    start_with(|_, _| Vec::new()).await
}

/// As [`start`], with settings such as `ssl=on`. The labels have databases and roles of their own.
pub(crate) async fn start_with(settings: Settings) -> Server {
    let server = Server::start(Postgres { settings }).await;
    let client = client(server.port()).await.expect("the server answers");
    for text in [
        "CREATE ROLE helper",
        "CREATE ROLE orders LOGIN IN ROLE helper",
        "CREATE ROLE other LOGIN",
        "CREATE DATABASE orders OWNER orders",
        "CREATE DATABASE other OWNER other",
        "REVOKE CONNECT, TEMPORARY ON DATABASE orders, other FROM PUBLIC",
    ] {
        client.batch_execute(text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    server
}

/// Returns the address of the database of the label `orders`, as an ordinary role.
pub(crate) fn url(port: u16) -> String {
    format!("postgres://orders@127.0.0.1:{port}/orders")
}

/// Returns a connection of the test's own, with all rights.
pub(crate) async fn client(port: u16) -> Option<Client> {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}
