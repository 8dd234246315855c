//! Answers on a control socket, on a thread of its own.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::answer::answer_line;
use super::place::{Claimed, Place, PlaceError, own_uid};
use super::protocol::{Answer, Answered, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, VERSION};
use crate::host::ComponentHost;

/// Most clients at a time; further ones are told so and closed.
pub const MAX_CLIENTS: usize = 32;

/// How long a client may be silent, and how long it may take to read an answer.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait when no client can be accepted, as when the process has no file left to open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Answers on a control socket until it is dropped: then the socket is gone.
///
/// It has a thread of its own, so it answers also while guests keep every worker busy, and keeps
/// no worker busy itself. The thread and every client's task end when it is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Released last, when the socket is gone.
    _claimed: std::fs::File,
}

/// Why a control socket is not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The socket cannot be put in its place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its thread cannot be started.
    #[error("the thread of the control socket cannot be started")]
    Thread(#[source] io::Error),
}

impl Server {
    /// Opens a control socket for this host. Answers are given until the server is dropped.
    ///
    /// # Errors
    /// [`OpenError`] if the place is not to be trusted or is taken, or the system refuses.
    pub fn open(host: ComponentHost, place: &Place) -> Result<Server, OpenError> {
        let Claimed { path, listener, lock } = place.claim()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let started = runtime.and_then(|runtime| {
            let serve = move || runtime.block_on(serve(listener, host, stopped));
            std::thread::Builder::new().name("airssys-control".to_owned()).spawn(serve)
        });
        let thread = started.map_err(|error| {
            // It is this server's, and of no use to anybody now.
            drop(fs::remove_file(&path));
            OpenError::Thread(error)
        })?;
        tracing::info!(path = %path.display(), "the control socket is open");
        Ok(Server { path, stop: Some(stop), thread: Some(thread), _claimed: lock })
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the control socket was gone already");
        }
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the control socket panicked");
        }
    }
}

/// Serves until it is stopped, or nobody is there any more to stop it.
async fn serve(listener: StdListener, host: ComponentHost, mut stopped: oneshot::Receiver<()>) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control socket cannot be served"),
    };
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_ended) = clients.join_next(), if !clients.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() < MAX_CLIENTS => {
                    clients.spawn(client(stream, host.clone()));
                }
                Ok((stream, _)) => turn_away(&stream),
                Err(error) => {
                    tracing::warn!(%error, "a client of the control socket cannot be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

/// Tells a client that there are too many, if it listens.
fn turn_away(stream: &UnixStream) {
    let message = format!("{MAX_CLIENTS} clients are connected already");
    // It fits into an empty socket whole; one who has gone need not be told.
    drop(stream.try_write(&line(Answer::Failed { message })));
}

/// Serves a client until it goes, takes too long, or says what is no request.
async fn client(stream: UnixStream, host: ComponentHost) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_uid() => {}
        Ok(peer) => {
            let user = peer.uid();
            return tracing::warn!(target: "airssys::audit", user, "another user was refused at the control socket");
        }
        Err(error) => {
            return tracing::warn!(%error, "a client of the control socket cannot be told who it is");
        }
    }
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut request = Vec::new();
    loop {
        request.clear();
        let mut bounded = (&mut reader).take(MAX_REQUEST_BYTES as u64);
        let read = timeout(IDLE_TIMEOUT, bounded.read_until(b'\n', &mut request)).await;
        // Whoever goes without ending a line has asked nothing.
        let Ok(Ok(1..)) = read else { return };
        let whole = request.ends_with(b"\n");
        let answer = match whole {
            true => answer_line(&host, &request).await,
            false if request.len() < MAX_REQUEST_BYTES => return,
            false => Answer::Failed { message: format!("a request has at most {MAX_REQUEST_BYTES} bytes") },
        };
        let written = timeout(IDLE_TIMEOUT, writer.write_all(&line(answer))).await;
        if !whole || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// An answer as it is sent.
fn line(answer: Answer) -> Vec<u8> {
    let encode = |answer| serde_json::to_vec(&Answered { version: VERSION, answer });
    let encoded = match encode(answer) {
        Ok(line) if line.len() < MAX_ANSWER_BYTES => Ok(line),
        Ok(line) => {
            encode(Answer::Failed { message: format!("the answer has {} bytes: ask for less", line.len()) })
        }
        Err(error) => encode(Answer::Failed { message: format!("the answer is no JSON: {error}") }),
    };
    // A text can always be encoded.
    let mut line = encoded.unwrap_or_default();
    line.push(b'\n');
    line
}
