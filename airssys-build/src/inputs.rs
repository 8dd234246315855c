//! The inputs of a build, as its tools report them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The inputs of a build, by their absolute paths.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The files that the build read.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Those of the files that the build writes itself, if it has to.
    pub(crate) written: BTreeSet<PathBuf>,
    /// The folder of packages that the build installs, and the time at which they were complete.
    pub(crate) installed: Option<(PathBuf, SystemTime)>,
    /// The files that the build looked for in vain. If one appears, the build has another result.
    pub(crate) absent: BTreeSet<PathBuf>,
    /// The files of the compiler and its settings.
    pub(crate) compiler: BTreeSet<PathBuf>,
    /// The variables of the environment that the build read.
    pub(crate) variables: BTreeSet<String>,
    /// False if the tools did not say all that they read.
    pub(crate) complete: bool,
}

/// The result of the tools.
pub(crate) struct Built {
    pub(crate) artifact: PathBuf,
    pub(crate) inputs: Inputs,
}

impl Inputs {
    pub(crate) fn new() -> Inputs {
        Inputs {
            files: BTreeSet::new(),
            written: BTreeSet::new(),
            installed: None,
            absent: BTreeSet::new(),
            compiler: BTreeSet::new(),
            variables: BTreeSet::new(),
            complete: true,
        }
    }

    /// Adds a file that the build reads if it exists. Returns true if it does.
    pub(crate) fn probe(&mut self, path: &Path) -> bool {
        let exists = path.is_file();
        let known = if exists { &mut self.files } else { &mut self.absent };
        known.insert(path.to_owned());
        exists
    }

    /// Adds these files of the folder and of each folder above it.
    pub(crate) fn probe_upwards(&mut self, folder: &Path, names: &[&str]) {
        for above in folder.ancestors() {
            for name in names {
                self.probe(&above.join(name));
            }
        }
    }
}
