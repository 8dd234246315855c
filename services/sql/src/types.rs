//! The types of `airssys:sql/types`, made from its WIT.

use std::fmt;

/// The generated code, which the bindings of the functions refer to.
#[allow(missing_docs, unreachable_pub)]
pub mod generated {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit/airssys",
        interfaces: "import airssys:sql/types@0.1.0;",
        wasmtime_crate: airssys_wasm::wasmtime,
        additional_derives: [PartialEq],
    });
}

pub use generated::airssys::sql::types::{Column, Date, Error, Row, Time, Timestamp, Value};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::AccessDenied => f.write_str("access is denied"),
            Error::ConnectionFailed(text) => write!(f, "the connection is refused: {text}"),
            Error::QueryFailed(text) => write!(f, "the statement is refused: {text}"),
            Error::ConstraintViolation(name) => write!(f, "the constraint `{name}` forbids it"),
            Error::TransactionFailed(text) => write!(f, "the transaction has failed: {text}"),
            Error::NotFound => f.write_str("the label has no database"),
            Error::Timeout => f.write_str("the call did not end in its time"),
            Error::Unavailable(text) => write!(f, "the database is unavailable: {text}"),
            Error::WrongType(text) => write!(f, "a type does not fit: {text}"),
            Error::LimitExceeded(text) => write!(f, "a limit is exceeded: {text}"),
            Error::DatabaseFull => f.write_str("the database is full"),
            Error::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
