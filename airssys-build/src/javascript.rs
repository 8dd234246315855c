//! Components in JavaScript, bundled by esbuild and made components by componentize-qjs.

use std::path::Path;

use serde_json::Value;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::file_error;
use crate::language::Language;
use crate::process::{clean, run};
use crate::recipe::{Recipe, Work};
use crate::tools;

pub(crate) const RECIPE: Recipe = Recipe {
    pins: &[
        ("package.json", include_str!("js/package.json")),
        ("package-lock.json", include_str!("js/package-lock.json")),
    ],
    sdk: &[
        ("airssys.js", include_str!("js/airssys.js")),
        ("airssys.d.ts", include_str!("js/airssys.d.ts")),
        ("promise.js", include_str!("js/promise.js")),
        ("text.js", include_str!("js/text.js")),
    ],
};

/// The oldest major version of Node.js on which the tools run.
const NODE: u32 = 18;
const HELP: &str = "components in JavaScript are built with Node.js 18 or later and its npm: install them with \
                    your system's package manager (on Debian: apt-get install nodejs npm)";

/// Installs exactly what the lock file says, and runs no scripts of packages.
const INSTALL: [&str; 4] = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];

/// `async` functions are rewritten for the SDK's promises, because the engine runs no jobs between
/// two calls.
const BUNDLE: [&str; 8] = [
    "--bundle",
    "--format=esm",
    "--platform=neutral",
    "--main-fields=module,main",
    "--external:airssys:*",
    "--supported:async-await=false",
    "--supported:async-generator=false",
    "--supported:for-await=false",
];

pub(crate) fn build(work: &Work, tell: &mut dyn FnMut(BuildEvent)) -> Result<(), BuildError> {
    let project = Project::read(&work.folder)?;
    check_node(&work.folder)?;
    tools::ensure(&work.tools, Language::JavaScript, &RECIPE, tell, |tell| {
        npm_ci(&work.tools, tell)?.map_err(|output| BuildError::NoTools {
            language: Language::JavaScript,
            folder: work.tools.clone(),
            output,
        })
    })?;
    tell(BuildEvent::Building { folder: work.folder.clone() });
    let failed = |output| BuildError::Failed { folder: work.folder.clone(), output };
    if project.has_dependencies {
        install_dependencies(&work.folder, tell)?.map_err(failed)?;
    }
    let bundle = work.target.join("bundle.js");
    let modules = work.tools.join("node_modules");
    let mut esbuild = clean("node", &work.folder);
    esbuild.arg(modules.join("esbuild/bin/esbuild")).arg(&project.main).args(BUNDLE);
    esbuild.arg(option("--alias:airssys=", &work.sdk.join("airssys.js")));
    esbuild.arg(option("--outfile=", &bundle)).args(["--log-level=warning", "--color=false"]);
    esbuild.env("NODE_PATH", &modules);
    let bundled = run(esbuild, "node", HELP, tell)?;
    if !bundled.success {
        // The rest of the output is about esbuild's launcher.
        let output = bundled.output();
        return Err(failed(output.split("\nnode:").next().unwrap_or_default().to_owned()));
    }
    let mut qjs = clean("node", &work.folder);
    qjs.arg(modules.join("componentize-qjs/cli.mjs")).args(["--sync", "--world", "component", "--wit"]);
    qjs.arg(&work.wit).arg("--js").arg(&bundle).arg("--output").arg(&work.wasm);
    let made = run(qjs, "node", HELP, tell)?;
    match made.success {
        true => Ok(()),
        false => Err(failed(made.output())),
    }
}

/// The entries of a `package.json` that a build needs.
struct Project {
    main: String,
    has_dependencies: bool,
}

impl Project {
    fn read(folder: &Path) -> Result<Project, BuildError> {
        let file = folder.join("package.json");
        let text = std::fs::read_to_string(&file).map_err(file_error(&file))?;
        let wrong = |problem: String| BuildError::Project { file: file.clone(), problem };
        let json: Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        let main = json.get("main").and_then(Value::as_str).unwrap_or("index.js").to_owned();
        if !folder.join(&main).is_file() {
            return Err(wrong(format!("names `{main}` as its main file, which does not exist")));
        }
        let dependencies = json.get("dependencies").and_then(Value::as_object);
        let has_dependencies = dependencies.is_some_and(|dependencies| !dependencies.is_empty());
        if has_dependencies && !folder.join("package-lock.json").is_file() {
            let problem =
                "names dependencies, but has no package-lock.json beside it; `npm install` makes it";
            return Err(wrong(problem.to_owned()));
        }
        // Without `./`, esbuild would look for it among the installed packages.
        Ok(Project { main: format!("./{main}"), has_dependencies })
    }
}

fn check_node(folder: &Path) -> Result<(), BuildError> {
    let mut node = clean("node", folder);
    node.arg("--version");
    let version = run(node, "node", HELP, &mut |_| {})?.stdout;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(NODE..) => Ok(()),
        _ => Err(BuildError::Unfit { found: format!("`node` is of version {}", version.trim()), help: HELP }),
    }
}

type Installed = Result<(), String>;

fn npm_ci(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Installed, BuildError> {
    let mut npm = clean(if cfg!(windows) { "npm.cmd" } else { "npm" }, folder);
    npm.args(INSTALL);
    let ran = run(npm, "npm", HELP, tell)?;
    Ok(if ran.success { Ok(()) } else { Err(ran.output()) })
}

/// Installs the packages of the component's own lock file, if the file has changed.
fn install_dependencies(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Installed, BuildError> {
    let lock = folder.join("package-lock.json");
    let wanted = std::fs::read(&lock).map_err(file_error(&lock))?;
    let installed = folder.join("node_modules/.airssys-lock");
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(()));
    }
    if let Err(output) = npm_ci(folder, tell)? {
        return Ok(Err(output));
    }
    std::fs::write(&installed, wanted).map_err(file_error(&installed))?;
    Ok(Ok(()))
}

fn option(name: &str, value: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(value);
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Node.js tests those parts of the SDK that need no host.
    #[test]
    fn sdk_passes_its_own_tests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/js/test");
        let mut node = clean("node", &folder);
        node.args(["--test", "promise.test.mjs", "text.test.mjs"]);
        let ran = run(node, "node", HELP, &mut |_| {}).unwrap();
        let success = ran.success;
        assert!(success, "{}", ran.output());
    }
}
