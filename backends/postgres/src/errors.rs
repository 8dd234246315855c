//! The errors of PostgreSQL as those of the interface.

use std::error::Error as _;
use std::io;

use airssys_sql::Error;
use deadpool::managed::{PoolError, TimeoutType};
use tokio_postgres::error::DbError;

/// A value that does not fit the type of a parameter or column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misfit(pub(crate) String);

/// Returns the error of a call.
pub(crate) fn error(error: tokio_postgres::Error) -> Error {
    if let Some(found) = error.as_db_error() {
        return of_database(found);
    }
    let source = error.source();
    if let Some(misfit) = source.and_then(|source| source.downcast_ref::<Misfit>()) {
        return Error::WrongType(misfit.0.clone());
    }
    let text = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    match error.is_closed() || source.is_some_and(|source| source.is::<io::Error>()) {
        true => Error::Unavailable(text),
        false => Error::Other(text),
    }
}

/// Returns the error of an attempt to connect.
pub(crate) fn connecting(error: &io::Error) -> Error {
    Error::Unavailable(format!("PostgreSQL cannot be reached: {error}"))
}

/// Returns the error of an attempt to connect as components see it. The reason is the operator's: it
/// names servers, databases and roles.
pub(crate) fn of_connecting(error: &Error) -> Error {
    match error {
        Error::ConnectionFailed(_) => Error::ConnectionFailed("the server refuses the host".to_owned()),
        _ => Error::Unavailable("the database cannot be reached".to_owned()),
    }
}

/// Returns the error of a pool.
pub(crate) fn of_pool(error: PoolError<Error>) -> Error {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) => Error::Timeout,
        other => Error::Unavailable(other.to_string()),
    }
}

fn of_database(found: &DbError) -> Error {
    let (code, message) = (found.code().code(), found.message().to_owned());
    match code {
        "25006" => Error::AccessDenied,
        "57014" | "55P03" => Error::Timeout,
        "57P01" | "57P02" | "57P03" | "53300" => Error::Unavailable(message),
        "53100" => Error::DatabaseFull,
        "25001" => Error::QueryFailed(message),
        _ => match &code[..2] {
            "23" => {
                let name = found.constraint().or(found.column()).map(str::to_owned);
                Error::ConstraintViolation(name.unwrap_or(message))
            }
            "25" | "40" => Error::TransactionFailed(message),
            "08" => Error::Unavailable(message),
            "28" | "3D" => Error::ConnectionFailed(message),
            "53" | "54" => Error::LimitExceeded(message),
            _ => Error::QueryFailed(message),
        },
    }
}

/// The error of a statement that was compiled before its table was changed. It is the host's own, because
/// messages of the server may be in another language.
const STALE: &str = "the table was changed since the statement was compiled";

pub(crate) fn stale() -> Error {
    Error::TransactionFailed(STALE.to_owned())
}

/// Returns true if a statement has to be compiled anew.
pub(crate) fn is_stale(error: &Error) -> bool {
    matches!(error, Error::TransactionFailed(text) if text == STALE)
}
