//! The values that a build of a component that is not a crate is made from.

use std::path::PathBuf;

/// A component to build.
pub(crate) struct Work {
    /// The component's folder.
    pub(crate) folder: PathBuf,
    /// Where everything goes that is made of it.
    pub(crate) target: PathBuf,
    /// The folder of the contract.
    pub(crate) wit: PathBuf,
    /// The folder of what the component is linked with.
    pub(crate) sdk: PathBuf,
    /// The folder of the language's tools.
    pub(crate) tools: PathBuf,
    /// The file to make.
    pub(crate) wasm: PathBuf,
}

/// What differs between languages.
pub(crate) struct Recipe {
    /// The files that say which tools to install: what they are is part of their folder's name.
    pub(crate) pins: &'static [(&'static str, &'static str)],
    /// What a component is linked with.
    pub(crate) sdk: &'static [(&'static str, &'static str)],
}
