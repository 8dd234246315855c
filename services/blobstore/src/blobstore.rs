//! The type of the service.

/// The blob service. Its embedded default is the folder of [`Folder`](crate::Folder).
#[derive(Clone, Copy, Debug, Default)]
pub struct Blobstore;
