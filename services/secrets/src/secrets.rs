//! The type of the service.

/// The first segment of the service's rights.
pub(crate) const RIGHTS: &str = "secrets";

/// The service for secrets. Its embedded default is [`EncryptedFile`](crate::EncryptedFile).
#[derive(Clone, Copy, Debug, Default)]
pub struct Secrets;
