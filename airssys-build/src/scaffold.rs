//! Templates of new components and apps.

mod dependencies;
mod error;
mod folders;
mod template;
mod workspace;

use std::path::{Path, PathBuf};

use crate::language::Language;
use crate::sdk;

use dependencies::Dependencies;
pub use dependencies::Patch;
pub use error::ScaffoldError;
use folders::{check_empty, check_name, settled, write};
use template::{APP, APP_RUST, COMPONENT, GREETER, MANIFEST, VISITOR};
pub use workspace::Around;
use workspace::Workspace;

/// The effects of making a component or an app beyond its own files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its part in the cargo workspace around it, if it has one.
    pub around: Option<Around>,
    /// The settings of cargo that take the SDK from a folder.
    pub patch: Option<Patch>,
}

/// Makes a component in a new or empty folder. It has the folder's name, and builds and runs as
/// it is.
///
/// A crate asks for the released SDK of this version. `sdk` is the folder of the SDK's crate; by default
/// it is in the source tree of this library, if that exists. A crate in the same repository depends on it by
/// a relative path. For others, settings of cargo that git ignores name the folder. Within a cargo
/// workspace, a crate joins it. Other languages get their SDK from the builder.
///
/// # Errors
/// [`ScaffoldError`]; no file is overwritten. Only the manifest of a workspace around it may change.
pub fn component(folder: &Path, language: Language, sdk: Option<&Path>) -> Result<Created, ScaffoldError> {
    let folder = &settled(folder);
    let name = check_name(folder, language)?;
    let sdk = sdk_folder(language, sdk)?;
    check_empty(folder)?;
    let around = Workspace::around(folder)?;
    if language != Language::Rust {
        let dependencies = Dependencies::of_workspace();
        write(folder, &[COMPONENT, MANIFEST, GREETER.of(language)], |text| dependencies.fill(text, &name))?;
        return Ok(Created { around: keep_out(around, folder)?, patch: None });
    }
    let dependencies = Dependencies::new(folder, around.as_ref(), sdk.as_deref());
    write(folder, &[COMPONENT, MANIFEST, GREETER.of(language)], |text| dependencies.fill(text, &name))?;
    let root = around.as_ref().map_or(folder.as_path(), Workspace::folder);
    let patch = dependencies.patch(root, folder)?;
    // A list such as `*` covers the folder of the settings too.
    let settings = patch.as_ref().and_then(|patch| patch.file.parent());
    let settle = |around: Workspace| around.settle(Some(folder), settings.as_slice());
    Ok(Created { around: around.map(settle).transpose()?, patch })
}

/// Makes an app with two components in a new or empty folder, which gives it its name. It builds and runs as
/// it is: one component asks the other for a greeting, and the app ends.
///
/// Crates are in a cargo workspace of the app, so their dependencies are compiled once. The SDK is found as
/// by [`component`].
///
/// # Errors
/// [`ScaffoldError`]; no file is overwritten. Only the manifest of a workspace around it may change.
pub fn app(folder: &Path, language: Language, sdk: Option<&Path>) -> Result<Created, ScaffoldError> {
    let folder = &settled(folder);
    let name = check_name(folder, language)?;
    let sdk = sdk_folder(language, sdk)?;
    check_empty(folder)?;
    let around = Workspace::around(folder)?;
    let dependencies = Dependencies::new(folder, None, sdk.as_deref());
    let own: &[_] = if language == Language::Rust { &[APP, APP_RUST] } else { &[APP] };
    write(folder, own, |text| dependencies.fill(text, &name))?;
    let inherited = Dependencies::of_workspace();
    for (name, template) in [("greeter", GREETER), ("visitor", VISITOR)] {
        let component = folder.join("components").join(name);
        write(&component, &[template.manifest, template.of(language)], |text| inherited.fill(text, name))?;
    }
    Ok(Created { around: keep_out(around, folder)?, patch: dependencies.patch(folder, folder)? })
}

/// Keeps a folder out of the workspace around it, which would take it for a crate if its list covers it.
fn keep_out(around: Option<Workspace>, folder: &Path) -> Result<Option<Around>, ScaffoldError> {
    let Some(around) = around else { return Ok(None) };
    let around = around.settle(None, &[folder])?;
    Ok((!around.excluded.is_empty()).then_some(around))
}

/// Returns the folder of the SDK for a language that is linked with a crate. A named one must exist.
fn sdk_folder(language: Language, named: Option<&Path>) -> Result<Option<PathBuf>, ScaffoldError> {
    match (language, named) {
        (Language::Rust, Some(named)) => {
            let found = sdk::folder(named);
            found.map(Some).ok_or_else(|| ScaffoldError::NoSdk { folder: named.to_owned() })
        }
        (Language::Rust, None) => Ok(sdk::own_folder()),
        _ => Ok(None),
    }
}
