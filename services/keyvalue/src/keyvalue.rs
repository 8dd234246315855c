//! The type of the service.

/// The first segment of the service's rights.
pub(crate) const RIGHTS: &str = "keyvalue";

/// The key-value service. Its embedded default is the file of [`File`](crate::File).
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;
