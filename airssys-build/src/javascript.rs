//! Components in JavaScript, bundled by esbuild and made components by componentize-qjs.

mod inputs;
mod npm;

use std::path::Path;

use serde_json::Value;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::file_error;
use crate::help::JAVASCRIPT as HELP;
use crate::inputs::Built;
use crate::language::Language;
use crate::process::{Ran, clean, passed, run};
use crate::recipe::{Recipe, Work};
use crate::tools::{Tools, no_tools, tools_folder};

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
    steps: include_str!("javascript.rs"),
};

/// The oldest major version of Node.js on which the tools run.
const NODE: u32 = 18;
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

pub(crate) fn build(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Built, BuildError> {
    let project = Project::read(folder)?;
    check_node(folder)?;
    let work = Work::prepare(folder, &RECIPE)?;
    let tools = tools_folder(Language::JavaScript, &RECIPE)?;
    let tools = Tools {
        language: Language::JavaScript,
        recipe: &RECIPE,
        install: &|tell| {
            npm::ci(&tools, tell)?.map_err(|output| no_tools(Language::JavaScript, &tools, output))
        },
        verify: &|| verify(&work, &tools),
        folder: tools.clone(),
    };
    tools.work(tell, |tell| bundle_and_componentize(&project, &work, &tools.folder, tell))
}

fn bundle_and_componentize(
    project: &Project,
    work: &Work,
    tools: &Path,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Built, BuildError> {
    tell(BuildEvent::Building { folder: work.folder.clone() });
    let failed = |output| BuildError::Failed { folder: work.folder.clone(), output };
    if project.has_dependencies {
        tell(BuildEvent::Step("npm installs its packages"));
        npm::ci_if_changed(&work.folder, tell)?.map_err(failed)?;
    }
    tell(BuildEvent::Step("esbuild bundles its sources"));
    let (bundle, metafile) = (work.target.join("bundle.js"), work.target.join("bundle.json"));
    let bundled = esbuild(work, tools, project.main.as_ref(), &bundle, Some(&metafile), tell)?;
    if !bundled.success {
        // The rest of the output is about esbuild's launcher.
        let output = bundled.output();
        return Err(failed(output.split("\nnode:").next().unwrap_or_default().to_owned()));
    }
    tell(BuildEvent::Step("componentize-qjs makes the component"));
    let mut qjs = componentize_qjs(&work.folder, tools);
    qjs.args(["--sync", "--world", "component", "--wit"]).arg(&work.wit);
    qjs.arg("--js").arg(&bundle).arg("--output").arg(&work.wasm);
    let made = run(qjs, "node", HELP, tell)?;
    match made.success {
        true => Ok(Built { artifact: work.wasm.clone(), inputs: inputs::inputs(work, tools, &metafile)? }),
        false => Err(failed(made.output())),
    }
}

/// Bundles a file with the SDK.
fn esbuild(
    work: &Work,
    tools: &Path,
    main: &Path,
    bundle: &Path,
    metafile: Option<&Path>,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Ran, BuildError> {
    let modules = tools.join("node_modules");
    let mut esbuild = clean("node", &work.folder);
    esbuild.arg(modules.join("esbuild/bin/esbuild")).arg(main).args(BUNDLE);
    esbuild.arg(option("--alias:airssys=", &work.sdk.join("airssys.js")));
    esbuild.arg(option("--outfile=", bundle)).args(["--log-level=warning", "--color=false"]);
    esbuild.args(metafile.map(|metafile| option("--metafile=", metafile)));
    esbuild.env("NODE_PATH", &modules);
    run(esbuild, "node", HELP, tell)
}

fn componentize_qjs(folder: &Path, tools: &Path) -> std::process::Command {
    let mut qjs = clean("node", folder);
    qjs.arg(tools.join("node_modules/componentize-qjs/cli.mjs"));
    qjs
}

/// Bundles the SDK, and loads the native part of componentize-qjs.
fn verify(work: &Work, tools: &Path) -> Result<(), String> {
    let quiet = &mut |_| {};
    let bundle = work.target.join("verified.js");
    passed(esbuild(work, tools, &work.sdk.join("airssys.js"), &bundle, None, quiet))?;
    let mut qjs = componentize_qjs(&work.folder, tools);
    qjs.arg("--help");
    passed(run(qjs, "node", HELP, quiet)).map(drop)
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
