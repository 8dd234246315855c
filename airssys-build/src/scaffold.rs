//! Templates of new components.

use std::path::{Path, PathBuf};

use airssys_spec::HOST_NAME;
use airssys_spec::pattern::{InvalidName, check_component_name};

use crate::language::Language;

/// The path and the text of a file, with `{name}` and `{sdk}` to fill in.
type Template = (&'static str, &'static str);

const RUST: &[Template] = &[
    ("Cargo.toml", include_str!("scaffold/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("scaffold/lib.rs.txt")),
    (".gitignore", "target/\n"),
];

const JAVASCRIPT: &[Template] = &[
    ("package.json", include_str!("scaffold/package.json.txt")),
    ("jsconfig.json", include_str!("scaffold/jsconfig.json.txt")),
    ("src/main.js", include_str!("scaffold/main.js.txt")),
    (".gitignore", "node_modules/\ntarget/\n"),
];

const PYTHON: &[Template] = &[
    ("pyproject.toml", include_str!("scaffold/pyproject.toml.txt")),
    ("src/main.py", include_str!("scaffold/main.py.txt")),
    (".gitignore", "__pycache__/\ntarget/\n"),
];

/// The files that a component has in any language.
const MANIFESTS: [Template; 2] = [
    ("Component.toml", include_str!("scaffold/Component.toml.txt")),
    ("app.toml", include_str!("scaffold/app.toml.txt")),
];

/// Names that cargo refuses for a crate, and names of the template's dependencies.
const RESERVED: [&str; 42] = [
    "abstract",
    "airssys-sdk",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "super",
    "test",
];

/// Reasons for which a new component was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The folder's name cannot be a component's.
    #[error("`{name}` cannot be a component's name")]
    Name {
        /// The folder's name.
        name: String,
        /// The rule that the name breaks.
        source: InvalidName,
    },
    /// The name is reserved by Rust, the SDK or the host.
    #[error(
        "`{name}` cannot be a component's name, because Rust, the SDK or the host uses it; choose another"
    )]
    Reserved {
        /// The folder's name.
        name: String,
    },
    /// The folder exists and is not empty.
    #[error("{} exists already, and is not empty; name a new folder", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of the SDK holds no SDK.
    #[error("{} holds no airssys-sdk crate; name its folder with --sdk", folder.display())]
    NoSdk {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// Returns the folder of the SDK in the source tree of this library. It may no longer exist.
pub fn own_sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../airssys-sdk")
}

/// Makes a component in a new or empty folder. It has the folder's name, and builds and runs as
/// it is.
///
/// `sdk` is the folder of the crate on which a component in Rust depends. Other languages get
/// their SDK from the builder.
///
/// # Errors
/// [`ScaffoldError`]; no file is overwritten.
pub fn make(folder: &Path, language: Language, sdk: &Path) -> Result<(), ScaffoldError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_component_name(&name).map_err(|source| ScaffoldError::Name { name: name.clone(), source })?;
    let reserved = language == Language::Rust && RESERVED.contains(&name.as_str());
    if reserved || name == HOST_NAME {
        return Err(ScaffoldError::Reserved { name });
    }
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(ScaffoldError::Exists { folder: folder.to_owned() });
    }
    let (files, sdk) = match language {
        Language::Rust => {
            let found = sdk.canonicalize().ok().filter(|sdk| sdk.join("Cargo.toml").is_file());
            let sdk = found.ok_or_else(|| ScaffoldError::NoSdk { folder: sdk.to_owned() })?;
            (RUST, toml_string(&sdk))
        }
        Language::JavaScript => (JAVASCRIPT, String::new()),
        Language::Python => (PYTHON, String::new()),
    };
    for (file, text) in MANIFESTS.iter().chain(files) {
        let path = folder.join(file);
        let text = text.replace("{name}", &name).replace("{sdk}", &sdk);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = made.and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| ScaffoldError::Write { path, source })?;
    }
    Ok(())
}

/// Returns a path as a TOML string.
fn toml_string(path: &Path) -> String {
    toml::Value::from(path.to_string_lossy().as_ref()).to_string()
}
