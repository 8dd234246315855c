//! The control socket: it answers its owner, whatever other clients do.
//!
//! These tests block the only thread of their host. The socket is served by a thread of its own.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use airssys_wasm::control::{
    About, Answer, AnswerLine, AskError, ClearRetained, Client, DropDeadLetters, Failed, Give, Letters,
    ListDeadLetters, ListDenials, ListGrants, ListRetained, MAX_CLIENTS, MAX_REQUEST_BYTES, OpenError, Place,
    PlaceError, Request, RequestLine, RetryDeadLetters, Revoke, Server, ShowDeadLetter, Snapshot, VERSION,
};
use airssys_wasm::{Capabilities, Capability, ComponentHost, ComponentSpec};
use tempfile::TempDir;

use crate::support::*;

struct Socket {
    path: PathBuf,
    server: Server,
    _folder: TempDir,
}

fn open(host: &ComponentHost) -> Socket {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let server = Server::open(host.clone(), &Place::At(path.clone())).unwrap();
    assert_eq!(server.path(), path);
    Socket { path, server, _folder: folder }
}

impl Socket {
    fn ask<R: airssys_wasm::control::Ask>(&self, request: R) -> R::Answer {
        Client::connect(&self.path).unwrap().ask(request).unwrap()
    }

    fn refused<R: airssys_wasm::control::Ask>(&self, request: R) -> String {
        let Err(error) = Client::connect(&self.path).unwrap().ask(request) else { panic!("not refused") };
        error.to_string()
    }

    fn raw(&self) -> BufReader<UnixStream> {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        BufReader::new(stream)
    }
}

/// Sends bytes that need not be a request. Returns the answer, or `None` if the connection was closed.
fn exchange(stream: &mut BufReader<UnixStream>, request: &[u8]) -> Option<Answer> {
    // The write may fail, because the server need not read from a client that it turns away.
    drop(stream.get_mut().write_all(request));
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let answered: Option<AnswerLine> = (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap());
    answered.map(|answered| answered.answer)
}

const ABOUT: &[u8] = b"{\"version\":1,\"request\":{\"type\":\"about\"}}\n";

#[tokio::test]
async fn socket_is_private_to_its_owner_and_removed_at_the_end() {
    let socket = open(&host());
    let mode = std::fs::metadata(&socket.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Server::open(host(), &Place::At(socket.path.clone())).unwrap_err();
    assert!(matches!(again, OpenError::Place(PlaceError::Taken { .. })), "{again:?}");
    let about = socket.ask(About {});
    assert_eq!((about.app.as_str(), about.process), ("test", std::process::id()));
    let mut left = socket.raw();
    drop(socket.server);
    assert!(!socket.path.exists());
    // The connection is closed, or reset if it had not been accepted yet.
    let read = left.read(&mut [0]);
    let ended =
        read.as_ref().map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |read| *read == 0);
    assert!(ended, "open connections end with the server: {read:?}");
    // The path is free again.
    let server = Server::open(host(), &Place::At(socket.path.clone())).unwrap();
    drop(server);
}

#[tokio::test]
async fn malformed_requests_are_answered_and_keep_the_connection_open() {
    let socket = open(&host());
    let mut stream = socket.raw();
    let wrong: [(&[u8], &str); 7] = [
        (b"\n", "not a request"),
        (b"{}\n", "version"),
        (b"hello\n", "not a request"),
        (b"\xff\xfe\n", "not a request"),
        (b"{\"version\":1,\"request\":{\"type\":\"no-such\"}}\n", "no-such"),
        (b"{\"version\":1,\"request\":{\"type\":\"give\"}}\n", "component"),
        (b"{\"version\":2,\"request\":{\"type\":\"about\"}}\n", "version 2"),
    ];
    for (request, expected) in wrong {
        let Some(Answer::Failed(Failed { message, .. })) = exchange(&mut stream, request) else {
            panic!("{request:?} was not refused")
        };
        assert!(message.contains(expected), "{message}");
    }
    let deep = [vec![b'['; 60_000], b"\n".to_vec()].concat();
    assert!(matches!(exchange(&mut stream, &deep), Some(Answer::Failed(_))));
    // The connection stays open.
    assert!(matches!(exchange(&mut stream, ABOUT), Some(Answer::About(_))));
}

