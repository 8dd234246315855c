//! The errors of the client library as those of containers.

use airssys_blobstore::BlobError;
use airssys_wasm::FailureLog;
use object_store::Error;

/// Translates an error. Texts of the server may have keys and addresses, so they do not reach guests.
pub(crate) fn translate(error: &Error, log: &FailureLog) -> BlobError {
    let translated = known(error);
    if matches!(translated, BlobError::Unavailable | BlobError::Other(_)) {
        log.failed(error);
    }
    translated
}

fn known(error: &Error) -> BlobError {
    match error {
        Error::NotFound { .. } => BlobError::NoSuchObject,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            BlobError::Other("the server denies the operation".to_owned())
        }
        Error::Precondition { .. } | Error::AlreadyExists { .. } | Error::NotModified { .. } => {
            BlobError::Other("the object was replaced meanwhile".to_owned())
        }
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            BlobError::Other("the server does not support the operation".to_owned())
        }
        _ => BlobError::Unavailable,
    }
}
