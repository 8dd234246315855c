//! The control socket: it answers its owner, whatever other clients do.
//!
//! These tests block the only thread of their host. The socket is served by a thread of its own.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use airssys_wasm::control::{
    Answer, Answered, AskError, Client, Letters, MAX_CLIENTS, MAX_REQUEST_BYTES, OpenError, Place,
    PlaceError, Request, Server,
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
    fn ask(&self, request: Request) -> Answer {
        Client::connect(&self.path).unwrap().ask(request).unwrap()
    }

    fn refused(&self, request: Request) -> String {
        Client::connect(&self.path).unwrap().ask(request).unwrap_err().to_string()
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
    let answered: Option<Answered> = (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap());
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
    let Answer::About(about) = socket.ask(Request::About) else { panic!("no answer about it") };
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
        (b"\n", "no request"),
        (b"{}\n", "version"),
        (b"hello\n", "no request"),
        (b"\xff\xfe\n", "no request"),
        (b"{\"version\":1,\"request\":{\"type\":\"no-such\"}}\n", "no-such"),
        (b"{\"version\":1,\"request\":{\"type\":\"give\"}}\n", "component"),
        (b"{\"version\":2,\"request\":{\"type\":\"about\"}}\n", "version 2"),
    ];
    for (request, expected) in wrong {
        let Some(Answer::Failed { message }) = exchange(&mut stream, request) else {
            panic!("{request:?} was not refused")
        };
        assert!(message.contains(expected), "{message}");
    }
    let deep = [vec![b'['; 60_000], b"\n".to_vec()].concat();
    assert!(matches!(exchange(&mut stream, &deep), Some(Answer::Failed { .. })));
    // The connection stays open.
    assert!(matches!(exchange(&mut stream, ABOUT), Some(Answer::About(_))));
}

#[tokio::test]
async fn endless_line_is_refused_and_its_connection_closed() {
    let socket = open(&host());
    let mut stream = socket.raw();
    let endless = vec![b'x'; MAX_REQUEST_BYTES];
    let Some(Answer::Failed { message }) = exchange(&mut stream, &endless) else { panic!("not refused") };
    assert!(message.contains(&MAX_REQUEST_BYTES.to_string()), "{message}");
    let mut rest = Vec::new();
    // The connection is closed, in order or not.
    assert!(matches!(stream.read_to_end(&mut rest), Ok(0) | Err(_)));
    assert!(matches!(socket.ask(Request::About), Answer::About(_)));
}

#[tokio::test]
async fn silent_and_slow_clients_do_not_block_others() {
    let socket = open(&host());
    let mut silent: Vec<_> = (1..MAX_CLIENTS).map(|_| socket.raw()).collect();
    silent[0].get_mut().write_all(&ABOUT[..10]).unwrap();
    // One client sends many requests and reads no answers.
    for _ in 0..100 {
        silent[1].get_mut().write_all(ABOUT).unwrap();
    }
    assert!(matches!(socket.ask(Request::About), Answer::About(_)));
    // With the last client connected, the next is refused at once. The server needs a while to notice
    // that the client before has gone, so this retries.
    let last = std::iter::repeat_with(|| {
        let mut stream = socket.raw();
        matches!(exchange(&mut stream, ABOUT), Some(Answer::About(_))).then_some(stream)
    });
    silent.extend(last.flatten().next());
    let refused = socket.refused(Request::About);
    assert!(refused.contains("clients"), "{refused}");
    // Once they have gone, a client is accepted again.
    drop(silent);
    while Client::connect(&socket.path).unwrap().ask(Request::About).is_err() {}
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
    let revoke = Request::Revoke { component: component.clone(), capability, pattern: pattern.clone() };
    let Answer::GrantChanged(change) = socket.ask(revoke) else { panic!("not changed") };
    assert!(change.changed);
    host.ask("subject", send()).await.unwrap_err();
    let Answer::Denials { denials } = socket.ask(Request::Denials { component: Some(component.clone()) })
    else {
        panic!("no denials")
    };
    assert_eq!((denials[0].object.as_deref(), denials[0].asked), (Some("target"), true));
    let give = Request::Give { component: component.clone(), capability, pattern };
    assert!(matches!(socket.ask(give), Answer::GrantChanged(_)));
    host.ask("subject", send()).await.unwrap();
    let Answer::Grants { components } = socket.ask(Request::Grants { component: Some(component.clone()) })
    else {
        panic!("no grants")
    };
    assert_eq!(components, [host.grants().remove(0)]);
    let not_asked = Request::Give { component, capability, pattern: "other".to_owned() };
    assert!(socket.refused(not_asked).contains("does not ask for"));
    let unknown = socket.refused(Request::Grants { component: Some("nobody".to_owned()) });
    assert!(unknown.contains("nobody"), "{unknown}");
}

#[tokio::test]
async fn retained_messages_are_listed_and_cleared() {
    let host = host();
    let socket = open(&host);
    let list = |pattern: Option<&str>, after: Option<&str>, limit| {
        let [pattern, after] = [pattern, after].map(|text| text.map(str::to_owned));
        match socket.ask(Request::Retained { pattern, after, limit }) {
            Answer::Retained { messages, matching } => (messages, matching),
            other => panic!("{other:?}"),
        }
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
    let clear = |topic: &str| Request::ClearRetained { topic: topic.to_owned() };
    assert_eq!(socket.ask(clear("sport")), Answer::RetainedCleared { topic: "sport".to_owned() });
    assert!(socket.refused(clear("sport")).contains("nothing is retained of `sport`"));
    assert!(socket.refused(clear("no..topic")).contains("no..topic"));
    let pattern = Some("no..pattern".to_owned());
    socket.refused(Request::Retained { pattern, after: None, limit: 1 });
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
        match socket.ask(Request::DeadLetters { receiver, after, limit }) {
            Answer::DeadLetters { letters, kept, total } => {
                (letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), kept, total)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(None, 0, 10), (vec![1, 2, 3], 3, 3));
    assert_eq!(list(None, 1, 1), (vec![2], 3, 3));
    assert_eq!(list(Some("one"), 0, 10), (vec![1, 3], 2, 3));
    let Answer::DeadLetter { letter, body } = socket.ask(Request::DeadLetter { id: 2 }) else {
        panic!("no letter")
    };
    assert_eq!((letter.receiver.as_str(), letter.codec.as_deref()), ("two", Some("cbor")));
    let expected = message(&Command::Reject("b".to_owned()));
    let hex: String = expected[1..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((body, letter.body_bytes), (hex, expected.len() - 1));

    let which = Letters::Ids(vec![2, 77, 78]);
    let Answer::LettersDone { done, failed } = socket.ask(Request::DropDeadLetters { which }) else {
        panic!("not dropped")
    };
    assert_eq!((done, failed.len(), failed[0].ids.clone()), (vec![2], 1, vec![77, 78]));
    let which = Letters::All { receiver: Some("one".to_owned()) };
    let Answer::LettersDone { done, failed } = socket.ask(Request::RetryDeadLetters { which }) else {
        panic!("not retried")
    };
    assert_eq!((done, failed.len()), (vec![1, 3], 0));
    host.drained().await;
    assert_eq!(list(None, 0, 10), (vec![4, 5], 2, 5));
    assert!(socket.refused(Request::DeadLetter { id: 1 }).contains("no dead letter 1"));
}
