//! pip, run with settings of our own.
//!
//! A setting of the user can make pip install other packages, or into another folder. From the user's
//! settings, pip gets those by which it reaches an index of packages, and no others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::help::PYTHON as HELP;
use crate::process::{clean, run};

/// The version of Python inside a component.
pub(super) const VERSION: &str = "3.14";

/// Options that select packages for the Python inside a component: those written in Python alone.
const GUEST: [&str; 10] = [
    "--only-binary",
    ":all:",
    "--platform",
    "any",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--python-version",
    VERSION,
];

/// The settings by which pip reaches an index.
const CONNECTION: [&str; 15] = [
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "proxy",
    "cert",
    "client-cert",
    "retries",
    "timeout",
    "default-timeout",
    "resume-retries",
    "keyring-provider",
    "cache-dir",
    "no-cache-dir",
];

/// Installs packages of components into the folder `guest`, or tools if there is no such folder. Returns the
/// output of pip if it fails.
pub(super) fn install(
    tools: &Path,
    folder: &Path,
    requirements: &Path,
    guest: Option<&Path>,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Result<(), String>, BuildError> {
    let mut pip = pip(tools, folder);
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--require-hashes", "--requirement"]).arg(requirements);
    match guest {
        Some(folder) => pip.args(GUEST).args(["--no-deps", "--upgrade", "--target"]).arg(folder),
        None => pip.args(["--only-binary", ":all:"]),
    };
    isolate(&mut pip, tools, folder)?;
    let ran = run(pip, "pip", HELP, tell)?;
    Ok(if ran.success { Ok(()) } else { Err(ran.output()) })
}

/// Returns pip's report of the packages, in exact versions, that these dependencies of a component need. Returns
/// the output of pip if it fails.
pub(super) fn resolve(
    tools: &Path,
    folder: &Path,
    dependencies: &[String],
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Result<String, String>, BuildError> {
    let mut pip = pip(tools, folder);
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--dry-run", "--ignore-installed", "--report", "-"]);
    pip.args(GUEST).arg("--target").arg(folder.join("target/none"));
    isolate(&mut pip, tools, folder)?;
    pip.arg("--").args(dependencies);
    let ran = run(pip, "pip", HELP, tell)?;
    Ok(if ran.success { Ok(ran.stdout) } else { Err(ran.stderr) })
}

/// Keeps the user's settings away from pip, except those by which it reaches an index.
fn isolate(pip: &mut Command, tools: &Path, folder: &Path) -> Result<(), BuildError> {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIP_") {
            pip.env_remove(name);
        }
    }
    // pip takes this name for no file at all, neither of the user nor of the machine.
    pip.env("PIP_CONFIG_FILE", if cfg!(windows) { "nul" } else { "/dev/null" });
    pip.envs(settings(tools, folder)?);
    Ok(())
}

/// Makes a command that runs the pip of the tools. `-I` keeps the user's modules out.
fn pip(tools: &Path, folder: &Path) -> Command {
    let mut pip = clean(program(tools, "python"), folder);
    pip.args(["-I", "-m", "pip"]);
    pip
}

/// Returns the kept settings as variables. Asks pip for them, because it knows where the files are.
fn settings(tools: &Path, folder: &Path) -> Result<BTreeMap<String, String>, BuildError> {
    let mut pip = pip(tools, folder);
    pip.args(["config", "list", "--disable-pip-version-check"]);
    let listed = run(pip, "pip", HELP, &mut |_| {})?.stdout;
    Ok(kept(&listed))
}

/// Reads lines such as `global.index-url='https://…'`. Those of `install` come before those of `global`, and
/// those of the environment before both.
fn kept(listed: &str) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for section in ["global", "install", ":env:"] {
        for line in listed.lines() {
            let setting = line.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')?.split_once('='));
            let Some((name, value)) = setting.filter(|(name, _)| CONNECTION.contains(name)) else { continue };
            let value = value.trim().trim_matches(['\'', '"']);
            // A list has one value a line in a file, and a space between two in a variable.
            let value = value.replace("\\n", " ");
            let variable = name.to_uppercase().replace('-', "_");
            kept.insert(format!("PIP_{variable}"), value.trim().to_owned());
        }
    }
    kept
}

/// Returns the path of a program in the tools' virtual environment.
pub(super) fn program(tools: &Path, name: &str) -> PathBuf {
    let (folder, ending) = if cfg!(windows) { ("Scripts", ".exe") } else { ("bin", "") };
    tools.join("venv").join(folder).join(format!("{name}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_reach_an_index_are_kept_and_others_are_not() {
        let listed = "\
            :env:.cert='/etc/ssl/own.pem'\n\
            :env:.target='/opt/elsewhere'\n\
            global.cert='/etc/ssl/other.pem'\n\
            global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'\n\
            global.index-url='https://packages.example/simple'\n\
            install.index-url='https://own.example/simple'\n\
            global.user='true'\n\
            install.no-binary=':all:'\n";
        let expected = [
            ("PIP_CERT", "/etc/ssl/own.pem"),
            ("PIP_EXTRA_INDEX_URL", "https://one.example/simple https://two.example/simple"),
            ("PIP_INDEX_URL", "https://own.example/simple"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(kept(listed), BTreeMap::from(expected));
    }
}
