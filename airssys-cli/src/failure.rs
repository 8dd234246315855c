//! How a command failed, and the exit status that says so.

use std::error::Error;
use std::process::ExitCode;

use airssys_wasm::builder::BuildError;
use airssys_wasm::manifest::Diagnostics;

type Cause = Box<dyn Error + Send + Sync>;

/// How a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Manifest(#[from] Diagnostics),
    #[error("{what}")]
    Misfit { what: String, source: Cause },
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("{what}")]
    Run { what: String, source: Cause },
    #[error(transparent)]
    Usage(Cause),
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    pub(crate) fn run(what: impl Into<String>, source: impl Into<Cause>) -> Failure {
        Failure::Run { what: what.into(), source: source.into() }
    }

    pub(crate) fn misfit(what: impl Into<String>, source: impl Into<Cause>) -> Failure {
        Failure::Misfit { what: what.into(), source: source.into() }
    }

    pub(crate) fn usage(source: impl Into<Cause>) -> Failure {
        Failure::Usage(source.into())
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Run { .. } => 1,
            Failure::Usage(_) => 2,
            Failure::Manifest(_) | Failure::Misfit { .. } => 3,
            Failure::Build(_) => 4,
            Failure::Interrupted => 130,
        })
    }
}
