//! The protocol of the control socket: one line of JSON for each request and each answer.

mod answers;
mod ask;
mod requests;

use serde::{Deserialize, Serialize};

pub use answers::{
    AboutApp, Answer, DeadLetterPage, DenialList, Failed, GrantList, Letter, LetterWithBody, LettersDone,
    LettersFailed, MAX_SHOWN_BYTES, Resumed, RetainedCleared, RetainedPage, RetainedWithBody,
};
pub use ask::Ask;
pub use requests::{
    About, ClearRetained, DropDeadLetters, Give, Letters, ListDeadLetters, ListDenials, ListGrants,
    ListRetained, Reload, Request, Resume, RetryDeadLetters, Revoke, ShowDeadLetter, ShowRetained, Snapshot,
};

/// The version of the protocol. A server refuses every other version.
pub const VERSION: u32 = 1;

/// The longest request, in bytes with its line end.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The longest answer, in bytes with its line end.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A request as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// [`VERSION`].
    pub version: u32,
    /// The request.
    pub request: Request,
}

/// An answer as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// [`VERSION`].
    pub version: u32,
    /// The answer.
    pub answer: Answer,
}

/// The version of a request, which is read before the rest.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Request {
    /// Reads a line with any content.
    ///
    /// # Errors
    /// [`Failed`] with the reason, if the line is not a request in this version of the protocol.
    pub fn read(line: &[u8]) -> Result<Request, Failed> {
        let malformed = |error| Failed { message: format!("the line is not a request: {error}") };
        // The version is read first, because a request of another version may have another form.
        let Versioned { version } = serde_json::from_slice(line).map_err(malformed)?;
        if version != VERSION {
            let message =
                format!("the request has version {version} of the protocol, but this app speaks {VERSION}");
            return Err(Failed { message });
        }
        let line: RequestLine = serde_json::from_slice(line).map_err(malformed)?;
        Ok(line.request)
    }
}
