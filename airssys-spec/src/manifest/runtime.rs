//! The runtime file: which backend serves which label.

mod merged;
mod source;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use self::merged::Merged;
pub use self::source::RuntimeSource;
pub use self::tables::{BackendTable, LabelTable};
use super::diagnostic::Diagnostics;
use super::variables::Variables;

/// A runtime configuration: the tables `[backend.NAME]`, and the labels of each service.
///
/// ```
/// use airssys_spec::manifest::{Runtime, RuntimeSource, Variables};
///
/// let file = "[backend.main]\ntype = \"redis\"\nurl = { env = \"REDIS_URL\" }\n\n\
///             [keyvalue]\nsessions = \"main\"\n";
/// let line = "keyvalue.sessions = \"memory\"";
/// let sources = vec![RuntimeSource::new("--config", line), RuntimeSource::new("runtime.toml", file)];
/// let runtime = Runtime::parse(sources, Variables::of_process(), None)?;
/// assert_eq!(runtime.backends()[0].name(), "main");
/// assert_eq!(runtime.labels()[0].backend(), "memory");
/// # Ok::<(), airssys_spec::manifest::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
pub struct Runtime {
    merged: Arc<Merged>,
    backends: Vec<BackendTable>,
    labels: Vec<LabelTable>,
}

impl Default for Runtime {
    fn default() -> Runtime {
        let merged = Arc::new(Merged::new(Vec::new(), Variables::of_process(), None));
        Runtime { merged, backends: Vec::new(), labels: Vec::new() }
    }
}

impl Runtime {
    /// Reads the sources, the one that prevails first, and merges them: each key of a `[backend.NAME]`,
    /// and each label, is that of the first source that has it.
    ///
    /// `data` is the folder for the data of embedded backends, or `None` if there is no such folder.
    ///
    /// # Errors
    /// Every mistake in the form of the sources. The keys of backends and labels are read by
    /// [`BackendTable::read`] and [`LabelTable::read`].
    pub fn parse(
        sources: Vec<RuntimeSource>,
        variables: Variables,
        data: Option<PathBuf>,
    ) -> Result<Runtime, Diagnostics> {
        let merged = Arc::new(Merged::new(sources, variables, data));
        merged.check_syntax()?;
        let (backends, labels) = tables::read(&merged)?;
        Ok(Runtime { merged, backends, labels })
    }

    /// Returns the tables `[backend.NAME]`, in the order of the sources.
    pub fn backends(&self) -> &[BackendTable] {
        &self.backends
    }

    /// Returns the labels of all services, in the order of the sources.
    pub fn labels(&self) -> &[LabelTable] {
        &self.labels
    }

    /// Returns the table of a backend for which nothing is written.
    pub fn implied(&self, name: &str, kind: &str) -> BackendTable {
        BackendTable::implied(Arc::clone(&self.merged), name, kind)
    }

    /// Returns the entry of a label for which nothing is written.
    pub fn implied_label(&self, service: &str, label: &str, backend: &str) -> LabelTable {
        LabelTable::implied(Arc::clone(&self.merged), service, label, backend)
    }
}