#[tokio::test]
async fn endless_line_is_refused_and_its_connection_closed() {
    let socket = open(&host());
    let mut stream = socket.raw();
    let endless = vec![b'x'; MAX_REQUEST_BYTES];
    let Some(Answer::Failed(Failed { message, .. })) = exchange(&mut stream, &endless) else {
        panic!("not refused")
    };
    assert!(message.contains(&MAX_REQUEST_BYTES.to_string()), "{message}");
    let mut rest = Vec::new();
    // The connection is closed, in order or not.
    assert!(matches!(stream.read_to_end(&mut rest), Ok(0) | Err(_)));
    assert_eq!(socket.ask(About {}).app, "test");
}

#[tokio::test]
async fn silent_and_slow_clients_do_not_block_others() {
    let socket = open(&host());
    let mut operator = Client::connect(&socket.path).unwrap();
    operator.ask(About {}).unwrap();
    // The first has begun a request, and the second reads no answers.
    let (mut begun, mut deaf) = (socket.raw(), socket.raw());
    begun.get_mut().write_all(&ABOUT[..10]).unwrap();
    for _ in 0..100 {
        drop(deaf.get_mut().write_all(ABOUT));
    }
    let _silent: Vec<_> = (0..2 * MAX_CLIENTS).map(|_| socket.raw()).collect();
    for _ in 0..2 * MAX_CLIENTS {
        assert_eq!(socket.ask(About {}).app, "test");
    }
    // A client that asks keeps its place among those that say nothing.
    assert_eq!(operator.ask(About {}).unwrap().app, "test");
}

#[tokio::test]
async fn the_quietest_client_is_disconnected_when_there_are_too_many() {
    let socket = open(&host());
    let mut clients: Vec<_> = (0..MAX_CLIENTS).map(|_| socket.raw()).collect();
    for client in &mut clients {
        assert!(matches!(exchange(client, ABOUT), Some(Answer::About(_))));
    }
    assert!(matches!(exchange(&mut clients[0], ABOUT), Some(Answer::About(_))));
    assert_eq!(socket.ask(About {}).app, "test");
    let mut rest = Vec::new();
    clients[1].read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "the second was quiet for the longest time");
    assert!(matches!(exchange(&mut clients[0], ABOUT), Some(Answer::About(_))));
}

#[tokio::test]
async fn operator_is_answered_while_another_client_connects_in_a_loop() {
    let socket = open(&host());
    let ended = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut held = VecDeque::new();
            while !ended.load(Ordering::Relaxed) {
                held.extend(UnixStream::connect(&socket.path));
                // More than there are places.
                if held.len() > 200 {
                    held.pop_front();
                }
            }
        });
        let ask = || Client::connect(&socket.path).unwrap().ask(About {});
        let answers: Vec<_> = (0..20).map(|_| ask()).collect();
        ended.store(true, Ordering::Relaxed);
        answers
    });
    for answer in answers {
        assert_eq!(answer.unwrap().app, "test");
    }
}

