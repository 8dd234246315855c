//! The errors of the client library as those of stores.

use airssys_keyvalue::StoreError;
use airssys_wasm::FailureLog;
use redis::{ErrorKind, RedisError};

/// The code with which a script refuses to read a value or a batch that is too large.
pub(crate) const LARGE: &str = "AIRSSYSLARGE";

/// Translates an error. Texts of the server go to the log only, because they may have keys and addresses.
pub(crate) fn translate(error: &RedisError, log: &FailureLog) -> StoreError {
    if error.is_timeout() {
        return StoreError::Timeout;
    }
    match error.code() {
        Some(LARGE) => return invalid("the values are larger than a call may return"),
        Some("WRONGTYPE") => return invalid("the key holds a value that is not a string"),
        Some("OOM") => return StoreError::QuotaExceeded("the server has no memory left".to_owned()),
        _ => {}
    }
    let detail = error.detail().unwrap_or_default();
    if detail.contains("not an integer") {
        return invalid("the value is not a decimal number of 64 bits");
    }
    if detail.contains("overflow") {
        return invalid("the sum does not fit 64 bits");
    }
    log.failed(error);
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension if !is_absent(error) => {
            let code = error.code().unwrap_or("an error");
            StoreError::Other(format!("the server answered {code}"))
        }
        ErrorKind::UnexpectedReturnType => StoreError::Other("the server gave an unknown answer".to_owned()),
        _ => StoreError::Unavailable,
    }
}

/// Returns true if the server answers, and cannot serve anyone at present.
fn is_absent(error: &RedisError) -> bool {
    let codes =
        ["LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH", "WRONGPASS", "NOPERM"];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Returns true if a connection whose setup failed with this error would never be made again by the
/// library, which retries after errors of the network only.
pub(crate) fn is_stuck(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || is_absent(error)
}

fn invalid(text: &str) -> StoreError {
    StoreError::InvalidArgument(text.to_owned())
}
