//! The errors of loading a component.

use std::fmt;
use std::path::PathBuf;

use crate::compile::ChildError;
use crate::compile::bounds::BoundExceeded;
use crate::guest::imports::airssys;
use crate::guest::pool::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// Errors of loading a component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The bytes are not a valid component.
    #[error("not a valid WebAssembly component: {hint}")]
    Invalid {
        /// The likely mistake, and how to mend it.
        hint: &'static str,
        /// The compiler's error.
        source: wasmtime::Error,
    },
    /// The component is valid, but larger than this host allows. The source names the limit.
    #[error(
        "exceeds a limit of this host: {MAX_CORE_INSTANCES} core instances, {MAX_MEMORIES} memories and \
         {MAX_TABLES} tables in a component, 1 GiB in a memory; compose it of fewer modules"
    )]
    TooLarge(#[source] wasmtime::Error),
    /// The component exceeds a bound that is checked before it is compiled.
    #[error("{0}")]
    BoundExceeded(BoundExceeded),
    /// The compiler's process has not compiled the component.
    #[error("cannot be compiled")]
    Compile(#[source] ChildError),
    /// The compiler's output cannot be loaded. The component may be valid.
    #[error(
        "was compiled, but the output cannot be loaded; the program that compiles must be built with the \
         same version of airssys-wasm"
    )]
    Code(#[source] wasmtime::Error),
    /// The component was built against another version of the contract.
    #[error(
        "was built against `{found}`, and this host provides `airssys:component@{VERSION}`; rebuild it with the SDK of this \
         airssys version",
        VERSION = airssys::VERSION
    )]
    OtherContract {
        /// The contract that it was built against.
        found: String,
    },
    /// The component imports interfaces that this host does not provide.
    #[error("imports functions that this host does not provide: {}", Names(.0))]
    UnknownImports(Vec<String>),
    /// The component imports a function whose type differs from the host's.
    #[error("an import does not fit the host")]
    ImportMismatch(#[source] wasmtime::Error),
    /// The component exports a function whose type differs from the contract's.
    #[error("the export {export} does not have the type that the contract defines")]
    ExportMismatch {
        /// The function.
        export: String,
        /// The difference.
        source: wasmtime::Error,
    },
    /// The component lacks exports of the contract, or of an interface that a service enters.
    #[error("lacks exports of the world `airssys:component/component@0.2.0`: {}", Names(.0))]
    MissingExports(Vec<String>),
}

/// The most names in the text of an error. A component can import hundreds of thousands.
const MAX_NAMES: usize = 16;

/// The most bytes of a name in the text of an error. The format allows 100,000.
const MAX_NAME_BYTES: usize = 200;

/// Names of a component in a text: the first ones, with their beginnings, and the number of the others.
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.0.iter().take(MAX_NAMES).enumerate() {
            let shown = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
            let (before, after) =
                (if number > 0 { ", " } else { "" }, if shown.len() < name.len() { "…" } else { "" });
            write!(f, "{before}{shown}{after}")?;
        }
        match self.0.len().checked_sub(MAX_NAMES) {
            None | Some(0) => Ok(()),
            Some(others) => write!(f, ", and {others} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_an_error_has_the_beginnings_of_some_names_and_the_number_of_the_others() {
        let names = |count: usize, bytes: usize| vec!["é".repeat(bytes / 2); count];
        let said = LoadError::UnknownImports(names(2, 4)).to_string();
        assert!(said.ends_with(": éé, éé"), "{said}");
        let said = LoadError::UnknownImports(names(200, 90_000)).to_string();
        assert!(said.len() < 4_000 && said.ends_with("…, and 184 more"), "{}", said.len());
        let said = LoadError::MissingExports(names(MAX_NAMES, 2)).to_string();
        assert!(said.ends_with(", é"), "{said}");
    }
}
