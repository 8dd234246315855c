//! An app that answers HTTP requests, through the program.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::*;

/// An app of the test guest, with tables of its `Component.toml`, and keys of its `[[http]]`.
fn site(folder: &Folder, tables: &str, http: &str) -> String {
    folder.write("web.toml", format!("[component]\nname = \"web\"\nversion = \"0.1.0\"\n{tables}\n"));
    let source = path("components/test-http");
    let app = format!(
        "[app]\nname = \"site\"\n\n[[component]]\nsource = {source:?}\nmanifest = \"web.toml\"\n\n\
         [[http]]\nlisten = \"127.0.0.1:0\"\n{http}\n\n\
         [[http.route]]\npath = \"/static/*\"\nfiles = \"web\"\n\n\
         [[http.route]]\npath = \"/{{name}}\"\ncomponent = \"web\"\n"
    );
    folder.write("web/index.html", "<p>static</p>");
    folder.write("app.toml", app)
}

/// Starts an app. Returns it with its address.
fn start(app: &str, arguments: &[&str]) -> (Running, String) {
    let mut running = airssys(["run", app].iter().chain(arguments)).start();
    let line = running.line_with("listening on http");
    let address = line.trim().rsplit('/').next().unwrap().to_owned();
    (running, address)
}

/// Sends a request for a path. Returns the answer, which is complete.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

/// Returns true if the answer is a text in one chunk.
fn is_text(answer: &str, text: &str) -> bool {
    answer.ends_with(&format!("\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n", text.len()))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[test]
fn failures_of_a_request_have_their_status_and_the_next_is_served() {
    let folder = Folder::new();
    let app = site(&folder, "[mailbox]\ncapacity = 1\n[limits]\nexecution_time = \"50 ms\"", "");
    let (running, address) = start(&app, &["--stop-timeout", "20"]);
    assert!(is_text(&get(&address, "/count"), "1"));
    assert_eq!(status(&get(&address, "/trap")), "500");
    assert!(is_text(&get(&address, "/count"), "1"), "a fresh instance");
    assert_eq!(status(&get(&address, "/spin")), "504");
    assert!(is_text(&get(&address, "/count"), "1"), "a fresh instance");
    assert!(get(&address, "/static/").ends_with("<p>static</p>"));
    let answers: Vec<_> = (0..6)
        .map(|_| {
            let address = address.clone();
            std::thread::spawn(move || get(&address, "/slow"))
        })
        .collect();
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.join().unwrap()).collect();
    let refused = answers.iter().filter(|answer| status(answer) == "503");
    let refused: Vec<_> = refused.collect();
    assert!(
        !refused.is_empty() && refused.iter().all(|answer| answer.contains("retry-after: 1")),
        "{answers:?}"
    );
    running.interrupt();
    running.end().exits(130);
}

#[test]
fn request_in_flight_ends_before_the_app_stops() {
    let folder = Folder::new();
    let app = site(&folder, "", "");
    let (running, address) = start(&app, &["--stop-timeout", "100"]);
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    write!(stream, "{head}3\r\nabc\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"abc\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    running.interrupt();
    while TcpStream::connect(&address).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    write!(stream, "3\r\ndef\r\n0\r\n\r\n").unwrap();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("def") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    running.end().exits(130);
}

#[test]
fn check_shows_routes_and_names_what_is_wrong() {
    let folder = Folder::new();
    let app = site(&folder, "", "");
    airssys(["check", &app]).run().exits(0).prints(&[
        "http://127.0.0.1:0\n",
        "  * /static/*: files of ",
        "  * /{name}: web\n",
    ]);
    let text = std::fs::read_to_string(&app).unwrap();
    folder.write("app.toml", text.replace("files = \"web\"", "files = \"absent\""));
    airssys(["check", &app]).run().exits(3).says(&["absent cannot be served; create the folder"]);
    let pair = "listen = \"127.0.0.1:0\"\ncertificate = \"certificate.pem\"\nkey = { env = \"NO_SUCH_KEY\" }";
    folder.write("app.toml", text.replace("listen = \"127.0.0.1:0\"", pair));
    airssys(["check", &app]).run().exits(3).says(&["`NO_SUCH_KEY` cannot be used for TLS", "it is not set"]);
    folder.write("app.toml", text.replace("components/test-http", "components/test-probe"));
    folder.write("web.toml", "[component]\nname = \"web\"\nversion = \"0.1.0\"\n");
    airssys(["check", &app])
        .run()
        .exits(3)
        .says(&["`web` has a route", "does not export wasi:http/incoming-handler"]);
}
