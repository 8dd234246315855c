//! The control socket of a running app: a Unix socket that only the same user can open.
//!
//! A [`Server`] answers for a [`ComponentHost`](crate::ComponentHost), and a [`Client`] asks. Requests
//! and answers are lines of JSON. Each request is a type that implements [`Ask`], which gives the type
//! of its answer.
//!
//! To add a request: add its type and a variant to `control/protocol/requests.rs`, its answer to
//! `control/protocol/answers.rs`, the pair to `control/protocol/ask.rs`, and `Serve` to
//! `control/answer.rs`.

mod answer;
mod client;
mod place;
mod protocol;
mod server;

pub use client::{AskError, Client};
pub use place::{FolderError, MAX_RUNS, Place, PlaceError, RunningApp, folder, running};
pub use protocol::{
    About, AboutApp, Answer, AnswerLine, Ask, ClearRetained, DeadLetterPage, DenialList, DropDeadLetters,
    Failed, Give, GrantList, Letter, LetterWithBody, Letters, LettersDone, LettersFailed, ListDeadLetters,
    ListDenials, ListGrants, ListRetained, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, MAX_SHOWN_BYTES, Reload,
    Request, RequestLine, Resume, Resumed, RetainedCleared, RetainedPage, RetainedWithBody, RetryDeadLetters,
    Revoke, ShowDeadLetter, ShowRetained, Snapshot, VERSION,
};
pub use server::{IDLE_TIMEOUT, MAX_CLIENTS, OpenError, STALL_TIMEOUT, Server};
