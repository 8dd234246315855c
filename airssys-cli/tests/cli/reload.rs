//! Secrets that change while an app runs, and `airssys reload`.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// A server of Redis with a password, which ends with the test.
struct Redis {
    child: Child,
    port: u16,
    _data: Folder,
}

impl Redis {
    fn start(password: &str) -> Redis {
        loop {
            // Another process can take the port before the server does.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let data = Folder::new();
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
            command.args(["--requirepass", password, "--dir"]).arg(data.path());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child =
                command.spawn().expect("the tests need the program redis-server: install that package");
            let mut server = Redis { child, port, _data: data };
            while server.child.try_wait().unwrap().is_none() {
                if server.send("PING\r\n").is_some() {
                    return server;
                }
                sleep(Duration::from_millis(10));
            }
        }
    }

    /// Sends commands beside the app, and returns the beginning of the answer.
    fn send(&self, commands: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(commands.as_bytes()).ok()?;
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).ok().filter(|read| *read > 0)?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }

    /// Changes the password, and ends all connections.
    fn change_password(&self, old: &str, new: &str) {
        let commands =
            format!("AUTH {old}\r\nCONFIG SET requirepass {new}\r\nCLIENT KILL TYPE normal SKIPME yes\r\n");
        assert!(self.send(&commands).unwrap().starts_with("+OK"));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn backend_connects_with_a_rotated_password_and_keeps_the_old_one_if_the_new_is_missing_or_refused() {
    let (server, folder) = (Redis::start("hunter-one"), Folder::new());
    let right = "[capabilities]\nsend = [\"cart\"]\nuse = [\"keyvalue/sessions:read\"]\n";
    folder.write("cart.toml", format!("[component]\nname = \"cart\"\nversion = \"0.1.0\"\n\n{right}"));
    let source = path("components/test-keyvalue");
    let app = folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"shop\"\n\n[audit]\nfile = \"audit.jsonl\"\n\n[[component]]\nsource = {source:?}\n\
             manifest = \"cart.toml\"\nconfig = {{ watch = \"sessions\" }}\n\n{}",
            right.replace("capabilities", "grants.cart")
        ),
    );
    folder.write(
        "runtime.toml",
        format!(
            "[backend.main]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}\"\nmax_retries = 0\n\
             password = {{ file = \"password\" }}\n\n[keyvalue]\nsessions = \"main\"\n",
            server.port
        ),
    );
    folder.write("password", "hunter-one\n");
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", &app, "--control", &socket]).start();
    running.until_it_says("the label sessions: works");
    let reload = || airssys(["reload", "--control", &socket]).run();
    reload().exits(0).prints(&["nothing has changed"]);

    server.change_password("hunter-one", "hunter-two");
    running.until_it_says("the label sessions: unavailable");
    folder.write("password", "hunter-two\n");
    reload().exits(0).prints(&["changed: backend main"]);
    // The bucket that the component has opened at first.
    running.until_it_says("the label sessions: works");

    fs::remove_file(folder.path().join("password")).unwrap();
    let missing = reload().exits(1).prints(&["kept: backend main, because `password` names the file"]);
    missing.says(&["not all secrets are reloaded", "`backend main` keeps its old value"]);
    folder.write("password", "hunter-three\n");
    let refused = reload().exits(1).prints(&["kept: backend main, because the new connection fails"]);
    let json = airssys(["reload", "--json", "--control", &socket]).run().exits(1).json();
    assert_eq!(
        (&json["changed"], &json["kept"][0]["name"]),
        (&serde_json::json!([]), &"backend main".into())
    );
    // The old connection works on.
    server.send("AUTH hunter-two\r\nCONFIG RESETSTAT\r\n").unwrap();
    let calls = || server.send("AUTH hunter-two\r\nINFO commandstats\r\n").unwrap();
    while !calls().contains("cmdstat_exists") {
        sleep(Duration::from_millis(20));
    }
    running.interrupt();
    let ended = running.end().exits(130);
    let said = ended.stderr.matches("the label sessions: ").count();
    assert_eq!(said, 3, "works, unavailable, works: {ended}");
    assert!(!format!("{ended}{refused}").contains("hunter"), "{ended}");
    let audit = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let reloaded: Vec<_> = audit.lines().filter(|line| line.contains("\"event\":\"reloaded\"")).collect();
    assert!(matches!(reloaded[..], [line] if line.contains("\"name\":\"backend main\"")), "{audit}");
}

#[test]
fn component_reads_a_changed_setting_and_keeps_the_old_one_if_it_is_missing() {
    let folder = Folder::new();
    let send = "send = [\"teller\"]\n";
    folder.write(
        "teller.toml",
        format!("[component]\nname = \"teller\"\nversion = \"0.1.0\"\n\n[capabilities]\n{send}"),
    );
    let source = path("components/test-config");
    let app = folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"set\"\n\n[[component]]\nsource = {source:?}\nmanifest = \"teller.toml\"\n\
             config = {{ watched = {{ file = \"motd\" }}, plain = \"1\" }}\n\n[grants.teller]\n{send}"
        ),
    );
    folder.write("motd", "good morning\n");
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", &app, "--control", &socket]).start();
    running.until_it_says("all settings are read");
    let reload = || airssys(["reload", "--control", &socket]).run();
    folder.write("motd", "good evening\n");
    reload().exits(0).prints(&["changed: setting watched of teller"]);
    running.until_it_says("is now Some(\"good evening\")");
    fs::remove_file(folder.path().join("motd")).unwrap();
    reload().exits(1).prints(&["kept: setting watched of teller, because it names the file"]);
    reload().exits(1).says(&["`setting watched of teller` keeps its old value"]);
    folder.write("motd", "good night\n");
    reload().exits(0).prints(&["changed: setting watched of teller"]);
    running.until_it_says("is now Some(\"good night\")");
    running.interrupt();
    assert_eq!(running.end().exits(130).stderr.matches("is now").count(), 2);
}