#[tokio::test]
async fn connecting_to_a_missing_socket_fails() {
    let error = Client::connect("no-such-folder/app.sock").unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn grants_are_listed_given_and_revoked() {
    let host = host();
    let asks = Capabilities { send: vec!["target".parse().unwrap()], ..Capabilities::default() };
    host.spawn(ComponentSpec { capabilities: asks, ..denied("subject") }).await.unwrap();
    host.spawn(trusted("target")).await.unwrap();
    let send = || Command::TrySend { to: "target".to_owned(), command: note("x"), times: 1 };
    let socket = open(&host);
    let (component, pattern, capability) = ("subject".to_owned(), "target".to_owned(), Capability::Send);
    let revoke = Revoke { component: component.clone(), capability, pattern: pattern.clone() };
    assert!(socket.ask(revoke).changed);
    host.ask("subject", send()).await.unwrap_err();
    let denials = socket.ask(ListDenials { component: Some(component.clone()) }).denials;
    assert_eq!((denials[0].object.as_deref(), denials[0].asked), (Some("target"), true));
    let give = Give { component: component.clone(), capability, pattern };
    assert!(socket.ask(give).changed);
    host.ask("subject", send()).await.unwrap();
    let components = socket.ask(ListGrants { component: Some(component.clone()) }).components;
    assert_eq!(components, [host.grants().remove(0)]);
    let not_asked = Give { component, capability, pattern: "other".to_owned() };
    assert!(socket.refused(not_asked).contains("does not ask for"));
    let unknown = socket.refused(ListGrants { component: Some("nobody".to_owned()) });
    assert!(unknown.contains("nobody"), "{unknown}");
}

#[tokio::test]
async fn retained_messages_are_listed_and_cleared() {
    let host = host();
    let socket = open(&host);
    let list = |pattern: Option<&str>, after: Option<&str>, limit| {
        let [pattern, after] = [pattern, after].map(|text| text.map(str::to_owned));
        let page = socket.ask(ListRetained { pattern, after, limit });
        (page.messages, page.matching)
    };
    assert_eq!(list(None, None, 10), (vec![], 0));
    host.spawn(ComponentSpec { instances: 2, ..trusted("publisher") }).await.unwrap();
    for topic in ["news.today", "news.local.today", "sport"] {
        let retain = Command::Retain { topic: topic.to_owned(), command: note("x") };
        host.ask("publisher/2", retain).await.unwrap();
    }
    let topics = |(messages, matching): (Vec<airssys_wasm::RetainedMessage>, usize)| {
        (messages.into_iter().map(|message| message.topic).collect::<Vec<_>>().join(" "), matching)
    };
    assert_eq!(topics(list(None, None, 10)), ("news.local.today news.today sport".to_owned(), 3));
    assert_eq!(topics(list(Some("news.*"), None, 1)), ("news.local.today".to_owned(), 2));
    assert_eq!(topics(list(Some("news.*"), Some("news.local.today"), 9)), ("news.today".to_owned(), 2));
    let sport = list(Some("sport"), None, 10).0.remove(0);
    let length = message(&note("x")).len() - 1;
    assert_eq!(
        (sport.sender.as_str(), sport.codec.as_str(), sport.body_bytes),
        ("publisher/2", "cbor", length)
    );
    assert!(sport.at_ms > 1_700_000_000_000);
    let clear = |topic: &str| ClearRetained { topic: topic.to_owned() };
    assert_eq!(socket.ask(clear("sport")).topic, "sport");
    assert!(socket.refused(clear("sport")).contains("`sport` has no retained message"));
    assert!(socket.refused(clear("no..topic")).contains("no..topic"));
    let pattern = Some("no..pattern".to_owned());
    socket.refused(ListRetained { pattern, after: None, limit: 1 });
    host.ask("publisher/1", Command::Subscribe("*".to_owned())).await.unwrap();
    assert_eq!(host.notes("publisher/1").await, "x x");
}

#[tokio::test]
async fn dead_letters_are_listed_shown_retried_and_dropped() {
    let host = host();
    host.spawn(trusted("one")).await.unwrap();
    host.spawn(trusted("two")).await.unwrap();
    for (to, text) in [("one", "a"), ("two", "b"), ("one", "c")] {
        host.tell(to, Command::Reject(text.to_owned())).await;
        host.drained().await;
    }
    let socket = open(&host);
    let list = |receiver: Option<&str>, after, limit| {
        let receiver = receiver.map(str::to_owned);
        let page = socket.ask(ListDeadLetters { receiver, after, limit });
        (page.letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), page.kept, page.total)
    };
    assert_eq!(list(None, 0, 10), (vec![1, 2, 3], 3, 3));
    assert_eq!(list(None, 1, 1), (vec![2], 3, 3));
    assert_eq!(list(Some("one"), 0, 10), (vec![1, 3], 2, 3));
    let shown = socket.ask(ShowDeadLetter { id: 2 });
    let (letter, body) = (shown.letter, shown.body);
    assert_eq!((letter.receiver.as_str(), letter.codec.as_deref()), ("two", Some("cbor")));
    let expected = message(&Command::Reject("b".to_owned()));
    let hex: String = expected[1..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((body, letter.body_bytes), (hex, expected.len() - 1));

    let which = Letters::Ids(vec![2, 77, 78]);
    let dropped = socket.ask(DropDeadLetters { which });
    assert_eq!(
        (dropped.done, dropped.failed.len(), dropped.failed[0].ids.clone()),
        (vec![2], 1, vec![77, 78])
    );
    let which = Letters::All { receiver: Some("one".to_owned()) };
    let retried = socket.ask(RetryDeadLetters { which, held_back: BTreeSet::new() });
    assert_eq!((retried.done, retried.failed.len()), (vec![1, 3], 0));
    host.drained().await;
    assert_eq!(list(None, 0, 10), (vec![4, 5], 2, 5));
    assert!(socket.refused(ShowDeadLetter { id: 1 }).contains("dead letter 1 is not kept"));
}

#[tokio::test]
async fn letters_to_a_receiver_that_is_held_back_wait_even_if_it_has_room() {
    let host = host();
    host.spawn(trusted("one")).await.unwrap();
    host.spawn(trusted("two")).await.unwrap();
    for to in ["one", "two"] {
        host.tell(to, Command::Reject("never".to_owned())).await;
        host.drained().await;
    }
    let socket = open(&host);
    let (which, held_back) = (Letters::Ids(vec![1, 2]), BTreeSet::from(["one".to_owned()]));
    let retried = socket.ask(RetryDeadLetters { which, held_back });
    assert_eq!((retried.done, retried.failed.len()), (vec![2], 1));
    let waiting = &retried.failed[0];
    assert_eq!((waiting.no_room, waiting.receiver.as_deref(), &*waiting.ids), (true, Some("one"), &[1][..]));
}

#[test]
fn requests_keep_their_form_on_the_wire() {
    let (component, pattern) = ("a".to_owned(), "b".to_owned());
    let requests: [(Request, serde_json::Value); 7] = [
        (About {}.into(), serde_json::json!({"type": "about"})),
        (Snapshot::default().into(), serde_json::json!({"type": "snapshot"})),
        (Snapshot { resident: true }.into(), serde_json::json!({"type": "snapshot", "resident": true})),
        (ListGrants { component: None }.into(), serde_json::json!({"type": "grants", "component": null})),
        (
            Give { component, capability: Capability::Send, pattern }.into(),
            serde_json::json!({"type": "give", "component": "a", "capability": "send", "pattern": "b"}),
        ),
        (
            ListDeadLetters { receiver: None, after: 7, limit: 9 }.into(),
            serde_json::json!({"type": "dead-letters", "receiver": null, "after": 7, "limit": 9}),
        ),
        (
            DropDeadLetters { which: Letters::Ids(vec![1]) }.into(),
            serde_json::json!({"type": "drop-dead-letters", "which": {"ids": [1]}}),
        ),
    ];
    for (request, json) in requests {
        let line = RequestLine { version: VERSION, request };
        let expected = serde_json::json!({"version": 1, "request": json});
        assert_eq!(serde_json::to_value(&line).unwrap(), expected);
        assert_eq!(serde_json::from_value::<RequestLine>(expected).unwrap(), line);
    }
    let extra = r#"{"version": 1, "request": {"type": "about", "later": "field"}}"#;
    assert_eq!(serde_json::from_str::<RequestLine>(extra).unwrap().request, Request::About(About {}));
    let failed: AnswerLine =
        serde_json::from_str(r#"{"version": 1, "answer": {"type": "failed", "message": "x"}}"#).unwrap();
    assert!(matches!(failed.answer, Answer::Failed(Failed { message, .. }) if message == "x"));
}

#[tokio::test]
async fn answer_to_another_request_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut String::new()).unwrap();
        let answer = r#"{"version": 1, "answer": {"type": "retained-cleared", "topic": "x"}}"#;
        stream.get_mut().write_all(format!("{answer}\n").as_bytes()).unwrap();
    });
    let error = Client::connect(&path).unwrap().ask(About {}).unwrap_err();
    assert!(matches!(error, AskError::Unexpected { .. }), "{error:?}");
    server.join().unwrap();
}
