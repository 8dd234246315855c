//! The errors of SQLite as those of the interface.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::sqlite::authorizer::{Decisions, Refusal};
use crate::values::Error;

/// Returns the error of a call on a connection with these decisions.
pub(super) fn error(error: rusqlite::Error, decisions: &Decisions) -> Error {
    use rusqlite::Error as Sqlite;
    match decisions.take_refusal() {
        Some(Refusal::Writes) => return Error::AccessDenied,
        Some(Refusal::Forbidden(reason)) => return Error::QueryFailed(reason.to_owned()),
        None => {}
    }
    match error {
        Sqlite::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            of_code(failure, message)
        }
        Sqlite::SqlInputError { error, msg, .. } => of_code(error, msg),
        Sqlite::MultipleStatement => Error::QueryFailed("a call has one statement".to_owned()),
        other => Error::QueryFailed(other.to_string()),
    }
}

fn of_code(failure: ffi::Error, message: String) -> Error {
    if failure.extended_code == ffi::SQLITE_CONSTRAINT_DATATYPE {
        return Error::WrongType(message);
    }
    match failure.code {
        ErrorCode::ConstraintViolation => Error::ConstraintViolation(constraint(&message)),
        // The authorizer has refused the statements of connections that only read.
        ErrorCode::ReadOnly => Error::Other("the host may not write the file of the database".to_owned()),
        ErrorCode::OperationInterrupted | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::Timeout
        }
        ErrorCode::DiskFull => Error::DatabaseFull,
        ErrorCode::TooBig => Error::LimitExceeded(message),
        // SQLite has rolled the transaction back, so it must not go on.
        ErrorCode::OutOfMemory => Error::QueryFailed(
            "it needs more memory than SQLite has; select fewer or smaller values".to_owned(),
        ),
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => Error::Unavailable(message),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Other(message),
        _ => Error::QueryFailed(message),
    }
}

/// Returns the part of a message that names the constraint: `UNIQUE constraint failed: orders.id`.
fn constraint(message: &str) -> String {
    match message.split_once(" constraint failed") {
        Some((_, named)) if !named.is_empty() => named.trim_start_matches(": ").to_owned(),
        Some((kind, _)) => kind.to_lowercase(),
        None => message.to_owned(),
    }
}
