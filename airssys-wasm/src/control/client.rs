//! The client of a control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, AnswerLine, Ask, Failed, MAX_ANSWER_BYTES, RequestLine, VERSION};

/// The timeout for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A client of a running app's control socket. Blocks until the answer arrives.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

/// A request got no answer, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The socket cannot be connected to.
    #[error("no app answers at {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The app has ended, or takes too long.
    #[error("the app at {} gave no answer", path.display())]
    NoAnswer {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The answer is malformed.
    #[error("the answer of the app at {} is malformed", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The answer belongs to another request.
    #[error("the app at {} sent an unexpected answer: {answer:?}", path.display())]
    Unexpected {
        /// The socket.
        path: PathBuf,
        /// The answer.
        answer: Box<Answer>,
    },
    /// The answer is in another version of the protocol.
    #[error("the app at {} speaks version {version} of the protocol, not {VERSION}", path.display())]
    Version {
        /// The socket.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The app could not do it: [`Answer::Failed`].
    #[error("{message}")]
    Failed {
        /// The reason.
        message: String,
    },
}

impl AskError {
    /// Returns true if the app closed the connection: at its end, or because the client was quiet and
    /// another needed its place.
    pub fn is_disconnected(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
        let closed = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof];
        matches!(self, AskError::NoAnswer { source, .. } if closed.contains(&source.kind()))
    }
}

impl Client {
    /// Connects to the app that has this control socket.
    ///
    /// # Errors
    /// [`AskError::Connect`] if no app has it.
    pub fn connect(path: impl Into<PathBuf>) -> Result<Client, AskError> {
        let path = path.into();
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
            Ok(BufReader::new(stream))
        });
        match connected {
            Ok(stream) => Ok(Client { path, stream }),
            Err(source) => Err(AskError::Connect { path, source }),
        }
    }

    /// Returns the path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a request, and waits up to a minute for its answer. After any error other than
    /// [`AskError::Failed`], connect again.
    ///
    /// # Errors
    /// [`AskError`] if no answer arrives, or if it is [`Answer::Failed`].
    pub fn ask<R: Ask>(&mut self, request: R) -> Result<R::Answer, AskError> {
        let answer = self.exchange(RequestLine { version: VERSION, request: request.into() })?;
        R::from_answer(answer).map_err(|answer| match *answer {
            Answer::Failed(Failed { message }) => AskError::Failed { message },
            answer => AskError::Unexpected { path: self.path.clone(), answer: Box::new(answer) },
        })
    }

    fn exchange(&mut self, request: RequestLine) -> Result<Answer, AskError> {
        let no_answer = |source| AskError::NoAnswer { path: self.path.clone(), source };
        let unreadable = |source| AskError::Unreadable { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&request).map_err(unreadable)?;
        line.push(b'\n');
        // A server that rejects a client sends the reason without reading the request.
        let written = self.stream.get_mut().write_all(&line);
        line.clear();
        let mut bounded = (&mut self.stream).take(MAX_ANSWER_BYTES as u64);
        bounded.read_until(b'\n', &mut line).map_err(no_answer)?;
        if !line.ends_with(b"\n") {
            written.map_err(no_answer)?;
            return Err(no_answer(io::ErrorKind::UnexpectedEof.into()));
        }
        let AnswerLine { version, answer } = serde_json::from_slice(&line).map_err(unreadable)?;
        match version == VERSION {
            true => Ok(answer),
            false => Err(AskError::Version { path: self.path.clone(), version }),
        }
    }
}
