//! npm, run with settings of our own.
//!
//! A setting of the user can make a correct lock file install an incomplete set of packages, such as
//! `omit=optional`. From the user's settings, npm gets those by which it reaches a registry, and no others.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempPath;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, locked, read, read_text};
use crate::help::JAVASCRIPT as HELP;
use crate::javascript::project::LOCK;
use crate::process::{clean, run};
use crate::record::{create_build_folder, hash_of};

/// Installs exactly what the lock file says, and runs no scripts of packages. These options come before
/// every file of settings, also that of npm itself.
const INSTALL: [&str; 12] = [
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--include=prod",
    "--include=optional",
    "--install-links=false",
    "--install-strategy=hoisted",
    "--package-lock=true",
    "--bin-links=true",
    "--dry-run=false",
    "--loglevel=warn",
];

/// The settings by which npm reaches a registry.
const CONNECTION: [&str; 24] = [
    "registry",
    "replace-registry-host",
    "_auth",
    "_authtoken",
    "_password",
    "username",
    "email",
    "always-auth",
    "proxy",
    "http-proxy",
    "https-proxy",
    "noproxy",
    "no-proxy",
    "ca",
    "cafile",
    "cert",
    "key",
    "certfile",
    "keyfile",
    "strict-ssl",
    "local-address",
    "fetch-timeout",
    "maxsockets",
    "cache",
];

/// The result of npm: its output if it failed.
type Installed = Result<(), String>;

/// Installs the packages of the lock file in this folder.
pub(super) fn ci(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Installed, BuildError> {
    let settings = settings(folder)?;
    let mut npm = npm(folder, is_connection);
    npm.args(INSTALL);
    npm.env("npm_config_globalconfig", if cfg!(windows) { "nul" } else { "/dev/null" });
    let _given = give(&settings, &mut npm).map_err(file_error(&std::env::temp_dir()))?;
    let ran = run(npm, "npm", HELP, tell)?;
    Ok(if ran.success { Ok(()) } else { Err(ran.output()) })
}

/// Installs the packages of this folder's lock file, if the file or an archive in it has changed.
pub(super) fn ci_if_changed(
    folder: &Path,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Installed, BuildError> {
    // Other components of a workspace have the same packages.
    let _one_at_a_time = locked(&create_build_folder(folder)?.join("npm.lock"))?;
    let lock = folder.join(LOCK);
    let mut wanted = read(&lock).map_err(file_error(&lock))?;
    for archive in archives(folder) {
        wanted.extend(hash_of(read(&archive).unwrap_or_default()).into_bytes());
    }
    let installed = folder.join("node_modules/.airssys-lock");
    if read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(()));
    }
    if let Err(output) = ci(folder, tell)? {
        return Ok(Err(output));
    }
    std::fs::write(&installed, wanted).map_err(file_error(&installed))?;
    Ok(Ok(()))
}

/// Takes each `..` off the text of an absolute path, as the bundler and npm do: links before it do not
/// count.
pub(super) fn by_text(path: &Path) -> PathBuf {
    let mut taken = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(taken.pop()),
            other => taken.push(other),
        }
    }
    taken
}

/// Returns the packages in archives, such as `file:../left.tgz`, that the folder's lock file names.
pub(super) fn archives(folder: &Path) -> Vec<PathBuf> {
    let text = read(folder.join(LOCK)).unwrap_or_default();
    let lock: Value = serde_json::from_slice(&text).unwrap_or_default();
    let packages = lock.get("packages").and_then(Value::as_object);
    let resolved =
        packages.into_iter().flatten().filter_map(|(_, package)| package.get("resolved")?.as_str());
    let paths = resolved.filter_map(|resolved| resolved.strip_prefix("file:"));
    paths.map(|path| by_text(&folder.join(path))).collect()
}

/// Makes a command that runs npm with only those of its variables that are kept.
fn npm(folder: &Path, kept: fn(&str) -> bool) -> Command {
    let mut npm = clean(if cfg!(windows) { "npm.cmd" } else { "npm" }, folder);
    for (name, _) in std::env::vars_os() {
        if setting(&name).is_some_and(|setting| !kept(&setting)) || name == "NODE_ENV" {
            npm.env_remove(name);
        }
    }
    npm
}

