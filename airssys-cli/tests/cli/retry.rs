//! `airssys dead-letters retry` before an app that the test plays.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::{Value, json};

use crate::support::*;

/// The app's end of a connection.
struct App(BufReader<UnixStream>);

impl App {
    fn request(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["request"].take()
    }

    fn answer(&mut self, answer: &Value) {
        writeln!(self.0.get_mut(), "{}", json!({ "version": 1, "answer": answer })).unwrap();
    }

    /// Answers the requests for a list with these letters, each an id and a receiver.
    fn list(&mut self, letters: &[(u64, &str)]) {
        loop {
            let request = self.request();
            assert_eq!(request["type"], "dead-letters", "{request}");
            let (after, limit) = (request["after"].as_u64().unwrap(), request["limit"].as_u64().unwrap());
            let later = letters.iter().filter(|(id, _)| *id > after).take(limit.try_into().unwrap());
            let page: Vec<_> = later.map(|(id, receiver)| letter(*id, receiver)).collect();
            let is_last = page.is_empty();
            let (kept, total) = (letters.len(), letters.len());
            self.answer(&json!({ "type": "dead-letters", "letters": page, "kept": kept, "total": total }));
            if is_last {
                return;
            }
        }
    }
}

fn letter(id: u64, receiver: &str) -> Value {
    json!({
        "id": id, "receiver": receiver, "sender": "host", "topic": null, "reason": "mailbox-full",
        "attempts": 0, "at_ms": 0, "codec": "cbor", "body_bytes": 0,
    })
}

/// Starts the command. Returns it with the app that it has connected to.
fn retry_all(folder: &Folder) -> (Running, App) {
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let args = ["dead-letters", "retry", "--all", "--control", path.to_str().unwrap()];
    let running = airssys(args).start();
    let (stream, _) = listener.accept().unwrap();
    (running, App(BufReader::new(stream)))
}

#[test]
fn interrupt_ends_a_retry_whose_app_lists_no_letters() {
    let folder = Folder::new();
    let (running, mut app) = retry_all(&folder);
    assert_eq!(app.request()["type"], "dead-letters");
    running.interrupt();
    running.end().exits(130);
}

#[test]
fn interrupt_ends_a_retry_whose_app_does_not_answer() {
    let folder = Folder::new();
    let (running, mut app) = retry_all(&folder);
    app.list(&[(1, "a"), (2, "a")]);
    assert_eq!(app.request()["type"], "retry-dead-letters");
    running.interrupt();
    let ended = running.end().exits(130);
    ended.prints(&["retried 0 of 2 dead letters; the app has not answered for 2"]);
}

#[test]
fn receiver_without_room_is_held_back_in_the_next_request_of_the_round() {
    let folder = Folder::new();
    let (running, mut app) = retry_all(&folder);
    let letters: Vec<_> = (1..=1_100).map(|id| (id, if id % 2 == 0 { "even" } else { "odd" })).collect();
    app.list(&letters);
    let ids = |from, to, odd: u64| (from..=to).filter(|id| id % 2 == odd).collect::<Vec<u64>>();
    let done = |done, failed| json!({ "type": "letters-done", "done": done, "failed": failed });
    let no_room =
        |ids| json!([{ "message": "`odd` has no room", "no_room": true, "receiver": "odd", "ids": ids }]);
    let first = app.request();
    assert_eq!((first["which"]["ids"].as_array().unwrap().len(), first.get("held_back")), (1_000, None));
    app.answer(&done(ids(1, 1_000, 0), no_room(ids(1, 1_000, 1))));
    let second = app.request();
    assert_eq!((second["which"]["ids"][0].as_u64(), &second["held_back"]), (Some(1_001), &json!(["odd"])));
    app.answer(&done(ids(1_001, 1_100, 0), no_room(ids(1_001, 1_100, 1))));
    // The next round begins with the oldest letter, and with room for all.
    let third = app.request();
    assert_eq!((&third["which"]["ids"], third.get("held_back")), (&json!(ids(1, 1_100, 1)), None));
    app.answer(&done(ids(1, 1_100, 1), json!([])));
    running.end().exits(0).prints(&["retried 1,100 dead letters"]);
}
