//! Components in Python, made by componentize-py.

mod dependencies;
mod inputs;
mod pip;

use std::path::Path;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, write_all};
use crate::help::PYTHON as HELP;
use crate::inputs::Built;
use crate::language::Language;
use crate::process::{clean, passed, run};
use crate::recipe::{Recipe, Work};
use crate::tools::{Tools, no_tools, tools_folder};

pub(crate) const RECIPE: Recipe = Recipe {
    pins: &[("build.txt", include_str!("py/build.txt")), ("guest.txt", include_str!("py/guest.txt"))],
    sdk: &[
        ("airssys.py", include_str!("py/airssys.py")),
        ("airssys_entry.py", include_str!("py/airssys_entry.py")),
        ("airssys_modules.py", include_str!("py/airssys_modules.py")),
        ("airssys_nesting.py", include_str!("py/airssys_nesting.py")),
        ("airssys_trace.py", include_str!("py/airssys_trace.py")),
    ],
    steps: concat!(include_str!("python.rs"), include_str!("py/airssys_main.py")),
};

/// The folder, among the tools, of the packages that every component has.
const GUEST_PACKAGES: &str = "guest/lib/python3/site-packages";

/// The module that imports the component's `main` and records its inputs.
const MAIN: (&str, &str) = ("airssys_main.py", include_str!("py/airssys_main.py"));

/// The program that compares installed packages with their requirements.
const VERIFY: &str = include_str!("py/verify.py");

pub(crate) fn build(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Built, BuildError> {
    let main = folder.join("src/main.py");
    if !main.is_file() {
        let (file, problem) = (folder.join("pyproject.toml"), "has no src/main.py beside it".to_owned());
        return Err(BuildError::Project { file, problem });
    }
    dependencies::read(folder)?;
    let python = find_python(folder)?;
    let work = Work::prepare(folder, &RECIPE)?;
    let tools = tools_folder(Language::Python, &RECIPE)?;
    with_tools(python, &tools, tell, |tell| componentize(&work, &tools, tell))
}

fn componentize(work: &Work, tools: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Built, BuildError> {
    tell(BuildEvent::Building { folder: work.folder.clone() });
    let failed = |output| BuildError::Failed { folder: work.folder.clone(), output };
    let packages = work.target.join("site-packages");
    let lock = dependencies::lock(tools, &work.folder, tell)?;
    if packages.exists() {
        std::fs::remove_dir_all(&packages).map_err(file_error(&packages))?;
    }
    std::fs::create_dir_all(&packages).map_err(file_error(&packages))?;
    if let Some((requirements, _)) = &lock {
        tell(BuildEvent::Step("pip installs its packages"));
        pip::install(tools, &work.folder, requirements, Some(&packages), tell)?.map_err(failed)?;
    }
    let start = work.target.join("start");
    write_all(&start, &[MAIN])?;
    tell(BuildEvent::Step(
        "componentize-py starts Python and keeps its memory, which takes 10 s of a processor",
    ));
    let mut componentize = clean(pip::program(tools, "componentize-py"), &work.folder);
    // Keeps the packages of the machine's Python out of the component.
    componentize.env("VIRTUAL_ENV", tools.join("guest"));
    // A backtrace of the tool does not help to find a mistake in Python.
    componentize.env("RUST_BACKTRACE", "0").env_remove("RUST_LIB_BACKTRACE");
    componentize.arg("--wit-path").arg(&work.wit).args(["--world", "component"]);
    componentize.args(["componentize", "airssys_main"]);
    for path in [&work.folder.join("src"), &work.sdk, &packages, &start] {
        componentize.arg("--python-path").arg(path);
    }
    componentize.arg("--output").arg(&work.wasm);
    let made = run(componentize, "componentize-py", HELP, tell)?;
    match made.success {
        true => {
            let mut inputs = inputs::inputs(work, &start.join("inputs.json"))?;
            if let Some((requirements, true)) = lock {
                inputs.written.insert(requirements);
            }
            Ok(Built { artifact: work.wasm.clone(), inputs })
        }
        false => Err(failed(mistake(&made.output()))),
    }
}

/// Returns the exception that `airssys_entry.py` has printed, or else all that the tool printed.
fn mistake(output: &str) -> String {
    let after = output.split_once("<airssys>\n").map(|(_, after)| after);
    let printed = after.and_then(|after| after.split_once("\n</airssys>"));
    printed.map_or(output, |(printed, _)| printed).to_owned()
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

/// Works with the tools, which are installed first with this Python if they are missing.
fn with_tools<T>(
    python: &'static str,
    folder: &Path,
    tell: &mut dyn FnMut(BuildEvent),
    work: impl FnMut(&mut dyn FnMut(BuildEvent)) -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let tools = Tools {
        language: Language::Python,
        recipe: &RECIPE,
        install: &|tell| install(python, folder, tell),
        verify: &|| verify(folder),
        folder: folder.to_owned(),
    };
    tools.work(tell, work)
}

/// Makes a virtual environment with the tools, and a folder with the packages that every component has.
fn install(python: &'static str, tools: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<(), BuildError> {
    let failed = |output| no_tools(Language::Python, tools, output);
    let mut venv = clean(python, tools);
    venv.args(["-I", "-m", "venv", "venv"]);
    let made = run(venv, python, HELP, tell)?;
    if !made.success {
        return Err(failed(made.output()));
    }
    pip::install(tools, tools, &tools.join("build.txt"), None, tell)?.map_err(failed)?;
    let guest = tools.join(GUEST_PACKAGES);
    pip::install(tools, tools, &tools.join("guest.txt"), Some(&guest), tell)?.map_err(failed)
}

/// Compares the installed packages with their lists of files, and runs componentize-py.
fn verify(tools: &Path) -> Result<(), String> {
    let quiet = &mut |_| {};
    let mut paths = clean(pip::program(tools, "python"), tools);
    paths.args(["-I", "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]);
    let platlib = passed(run(paths, "python", HELP, quiet))?;
    let mut files = clean(pip::program(tools, "python"), tools);
    files.args(["-I", "-c", VERIFY]).arg(tools.join("build.txt")).arg(platlib.trim());
    files.arg(tools.join("guest.txt")).arg(tools.join(GUEST_PACKAGES));
    passed(run(files, "python", HELP, quiet))?;
    let mut componentize = clean(pip::program(tools, "componentize-py"), tools);
    componentize.arg("--version");
    passed(run(componentize, "componentize-py", HELP, quiet)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests of the SDK play the host, and use the packages of a component.
    #[test]
    fn sdk_passes_its_own_tests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/py");
        let tools = tools_folder(Language::Python, &RECIPE).unwrap();
        let python = find_python(&folder).unwrap();
        let quiet = &mut |_| {};
        let ran = with_tools(python, &tools, quiet, |tell| {
            let mut tests = clean(python, &folder);
            tests.env("PYTHONPATH", tools.join(GUEST_PACKAGES)).env("PYTHONDONTWRITEBYTECODE", "1");
            tests.env("AIRSSYS_VECTORS", folder.join("../../../airssys-message/vectors"));
            tests.args(["-m", "unittest", "test_airssys"]);
            run(tests, python, HELP, tell)
        });
        let ran = ran.unwrap();
        let success = ran.success;
        assert!(success, "{}", ran.output());
    }

    #[test]
    fn an_exception_of_the_top_level_is_told_without_the_output_of_the_tool() {
        let output =
            "AssertionError: <airssys>\nTypeError: no\n</airssys>\nCaused by: <airssys>\nTypeError: no";
        assert_eq!(mistake(output), "TypeError: no");
        assert_eq!(mistake("no such world"), "no such world");
    }
}