/// Returns the setting that a variable of the environment sets. npm ignores the case of its letters.
fn setting(variable: &OsStr) -> Option<String> {
    let name = variable.to_string_lossy().to_lowercase();
    // Like npm, takes `_` for `-`, except at the start.
    name.strip_prefix("npm_config_").map(|setting| match setting.strip_prefix('_') {
        Some(rest) => format!("_{rest}"),
        None => setting.replace('_', "-"),
    })
}

/// Returns true if a setting helps to reach a registry. `//` begins a setting of one registry, and
/// `@scope:registry` names the registry of a scope.
fn is_connection(setting: &str) -> bool {
    let setting = setting.to_lowercase();
    let scope = setting.starts_with('@') && setting.ends_with(":registry");
    scope
        || setting.starts_with("//")
        || setting.starts_with("fetch-retr")
        || CONNECTION.contains(&setting.as_str())
}

/// Returns those of the user's and the machine's settings that are kept, as the text of an `.npmrc`.
fn settings(folder: &Path) -> Result<String, BuildError> {
    let mut settings = String::new();
    for source in files_of_user(folder)? {
        let text = read_text(source).unwrap_or_default();
        for line in text.lines().filter(|line| is_kept(line)) {
            settings.push_str(line);
            settings.push('\n');
        }
    }
    Ok(settings)
}

/// Gives npm these settings as its standard input. Returns the path of a file to remove afterwards, here
/// `None`.
///
/// They may have a password, so the file has no name: even if this process is killed, nothing of it is left.
/// Variables would not do, because they come before the component's own `.npmrc`.
#[cfg(unix)]
fn give(settings: &str, npm: &mut Command) -> io::Result<Option<TempPath>> {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile()?;
    file.write_all(settings.as_bytes())?;
    file.rewind()?;
    npm.stdin(file).env("npm_config_userconfig", "/dev/stdin");
    Ok(None)
}

/// Gives npm these settings in a file, which is removed when the returned value is dropped.
#[cfg(not(unix))]
fn give(settings: &str, npm: &mut Command) -> io::Result<Option<TempPath>> {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(settings.as_bytes())?;
    let path = file.into_temp_path();
    npm.env("npm_config_userconfig", &path);
    Ok(Some(path))
}

/// Returns true if a line of an `.npmrc` sets a setting that is kept.
fn is_kept(line: &str) -> bool {
    let name = line.split_once('=').map_or(line, |(name, _)| name);
    is_connection(name.trim().trim_end_matches("[]"))
}

/// Asks npm for the paths of the machine's settings and of the user's, which come later and win.
fn files_of_user(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut npm = npm(folder, |setting| matches!(setting, "userconfig" | "globalconfig" | "prefix"));
    npm.args(["config", "get", "globalconfig", "userconfig", "--json=false", "--loglevel=error"]);
    let ran = run(npm, "npm", HELP, &mut |_| {})?;
    let named = |line: &str| {
        let (name, path) = line.split_once('=')?;
        matches!(name, "globalconfig" | "userconfig").then(|| PathBuf::from(path))
    };
    Ok(ran.stdout.lines().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_reach_a_registry_are_kept_and_others_are_not() {
        for kept in [
            "registry=https://packages.example/npm/",
            "@shop:registry = https://packages.example/shop/",
            "//packages.example/npm/:_authToken=${TOKEN}",
            "https-proxy=http://proxy.example:3128",
            "cafile=/etc/ssl/own.pem",
            "ca[]=\"-----BEGIN CERTIFICATE-----\"",
            "strict-ssl=false",
            "fetch-retry-mintimeout = 100",
        ] {
            assert!(is_kept(kept), "{kept}");
        }
        for dropped in [
            "omit=optional",
            "optional = false",
            "omit[]=optional",
            "ignore-scripts=false",
            "os=plan9",
            "; registry",
            "prefix=/opt",
        ] {
            assert!(!is_kept(dropped), "{dropped}");
        }
    }

    #[test]
    fn variables_are_settings_whatever_their_case() {
        let setting = |name: &str| setting(OsStr::new(name));
        assert_eq!(setting("npm_config_omit").as_deref(), Some("omit"));
        assert_eq!(setting("NPM_CONFIG_HTTPS_PROXY").as_deref(), Some("https-proxy"));
        assert_eq!(setting("npm_config__authToken").as_deref(), Some("_authtoken"));
        assert_eq!(setting("npm_lifecycle_event"), None);
    }
}
