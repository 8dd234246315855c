//! The errors of lockers.

/// Reasons for which a locker fails. The texts are for logs and guests, so they contain no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// An argument is not allowed, or a value is larger than a call may return.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// The call took too long. A write may have been done.
    #[error("timeout")]
    Timeout,
    /// The backend cannot be reached. A write may have been done, and is not repeated.
    #[error("unavailable")]
    Unavailable,
    /// The locker or the backend is full. Nothing was written.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// Another reason.
    #[error("{0}")]
    Other(String),
}
