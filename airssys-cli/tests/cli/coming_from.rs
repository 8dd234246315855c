//! Components that were written for other hosts, with the SDKs of those hosts.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::*;

/// Asks for a path, and returns the whole response.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn components_of_spin_and_of_wasmcloud_run_unmodified_and_keep_their_data() {
    let folder = Folder::new();
    let app = std::fs::read_to_string(root().join("examples/coming-from/app.toml")).unwrap();
    let app = app.replace("127.0.0.1:8080", "127.0.0.1:0");
    let app = ["spin", "wasmcloud"].iter().fold(app, |app, name| {
        let source = path(&format!("examples/coming-from/{name}"));
        app.replace(&format!("source = \"{name}\""), &format!("source = {source:?}"))
    });
    let app = folder.write("app.toml", app);
    for first in [1, 3] {
        let mut running = airssys(["run", &app]).start();
        let line = running.line_with("listening on http://");
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        for count in [first, first + 1] {
            let answers = [("/spin/a", "spin"), ("/wasmcloud/a", "hello from wasmcloud")];
            for (path, greeting) in answers {
                let response = get(&address, path);
                let wanted = format!("{greeting}: {path} was asked for {count} times\n");
                assert!(response.contains(&wanted), "{response}");
            }
        }
        running.interrupt();
        running.end().exits(130).says(&["/spin/a: ", "/wasmcloud/a: "]);
    }
}
