//! Components in Python, made by componentize-py.

use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::file_error;
use crate::language::Language;
use crate::process::{clean, run};
use crate::recipe::{Recipe, Work};
use crate::tools;

pub(crate) const RECIPE: Recipe = Recipe {
    pins: &[("build.txt", include_str!("py/build.txt")), ("guest.txt", include_str!("py/guest.txt"))],
    sdk: &[("airssys.py", include_str!("py/airssys.py"))],
};

const HELP: &str = "components in Python are built with Python 3.9 or later and its venv and pip: install them with \
                    your system's package manager (on Debian: apt-get install python3 python3-venv)";

/// The folder, among the tools, of the packages that every component has.
const GUEST_PACKAGES: &str = "guest/lib/python3/site-packages";

/// Options that select packages for the Python inside a component: those written in Python alone.
const GUEST: [&str; 12] = [
    "--only-binary",
    ":all:",
    "--platform",
    "any",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--python-version",
    "3.14",
    "--no-deps",
    "--upgrade",
];

pub(crate) fn build(work: &Work, tell: &mut dyn FnMut(BuildEvent)) -> Result<(), BuildError> {
    let main = work.folder.join("src/main.py");
    if !main.is_file() {
        let (file, problem) = (work.folder.join("pyproject.toml"), "has no src/main.py beside it".to_owned());
        return Err(BuildError::Project { file, problem });
    }
    let python = find_python(&work.folder)?;
    tools::ensure(&work.tools, Language::Python, &RECIPE, tell, |tell| install(python, work, tell))?;
    tell(BuildEvent::Building { folder: work.folder.clone() });
    let failed = |output| BuildError::Failed { folder: work.folder.clone(), output };
    let packages = work.target.join("site-packages");
    let requirements = work.folder.join("requirements.txt");
    if packages.exists() {
        std::fs::remove_dir_all(&packages).map_err(file_error(&packages))?;
    }
    std::fs::create_dir_all(&packages).map_err(file_error(&packages))?;
    if requirements.is_file() {
        pip(work, &requirements, Some(&packages), tell)?.map_err(failed)?;
    }
    let mut componentize = clean(program(&work.tools, "componentize-py"), &work.folder);
    // Keeps the packages of the machine's Python out of the component.
    componentize.env("VIRTUAL_ENV", work.tools.join("guest"));
    // A backtrace of the tool does not help to find a mistake in Python.
    componentize.env("RUST_BACKTRACE", "0").env_remove("RUST_LIB_BACKTRACE");
    componentize.arg("--wit-path").arg(&work.wit).args(["--world", "component", "componentize", "main"]);
    for path in [&work.folder.join("src"), &work.sdk, &packages] {
        componentize.arg("--python-path").arg(path);
    }
    componentize.arg("--output").arg(&work.wasm);
    let made = run(componentize, "componentize-py", HELP, tell)?;
    match made.success {
        true => Ok(()),
        false => Err(failed(made.output())),
    }
}

/// Returns the first Python in PATH that is recent enough and can make a virtual environment.
fn find_python(folder: &Path) -> Result<&'static str, BuildError> {
    const CHECK: &str = "import sys; assert sys.version_info >= (3, 9), sys.version; import ensurepip, venv";
    let mut found = None;
    let mut missing = None;
    for name in ["python3", "python"] {
        let mut python = clean(name, folder);
        python.args(["-c", CHECK]);
        match run(python, name, HELP, &mut |_| {}) {
            Ok(ran) if ran.success => return Ok(name),
            Ok(ran) => {
                let why = ran.stderr.lines().last().unwrap_or_default().to_owned();
                found.get_or_insert(format!("`{name}` does not fit ({why})"));
            }
            Err(error) => drop(missing.get_or_insert(error)),
        }
    }
    match (found, missing) {
        (None, Some(error)) => Err(error),
        (found, _) => Err(BuildError::Unfit { found: found.unwrap_or_default(), help: HELP }),
    }
}

fn install(python: &'static str, work: &Work, tell: &mut dyn FnMut(BuildEvent)) -> Result<(), BuildError> {
    let failed =
        |output| BuildError::NoTools { language: Language::Python, folder: work.tools.clone(), output };
    let mut venv = clean(python, &work.tools);
    venv.args(["-m", "venv", "venv"]);
    let made = run(venv, python, HELP, tell)?;
    if !made.success {
        return Err(failed(made.output()));
    }
    pip(work, &work.tools.join("build.txt"), None, tell)?.map_err(failed)?;
    let guest = work.tools.join(GUEST_PACKAGES);
    pip(work, &work.tools.join("guest.txt"), Some(&guest), tell)?.map_err(failed)
}

/// Installs packages of components into the folder `guest`, or tools if there is no such folder.
fn pip(
    work: &Work,
    requirements: &Path,
    guest: Option<&Path>,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Result<(), String>, BuildError> {
    let mut pip = clean(program(&work.tools, "python"), &work.folder);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--require-hashes", "--requirement"]).arg(requirements);
    match guest {
        Some(folder) => pip.args(GUEST).arg("--target").arg(folder),
        None => pip.args(["--only-binary", ":all:"]),
    };
    let ran = run(pip, "pip", HELP, tell)?;
    Ok(if ran.success { Ok(()) } else { Err(ran.output()) })
}

/// Returns the path of a program in the tools' virtual environment.
fn program(tools: &Path, name: &str) -> PathBuf {
    let (folder, ending) = if cfg!(windows) { ("Scripts", ".exe") } else { ("bin", "") };
    tools.join("venv").join(folder).join(format!("{name}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Work;

    /// The tests of the SDK play the host, and use the packages of a component.
    #[test]
    fn sdk_passes_its_own_tests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/py");
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let work = Work {
            tools: tools::tools_folder(Language::Python, &RECIPE).unwrap(),
            target: at("target"),
            wit: at("wit"),
            sdk: at("sdk"),
            wasm: at("wasm"),
            folder: scratch.path().to_owned(),
        };
        let python = find_python(&work.folder).unwrap();
        let quiet = &mut |_| {};
        tools::ensure(&work.tools, Language::Python, &RECIPE, quiet, |tell| install(python, &work, tell))
            .unwrap();
        let mut tests = clean(python, &folder);
        tests.env("PYTHONPATH", work.tools.join(GUEST_PACKAGES)).env("PYTHONDONTWRITEBYTECODE", "1");
        tests.args(["-m", "unittest", "test_airssys"]);
        let ran = run(tests, python, HELP, quiet).unwrap();
        let success = ran.success;
        assert!(success, "{}", ran.output());
    }
}
