//! The sources of the runtime configuration, in the order in which they prevail.

use std::path::{Path, PathBuf};

use airssys_wasm::manifest::{App, Diagnostics, Runtime, RuntimeSource, Variables};

use crate::args::Config;

/// The environment variable that names a file.
const VARIABLE: &str = "AIRSSYS_RUNTIME";

/// The name of the file beside `app.toml`.
const PROJECT: &str = "runtime.toml";

/// The folder for the data of embedded backends, beside `app.toml`, if the app names no state folder.
const DATA: &str = ".airssys";

/// The name of an option in reports.
const OPTION: &str = "--config";

/// Reads the runtime configuration of the app in a file: options on the command line, then the file that
/// the environment names, then files on the command line, then that of the project, then that of the user.
///
/// `app` is the loaded app, or `None` if it has mistakes.
pub(crate) fn load(config: &Config, file: &Path, app: Option<&App>) -> Result<Runtime, Diagnostics> {
    let mut found: Option<Diagnostics> = None;
    let mut sources = Vec::new();
    let mut add = |source: Result<Option<RuntimeSource>, Diagnostics>| match (source, &mut found) {
        (Ok(source), _) => sources.extend(source),
        (Err(more), Some(found)) => found.append(more),
        (Err(more), found) => *found = Some(more),
    };
    let (files, lines): (Vec<&String>, Vec<&String>) = config.config.iter().rev().partition(is_file);
    for line in lines {
        add(Ok(Some(RuntimeSource::new(OPTION, line.as_str()))));
    }
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        add(RuntimeSource::read(Path::new(&named)).map(Some));
    }
    for file in files {
        add(RuntimeSource::read(Path::new(file)).map(Some));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    add(RuntimeSource::read_if_exists(&folder.join(PROJECT)));
    if let Some(user) = user_file() {
        add(RuntimeSource::read_if_exists(&user).map(|source| source.map(RuntimeSource::shared)));
    }
    match found {
        Some(found) => Err(found),
        None => {
            let data = app.map(|app| app.state.clone().unwrap_or_else(|| folder.join(DATA)));
            Runtime::parse(sources, Variables::of_process(), data)
        }
    }
}

/// Returns true if an option names a file. A line of TOML has a `=`.
fn is_file(option: &&String) -> bool {
    !option.contains('=') || Path::new(option.as_str()).is_file()
}

/// Returns the file of the user.
fn user_file() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")))?;
    Some(folder.join("airssys").join(PROJECT))
}
