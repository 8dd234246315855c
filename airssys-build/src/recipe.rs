//! The inputs of building a component that is not a crate.

use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::files::write_all;
use crate::record::{build_folder, hash_of};

/// The contract against which components are built.
const WIT: &str = include_str!("../../wit/component.wit");

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
    /// The file to make.
    pub(crate) wasm: PathBuf,
}

impl Work {
    /// Writes the contract and the SDK for a build in this folder.
    pub(crate) fn prepare(folder: &Path, recipe: &Recipe) -> Result<Work, BuildError> {
        let target = build_folder(folder);
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let work = Work {
            folder: folder.to_owned(),
            wit: target.join("wit"),
            sdk: target.join("sdk"),
            wasm: target.join(format!("{name}.wasm")),
            target,
        };
        write_all(&work.wit, &[("component.wit", WIT)])?;
        write_all(&work.sdk, recipe.sdk)?;
        Ok(work)
    }
}

/// The tools and the SDK of a language.
pub(crate) struct Recipe {
    /// The files that pin the tools to install. A hash of them is part of the folder's name.
    pub(crate) pins: &'static [(&'static str, &'static str)],
    /// The files of the SDK that a component is linked with.
    pub(crate) sdk: &'static [(&'static str, &'static str)],
    /// The source of the steps of a build, so that other steps build every component again.
    pub(crate) steps: &'static str,
}

impl Recipe {
    /// Returns a hash of the program's part in a build.
    pub(crate) fn program(&self) -> String {
        hash_of((WIT, self.pins, self.sdk, self.steps))
    }
}
