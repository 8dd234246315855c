//! Asks over a control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, Answered, Asked, MAX_ANSWER_BYTES, Request, VERSION};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a running app over its control socket. Blocks until there is an answer.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody can be reached there.
    #[error("no app answers at {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The app has ended, or takes too long.
    #[error("the app at {} gave no answer", path.display())]
    NoAnswer {
        /// The socket.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// What came back is no answer.
    #[error("what the app at {} answered is not understood", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// What came back is in another version of the protocol.
    #[error("the app at {} speaks version {version} of the protocol, not {VERSION}", path.display())]
    Version {
        /// The socket.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The app says that it cannot be done: [`Answer::Failed`].
    #[error("{message}")]
    Failed {
        /// Why not.
        message: String,
    },
}

impl Client {
    /// Connects to the app that has this control socket.
    ///
    /// # Errors
    /// [`AskError::Connect`] if none has.
    pub fn connect(path: impl Into<PathBuf>) -> Result<Client, AskError> {
        let path = path.into();
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(BufReader::new(stream))
        });
        match connected {
            Ok(stream) => Ok(Client { path, stream }),
            Err(source) => Err(AskError::Connect { path, source }),
        }
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks, and waits up to a minute for the answer. After any error other than
    /// [`AskError::Failed`], connect anew.
    ///
    /// # Errors
    /// [`AskError`] if there is no answer, or it is [`Answer::Failed`].
    pub fn ask(&mut self, request: Request) -> Result<Answer, AskError> {
        let no_answer = |source| AskError::NoAnswer { path: self.path.clone(), source };
        let unreadable = |source| AskError::Unreadable { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&Asked { version: VERSION, request }).map_err(unreadable)?;
        line.push(b'\n');
        // Who turns a client away does not read what it asks, but says why.
        let written = self.stream.get_mut().write_all(&line);
        line.clear();
        let mut bounded = (&mut self.stream).take(MAX_ANSWER_BYTES as u64);
        bounded.read_until(b'\n', &mut line).map_err(no_answer)?;
        if !line.ends_with(b"\n") {
            written.map_err(no_answer)?;
            return Err(no_answer(io::ErrorKind::UnexpectedEof.into()));
        }
        let answered: Answered = serde_json::from_slice(&line).map_err(unreadable)?;
        match answered {
            Answered { version, .. } if version != VERSION => {
                Err(AskError::Version { path: self.path.clone(), version })
            }
            Answered { answer: Answer::Failed { message }, .. } => Err(AskError::Failed { message }),
            Answered { answer, .. } => Ok(answer),
        }
    }
}
