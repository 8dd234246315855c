//! The errors of containers.

/// Reasons for which a call fails. The texts reach guests, so they contain no secret and no path of the
/// host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The component lacks the right, whether or not the container exists.
    #[error("access denied")]
    AccessDenied,
    /// The container does not exist.
    #[error("no such container")]
    NoSuchContainer,
    /// The object does not exist.
    #[error("no such object")]
    NoSuchObject,
    /// An argument is not allowed.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// The call took too long. A write may have been done.
    #[error("timeout")]
    Timeout,
    /// The backend cannot be reached. A write may have been done, and is not repeated.
    #[error("unavailable")]
    Unavailable,
    /// The container or the backend is full. Nothing was written.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// Another reason.
    #[error("{0}")]
    Other(String),
}
