//! The failures of calls, and the errors of services that they become.

use airssys_blobstore::BlobError;
use airssys_keyvalue::StoreError;
use async_nats::jetstream::ErrorCode;
use async_nats::{RequestError, RequestErrorKind, jetstream};

/// Reasons for which a call of the server fails. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the server does not answer in time")]
    Timeout,
    /// The server cannot be reached, the connection was lost, or JetStream does not answer.
    #[error("the connection is lost")]
    Unavailable,
    /// No server listens on the subject: the stream or JetStream is absent.
    #[error("JetStream does not answer; is it switched on?")]
    NoResponders,
    #[error("the stream does not exist")]
    NoStream,
    /// Another write came before.
    #[error("another write came before")]
    Conflict,
    /// The message is larger than the server or the stream allows.
    #[error("the message is too large")]
    TooLarge,
    /// The stream, the account or the disk is full.
    #[error("the stream or the server is full")]
    Full,
    /// The stream is another program's, and has settings that break a promise.
    #[error("a stream cannot be used: {0}")]
    Unfit(&'static str),
    /// The server answered with this code of JetStream, or with nothing that can be read (0).
    #[error("the server answered with the code {0}")]
    Refused(u64),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Failure {
        match error.kind() {
            RequestErrorKind::TimedOut => Failure::Timeout,
            RequestErrorKind::NoResponders => Failure::NoResponders,
            RequestErrorKind::MaxPayloadExceeded => Failure::TooLarge,
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => Failure::Unavailable,
        }
    }
}

impl From<&jetstream::Error> for Failure {
    fn from(error: &jetstream::Error) -> Failure {
        match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND => Failure::NoStream,
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode(10164) => Failure::Conflict,
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => Failure::TooLarge,
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MAXIMUM_CONSUMERS_LIMIT
            | ErrorCode::MAXIMUM_STREAMS_LIMIT => Failure::Full,
            // The stream is full, or the disk has failed: the text alone says which.
            ErrorCode::STREAM_STORE_FAILED if error.to_string().contains("maximum") => Failure::Full,
            ErrorCode::STREAM_STORE_FAILED
            | ErrorCode::CLUSTER_NOT_AVAILABLE
            | ErrorCode::CLUSTER_INCOMPLETE
            | ErrorCode::CLUSTER_NO_PEERS
            | ErrorCode::CLUSTER_NOT_ASSIGNED
            | ErrorCode::CLUSTER_NOT_LEADER
            | ErrorCode::JETSTREAM_NOT_ENABLED
            | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => Failure::Unavailable,
            ErrorCode(code) => Failure::Refused(code),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        match failure {
            Failure::Timeout => StoreError::Timeout,
            // A bucket that was deleted is created by the next call.
            Failure::Unavailable | Failure::NoResponders | Failure::NoStream => StoreError::Unavailable,
            Failure::Conflict => StoreError::PreconditionFailed,
            Failure::TooLarge => StoreError::QuotaExceeded("the server takes no value so large".to_owned()),
            Failure::Full => StoreError::QuotaExceeded("the bucket or the server is full".to_owned()),
            Failure::Unfit(reason) => StoreError::Other(format!("the bucket cannot be used: {reason}")),
            Failure::Refused(code) => StoreError::Other(format!("the server answered with the code {code}")),
        }
    }
}

impl From<Failure> for BlobError {
    fn from(failure: Failure) -> BlobError {
        match failure {
            Failure::Timeout => BlobError::Timeout,
            Failure::Unavailable | Failure::NoResponders => BlobError::Unavailable,
            Failure::NoStream => BlobError::NoSuchContainer,
            Failure::Conflict => BlobError::Other("too many other writers".to_owned()),
            Failure::TooLarge => BlobError::QuotaExceeded("the server takes no part so large".to_owned()),
            Failure::Full => BlobError::QuotaExceeded("the container or the server is full".to_owned()),
            Failure::Unfit(reason) => BlobError::Other(format!("the container cannot be used: {reason}")),
            Failure::Refused(code) => BlobError::Other(format!("the server answered with the code {code}")),
        }
    }
}
