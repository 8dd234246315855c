//! The errors of MySQL and MariaDB as those of the interface.

use airssys_sql::Error;
use deadpool::managed::{PoolError, TimeoutType};
use mysql_async::ServerError;

/// Returns the error of a call.
pub(crate) fn error(error: mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(found) => of_server(found),
        // The connection is not used again.
        other => Error::Unavailable(other.to_string()),
    }
}

/// Returns the error of an attempt to connect, for the operator.
pub(crate) fn connecting(error: mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(found) => match found.code {
            1040 | 1053 | 1129 | 1203 | 1226 => Error::Unavailable(found.message),
            _ => Error::ConnectionFailed(found.message),
        },
        other => Error::Unavailable(format!("the server cannot be reached: {other}")),
    }
}

/// Returns the error of an attempt to connect as components see it. The reason is the operator's: it
/// names servers, databases and users.
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
        PoolError::Timeout(TimeoutType::Wait | TimeoutType::Create) => Error::Timeout,
        other => Error::Unavailable(other.to_string()),
    }
}

fn of_server(found: ServerError) -> Error {
    let ServerError { code, message, .. } = found;
    match code {
        // A statement that writes in a transaction that only reads.
        1792 => Error::AccessDenied,
        1048 | 1364 => Error::ConstraintViolation(between(&message, "'", "'")),
        1022 | 1062 | 1169 | 1586 => Error::ConstraintViolation(between(&message, "for key '", "'")),
        1216 | 1217 | 1451 | 1452 | 4025 => Error::ConstraintViolation(between(&message, "`", "`")),
        3819 => Error::ConstraintViolation(between(&message, "'", "'")),
        1264 | 1265 | 1292 | 1366 | 1367 | 1406 | 1411 => Error::WrongType(message),
        // The server has rolled the transaction back.
        1020 | 1206 | 1213 => Error::TransactionFailed(message),
        1205 | 1969 | 3024 => Error::Timeout,
        1021 | 1114 => Error::DatabaseFull,
        1038 | 1041 | 1118 | 1153 | 1301 => Error::LimitExceeded(message),
        1040 | 1053 | 1080 | 1152 | 1184 | 1203 | 1226 | 1317 | 1927 => Error::Unavailable(message),
        _ => Error::QueryFailed(message),
    }
}

/// Returns the name that a message has between two marks, behind the word `CONSTRAINT` if it has that.
fn between(message: &str, begin: &str, end: &str) -> String {
    let from = message.find("CONSTRAINT ").map_or(0, |at| at + "CONSTRAINT ".len());
    let named = message[from..].split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    named.map_or_else(|| message.to_owned(), |(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_named() {
        for (code, message, name) in [
            (1062, "Duplicate entry '1' for key 'PRIMARY'", "PRIMARY"),
            (1048, "Column 'n' cannot be null", "n"),
            (4025, "CONSTRAINT `n_is_small` failed for `orders`.`constrained`", "n_is_small"),
            (3819, "Check constraint 'n_is_small' is violated.", "n_is_small"),
            (
                1452,
                "Cannot add or update a child row: a foreign key constraint fails (`a`.`b`, CONSTRAINT `of_parent` \
                 FOREIGN KEY (`parent`) REFERENCES `c` (`id`))",
                "of_parent",
            ),
        ] {
            let found = of_server(ServerError { code, message: message.to_owned(), state: String::new() });
            assert_eq!(found, Error::ConstraintViolation(name.to_owned()), "{message}");
        }
    }
}
