//! The errors of stores.

/// Reasons for which a store fails. The texts are for logs and guests, so they contain no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An argument is not allowed, or a value is not a number.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// The condition of a write does not hold. Nothing was written.
    #[error("the condition does not hold")]
    PreconditionFailed,
    /// The call took too long. A write may have been done.
    #[error("timeout")]
    Timeout,
    /// The backend cannot be reached. A write may have been done, and is not repeated.
    #[error("unavailable")]
    Unavailable,
    /// The label or the backend is full. Nothing was written.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// Another reason.
    #[error("{0}")]
    Other(String),
}
