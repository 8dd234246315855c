//! The kinds of rights, and the texts for each.

use serde::{Deserialize, Serialize};

/// The kinds of rights: one for each key of `[capabilities]` and `[grants.…]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Capability {
    /// Send messages.
    Send,
    /// Send requests.
    Request,
    /// Publish on topics.
    Publish,
    /// Subscribe to topics.
    Subscribe,
    /// Use a service of the host.
    Use,
    /// Send HTTP requests to servers.
    HttpOutgoing,
    /// Read a standard input.
    Input,
}

impl Capability {
    /// Every kind, in the order of the manifests' reference.
    pub const ALL: [Capability; 7] = [
        Self::Send,
        Self::Request,
        Self::Publish,
        Self::Subscribe,
        Self::Use,
        Self::HttpOutgoing,
        Self::Input,
    ];

    /// The kinds that are lists of patterns, and so can be given and revoked while an app runs.
    pub const LISTS: [Capability; 6] =
        [Self::Send, Self::Request, Self::Publish, Self::Subscribe, Self::Use, Self::HttpOutgoing];

    /// Returns the key in manifests.
    pub fn key(self) -> &'static str {
        self.row().0
    }

    /// Returns the verb before the object, as in "may not **send to** `x`".
    pub fn verb(self) -> &'static str {
        self.row().1
    }

    /// Returns an example of a pattern, as it is written in a manifest.
    pub fn example(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Send => ("send", "send to", "\"quake-parse\""),
            Self::Request => ("request", "send requests to", "\"quake-region\""),
            Self::Publish => ("publish", "publish on", "\"quakes.*\""),
            Self::Subscribe => ("subscribe", "subscribe to", "\"quakes.*\""),
            Self::Use => ("use", "use", "\"keyvalue/sessions:read\""),
            Self::HttpOutgoing => {
                ("http.outgoing", "send HTTP requests to", "\"https://api.example.com:443\"")
            }
            Self::Input => ("input", "read a standard input", "true"),
        }
    }
}
