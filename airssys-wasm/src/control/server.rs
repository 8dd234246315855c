//! The server of a control socket, on a thread of its own.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use super::answer::answer_line;
use super::place::{Claimed, Place, PlaceError, own_uid};
use super::protocol::{Answer, AnswerLine, Failed, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, VERSION};
use crate::clients::{Clients, Progress, ServerThread, Watched};
use crate::host::ComponentHost;

/// The most clients that have sent a request. A further one takes the place of one that takes no bytes of
/// its answer, or else of the quietest one. Clients that have not sent one have 64 places of their own, each
/// for 250 ms at least.
pub const MAX_CLIENTS: usize = 32;

/// The timeout for the next request of a client that has sent one.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The timeout for the first request of a client, for the rest of a request that has begun, and for
/// reading the next piece of an answer.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The piece of an answer that a client has to read within [`STALL_TIMEOUT`], in bytes.
const PIECE: usize = 64 << 10;

/// The delay after a failed accept, such as when the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// The server of a control socket. Dropping it ends its thread and the tasks of all clients, and removes
/// the socket.
///
/// It has a thread of its own, so that it answers while guests keep every worker busy.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    /// Ended first.
    _thread: ServerThread,
    /// Released last, after the socket is removed.
    _claimed: std::fs::File,
}

/// A control socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The socket cannot be created at its place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its thread cannot be started.
    #[error("the thread of the control socket cannot be started")]
    Thread(#[source] io::Error),
}

impl Server {
    /// Opens a control socket for this host. It answers until the server is dropped.
    ///
    /// # Errors
    /// [`OpenError`] if the place is not trusted, is taken, or the operating system refuses.
    pub fn open(host: ComponentHost, place: &Place) -> Result<Server, OpenError> {
        let Claimed { path, listener, lock } = place.claim()?;
        let started = ServerThread::start("airssys-control", || serve(listener, host));
        let thread = started.map_err(|error| {
            // The socket is removed, because no thread would answer on it.
            drop(fs::remove_file(&path));
            OpenError::Thread(error)
        })?;
        tracing::info!(path = %path.display(), "the control socket is open");
        Ok(Server { path, _thread: thread, _claimed: lock })
    }

    /// Returns the path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the control socket was gone already");
        }
    }
}

/// Serves until its thread is ended.
async fn serve(listener: StdListener, host: ComponentHost) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control socket cannot be served"),
    };
    let mut clients = Clients::at_most(MAX_CLIENTS);
    loop {
        clients.room().await;
        match listener.accept().await {
            Ok((stream, _)) => clients.admit(|progress| client(stream, host.clone(), progress)),
            Err(error) => {
                tracing::warn!(%error, "a client of the control socket cannot be accepted");
                clients.give_way().await;
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Serves a client until it disconnects, stalls, or sends a line that is too long.
async fn client(stream: UnixStream, host: ComponentHost, progress: Arc<Progress>) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_uid() => {}
        Ok(peer) => {
            let user = peer.uid();
            return tracing::warn!(target: "airssys::audit", user, "another user was refused at the control socket");
        }
        Err(error) => {
            return tracing::warn!(%error, "the user of a client of the control socket is unknown");
        }
    }
    let (reader, writer) = stream.into_split();
    let mut writer = Watched::new(writer, Arc::clone(&progress));
    let mut reader = BufReader::new(reader);
    let mut request = Vec::new();
    let mut patience = STALL_TIMEOUT;
    while read_request(&mut reader, &mut request, patience).await {
        progress.has_asked();
        let whole = request.ends_with(b"\n");
        let answer = match whole {
            true => answer_line(&host, &request).await,
            false => Answer::Failed(Failed {
                message: format!("the request is longer than {MAX_REQUEST_BYTES} bytes"),
            }),
        };
        if !write_answer(&mut writer, &line(answer)).await || !whole {
            return;
        }
        patience = IDLE_TIMEOUT;
    }
}

/// Reads a request: a line, or the beginning of one that is too long. Returns false if the client does
/// not begin within `patience`, stalls, or disconnects, also within a request.
async fn read_request(
    reader: &mut BufReader<OwnedReadHalf>,
    request: &mut Vec<u8>,
    patience: Duration,
) -> bool {
    request.clear();
    if !matches!(timeout(patience, reader.fill_buf()).await, Ok(Ok(begun)) if !begun.is_empty()) {
        return false;
    }
    let mut bounded = reader.take(MAX_REQUEST_BYTES as u64);
    let read = timeout(STALL_TIMEOUT, bounded.read_until(b'\n', request)).await;
    matches!(read, Ok(Ok(_))) && (request.ends_with(b"\n") || request.len() >= MAX_REQUEST_BYTES)
}

/// Writes an answer piece by piece. Returns false if the client disconnects, or does not read a piece
/// in time.
async fn write_answer(writer: &mut (impl AsyncWrite + Unpin), answer: &[u8]) -> bool {
    for piece in answer.chunks(PIECE) {
        if !matches!(timeout(STALL_TIMEOUT, writer.write_all(piece)).await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

/// Encodes an answer as a line.
fn line(answer: Answer) -> Vec<u8> {
    let encode = |answer| serde_json::to_vec(&AnswerLine { version: VERSION, answer });
    let encoded = match encode(answer) {
        Ok(line) if line.len() < MAX_ANSWER_BYTES => Ok(line),
        Ok(line) => {
            let message = format!("the answer has {} bytes, which is too long; ask for less", line.len());
            encode(Answer::Failed(Failed { message }))
        }
        Err(error) => {
            let message = format!("the answer cannot be written as JSON: {error}");
            encode(Answer::Failed(Failed { message }))
        }
    };
    // An answer with a text can always be encoded.
    let mut line = encoded.unwrap_or_default();
    line.push(b'\n');
    line
}
