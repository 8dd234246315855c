//! The start of an app: its events and its errors.

use std::path::PathBuf;

use airssys_build::{BuildError, BuildEvent};
use airssys_spec::manifest::Diagnostics;

use crate::guest::engine::EngineError;
use crate::guest::load_error::LoadError;
use crate::guest::services::ServiceError;
use crate::host::error::SpawnError;
use crate::observe::audit::AuditError;
use crate::routing::state_folder::StateError;

/// A step of the start of an app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppEvent {
    /// A component that is a folder is being built.
    Build(BuildEvent),
    /// A component is being loaded, and compiled if it is new.
    Loading {
        /// Its name.
        component: String,
    },
    /// A component has been loaded, or cannot be loaded.
    Loaded {
        /// Its name.
        component: String,
    },
    /// A component is being started.
    Starting {
        /// Its name.
        component: String,
    },
}

/// Reasons for which an app does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartAppError {
    /// A component does not build.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component cannot be loaded.
    #[error("`{component}` cannot be loaded from {}", path.display())]
    Load {
        /// Its name in the app.
        component: String,
        /// Its `.wasm` file.
        path: PathBuf,
        /// The reason.
        source: LoadError,
    },
    /// Its audit cannot be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The table of a service is wrong.
    #[error(transparent)]
    Configure(#[from] Diagnostics),
    /// A service has no backend.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The supervisor of a group does not start.
    #[error("the group `{group}` cannot be started")]
    Group {
        /// Its name.
        group: String,
        /// The reason.
        source: airssys_rt::StartError,
    },
    /// A component does not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}
