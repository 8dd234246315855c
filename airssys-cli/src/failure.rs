//! The failures of commands, and their exit statuses.

mod text;

use std::error::Error;
use std::io;

use airssys_wasm::builder::BuildError;
use airssys_wasm::manifest::Diagnostics;

use crate::signals::EndSignal;

pub(crate) use text::with_causes;

type Cause = Box<dyn Error + Send + Sync>;

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Manifest(#[from] Diagnostics),
    #[error("{message}")]
    Misfit { message: String, source: Cause },
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("{message}")]
    Run { message: String, source: Cause },
    #[error(transparent)]
    Usage(Cause),
    #[error("the standard output cannot be written, so the result is incomplete")]
    Output(#[source] io::Error),
    /// A signal stopped an app in order.
    #[error("stopped by {}", .signal.name())]
    Stopped { signal: EndSignal, status: u8 },
}

impl Failure {
    pub(crate) fn run(message: impl Into<String>, source: impl Into<Cause>) -> Failure {
        Failure::Run { message: message.into(), source: source.into() }
    }

    pub(crate) fn misfit(message: impl Into<String>, source: impl Into<Cause>) -> Failure {
        Failure::Misfit { message: message.into(), source: source.into() }
    }

    pub(crate) fn usage(source: impl Into<Cause>) -> Failure {
        Failure::Usage(source.into())
    }

    /// The exit status: 0 only for a service that was stopped as usual.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Run { .. } | Failure::Output(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Manifest(_) | Failure::Misfit { .. } => 3,
            Failure::Build(_) => 4,
            Failure::Stopped { status, .. } => *status,
        }
    }
}
