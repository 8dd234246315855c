//! Decides about each action of a statement when SQLite compiles it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::database::Access;

/// Pragmas that only read, about a table or an index if they have a value.
const READ_PRAGMAS: [&str; 14] = [
    "collation_list",
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "page_count",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that are numbers in the file, which a component may write.
const NUMBER_PRAGMAS: [&str; 2] = ["application_id", "user_version"];

/// Modules of virtual tables that keep their rows in the file.
const MODULES: [&str; 2] = ["fts5", "rtree"];

/// A reason for which a statement was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It writes, on a connection that only reads.
    Writes,
    /// It does something that no component may do.
    Forbidden(&'static str),
}

/// The decisions on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Decisions {
    /// True while the host runs a statement of its own.
    own: Arc<AtomicBool>,
    /// True while a statement is compiled that does not run.
    describes: Arc<AtomicBool>,
    refusal: Arc<Mutex<Option<Refusal>>>,
}

impl Decisions {
    /// Returns the function that decides.
    pub(super) fn authorizer(
        &self,
        access: Access,
    ) -> impl for<'r> FnMut(AuthContext<'r>) -> Authorization + Send + 'static {
        let decisions = self.clone();
        move |context| {
            if decisions.own.load(Ordering::Relaxed) {
                return Authorization::Allow;
            }
            let describes = decisions.describes.load(Ordering::Relaxed);
            match decide(if describes { Access::Write } else { access }, &context.action) {
                Ok(()) => Authorization::Allow,
                Err(refusal) => {
                    *decisions.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
                    Authorization::Deny
                }
            }
        }
    }

    /// Runs statements of the host, which may do everything.
    pub(super) fn as_host<T>(&self, run: impl FnOnce() -> T) -> T {
        self.own.store(true, Ordering::Relaxed);
        let result = run();
        self.own.store(false, Ordering::Relaxed);
        result
    }

    /// Compiles a statement that writes and does not run, also on a connection that only reads.
    pub(super) fn describe<T>(&self, compile: impl FnOnce() -> T) -> T {
        self.describes.store(true, Ordering::Relaxed);
        let result = compile();
        self.describes.store(false, Ordering::Relaxed);
        result
    }

    /// Takes the reason of the last refusal.
    pub(super) fn take_refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn decide(access: Access, action: &AuthAction<'_>) -> Result<(), Refusal> {
    match action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Recursive
        | AuthAction::Savepoint { .. } => Ok(()),
        AuthAction::Function { function_name } if *function_name == "load_extension" => {
            Err(Refusal::Forbidden("extensions cannot be loaded"))
        }
        AuthAction::Function { .. } => Ok(()),
        AuthAction::Pragma { pragma_name, pragma_value } => pragma(access, pragma_name, *pragma_value),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => {
            Err(Refusal::Forbidden("another file cannot be attached, which VACUUM needs too"))
        }
        AuthAction::Transaction { .. } => {
            Err(Refusal::Forbidden("a statement cannot begin or end a transaction; call `begin`"))
        }
        AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => {
            Err(Refusal::Forbidden("a temporary table would be seen by the next user of the connection"))
        }
        _ if access == Access::Read => Err(Refusal::Writes),
        AuthAction::CreateVtable { module_name, .. }
            if !MODULES.iter().any(|module| module.eq_ignore_ascii_case(module_name)) =>
        {
            Err(Refusal::Forbidden("virtual tables are those of fts5 and rtree"))
        }
        AuthAction::Unknown { .. } => Err(Refusal::Forbidden("the action is unknown")),
        _ => Ok(()),
    }
}

fn pragma(access: Access, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let name = name.to_ascii_lowercase();
    if READ_PRAGMAS.contains(&name.as_str()) {
        return Ok(());
    }
    match (NUMBER_PRAGMAS.contains(&name.as_str()), value, access) {
        (true, None, _) | (true, Some(_), Access::Write) => Ok(()),
        (true, Some(_), Access::Read) => Err(Refusal::Writes),
        (false, ..) => Err(Refusal::Forbidden("this PRAGMA is a setting of the host")),
    }
}
