//! What can be asked over the control socket, and what is answered.

use serde::{Deserialize, Serialize};

use crate::snapshot::AppSnapshot;

/// The version of the protocol. A server refuses every other.
pub const VERSION: u32 = 1;

/// The longest request, in bytes with its line end.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The longest answer, in bytes with its line end.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A request as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// What is asked.
    pub request: Request,
}

/// An answer as it is sent: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// [`VERSION`].
    pub version: u32,
    /// What is answered.
    pub answer: Answer,
}

/// What can be asked of a running app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// Which app it is: [`Answer::About`].
    About,
    /// How the app is: [`Answer::Snapshot`].
    Snapshot,
}

/// What a running app answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// To [`Request::About`].
    About(About),
    /// To [`Request::Snapshot`].
    Snapshot(Box<AppSnapshot>),
    /// To whatever cannot be done, or is not understood.
    Failed {
        /// Why not, for people.
        message: String,
    },
}

/// Which app it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The app's name.
    pub app: String,
    /// The process that it runs in.
    pub process: u32,
    /// The version of airssys.
    pub version: String,
    /// Its components, in the order of their names.
    pub components: Vec<String>,
}
