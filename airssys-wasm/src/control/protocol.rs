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
    ListRetained, Request, Resume, RetryDeadLetters, Revoke, ShowDeadLetter, ShowRetained, Snapshot,
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
