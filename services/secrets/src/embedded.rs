//! The embedded backend: an encrypted file.

mod file;
mod product;
mod sealed;

pub use product::EncryptedFile;
