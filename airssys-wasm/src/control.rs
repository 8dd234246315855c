//! The operator's way into a running app: a Unix socket that only the same user can open.
//!
//! A [`Server`] answers for a [`ComponentHost`](crate::ComponentHost), a [`Client`] asks. What can
//! be asked is in [`Request`], and what comes back in [`Answer`]: JSON, a line each. To add a
//! request, add a variant to both, and an arm to `control/answer.rs`.

mod answer;
mod client;
mod place;
mod protocol;
mod server;

pub use client::{AskError, Client};
pub use place::{FolderError, MAX_RUNS, Place, PlaceError, RunningApp, folder, running};
pub use protocol::{
    About, Answer, Answered, Asked, Letter, Letters, LettersFailed, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES,
    MAX_SHOWN_BYTES, Request, VERSION,
};
pub use server::{IDLE_TIMEOUT, MAX_CLIENTS, OpenError, Server};
