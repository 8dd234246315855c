//! Components in JavaScript, bundled by esbuild and made components by componentize-qjs.

mod inputs;
mod npm;
mod project;

use std::path::Path;
use std::time::SystemTime;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::write_all;
use crate::help::JAVASCRIPT as HELP;
use crate::inputs::Built;
use crate::javascript::project::Project;
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
        ("bundle.mjs", include_str!("js/bundle.mjs")),
        ("codecs.js", include_str!("js/codecs.js")),
        ("console.js", include_str!("js/console.js")),
        ("entry.js", include_str!("js/entry.js")),
        ("globals.js", include_str!("js/globals.js")),
        ("host.js", include_str!("js/host.js")),
        ("performance.js", include_str!("js/performance.js")),
        ("promise.js", include_str!("js/promise.js")),
        ("random.js", include_str!("js/random.js")),
        ("text.js", include_str!("js/text.js")),
        ("trace.js", include_str!("js/trace.js")),
        ("web.js", include_str!("js/web.js")),
    ],
    steps: concat!(include_str!("javascript.rs"), include_str!("../../wit/languages/javascript.wit")),
};

/// The world of the component, and the file that has it beside the contract.
const WORLD: &str = "javascript";
const WIT: (&str, &str) = ("javascript.wit", include_str!("../../wit/languages/javascript.wit"));

/// The oldest major version of Node.js on which the tools run.
const NODE: u32 = 18;

pub(crate) fn build(folder: &Path, tell: &mut dyn FnMut(BuildEvent)) -> Result<Built, BuildError> {
    let project = Project::read(folder)?;
    check_node(folder)?;
    let work = Work::prepare(folder, &RECIPE)?;
    let tools = tools_folder(Language::JavaScript, &RECIPE)?;
    with_tools(&work, &tools, tell, |tell| bundle_and_componentize(&project, &work, &tools, tell))
}

/// Works with the tools in this folder, which are installed first if they are missing.
fn with_tools<T>(
    work: &Work,
    folder: &Path,
    tell: &mut dyn FnMut(BuildEvent),
    done: impl FnMut(&mut dyn FnMut(BuildEvent)) -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let tools = Tools {
        language: Language::JavaScript,
        recipe: &RECIPE,
        install: &|tell| {
            npm::ci(folder, tell)?.map_err(|output| no_tools(Language::JavaScript, folder, output))
        },
        verify: &|| verify(work, folder),
        folder: folder.to_owned(),
    };
    tools.work(tell, done)
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
        npm::ci_if_changed(&project.packages, tell)?.map_err(failed)?;
    }
    let installed = (project.packages.join("node_modules"), SystemTime::now());
    tell(BuildEvent::Step("esbuild bundles its sources"));
    let (bundle, metafile) = (work.target.join("bundle.js"), work.target.join("bundle.json"));
    let bundled = esbuild(work, tools, project.main.as_ref(), &bundle, Some(&metafile), tell)?;
    if !bundled.success {
        return Err(failed(bundled.output()));
    }
    tell(BuildEvent::Step("componentize-qjs makes the component"));
    write_all(&work.wit, &[WIT])?;
    let mut qjs = componentize_qjs(&work.folder, tools);
    qjs.args(["--sync", "--world", WORLD, "--wit"]).arg(&work.wit);
    qjs.arg("--js").arg(&bundle).arg("--output").arg(&work.wasm);
    let made = run(qjs, "node", HELP, tell)?;
    match made.success {
        true => {
            let mut inputs = inputs::inputs(work, project, tools, &metafile)?;
            inputs.installed = Some(installed);
            Ok(Built { artifact: work.wasm.clone(), inputs })
        }
        false => Err(failed(mistake(&made.output()))),
    }
}

/// Returns the exception that a component's top level has thrown, or else all that the tool printed.
fn mistake(output: &str) -> String {
    let thrown = output.split_once("Failed to finish JavaScript module evaluation: ");
    thrown.map_or(output, |(_, thrown)| thrown.trim_end()).to_owned()
}

/// Bundles a file with the SDK, through esbuild.
fn esbuild(
    work: &Work,
    tools: &Path,
    main: &Path,
    bundle: &Path,
    metafile: Option<&Path>,
    tell: &mut dyn FnMut(BuildEvent),
) -> Result<Ran, BuildError> {
    let mut esbuild = clean("node", &work.folder);
    esbuild.arg(work.sdk.join("bundle.mjs")).arg(main).arg(&work.sdk).args([tools, bundle]).args(metafile);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Node.js tests those parts of the SDK that need no host, with the packages of a component.
    #[test]
    fn sdk_passes_its_own_tests() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scratch = tempfile::tempdir().unwrap();
        let work = Work::prepare(scratch.path(), &RECIPE).unwrap();
        let tests = work.sdk.join("test");
        std::fs::create_dir(&tests).unwrap();
        std::fs::write(work.sdk.join("package.json"), r#"{"type": "module"}"#).unwrap();
        for vectors in ["nesting.json", "prefixes.json"] {
            let shared = sources.join("../airssys-message/vectors").join(vectors);
            std::fs::copy(shared, tests.join(vectors)).unwrap();
        }
        let tools = tools_folder(Language::JavaScript, &RECIPE).unwrap();
        let ran = with_tools(&work, &tools, &mut |_| {}, |tell| {
            let modules = work.sdk.join("node_modules");
            if !modules.exists() {
                std::os::unix::fs::symlink(tools.join("node_modules"), modules).unwrap();
            }
            let mut node = clean("node", &tests);
            node.arg("--test");
            for entry in sources.join("src/js/test").read_dir().unwrap() {
                let test = entry.unwrap();
                std::fs::copy(test.path(), tests.join(test.file_name())).unwrap();
                node.arg(test.file_name());
            }
            run(node, "node", HELP, tell)
        });
        let ran = ran.unwrap();
        let success = ran.success;
        assert!(success, "{}", ran.output());
    }

    #[test]
    fn an_exception_of_the_top_level_is_told_without_the_output_of_the_tool() {
        let output = "componentize-qjs\n  WIT: w\nError: : Failed to evaluate user JavaScript module: \
                      Failed to finish JavaScript module evaluation: Error: at top\n    at inner (src/main.js:1:2)\n";
        assert_eq!(mistake(output), "Error: at top\n    at inner (src/main.js:1:2)");
        assert_eq!(mistake("Error: no such world"), "Error: no such world");
    }
}
