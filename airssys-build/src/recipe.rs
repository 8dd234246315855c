//! The inputs of building a component that is not a crate.

use std::path::PathBuf;

/// The folders and files of one build.
pub(crate) struct Work {
    /// The component's folder.
    pub(crate) folder: PathBuf,
    /// The folder of everything that the build makes.
    pub(crate) target: PathBuf,
    /// The folder of the contract.
    pub(crate) wit: PathBuf,
    /// The folder of the SDK that the component is linked with.
    pub(crate) sdk: PathBuf,
    /// The folder of the language's tools.
    pub(crate) tools: PathBuf,
    /// The file to make.
    pub(crate) wasm: PathBuf,
}

/// The tools and the SDK of a language.
pub(crate) struct Recipe {
    /// The files that pin the tools to install. A hash of them is part of the folder's name.
    pub(crate) pins: &'static [(&'static str, &'static str)],
    /// The files of the SDK that a component is linked with.
    pub(crate) sdk: &'static [(&'static str, &'static str)],
}
