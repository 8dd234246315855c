//! `airssys new`: a component or an app that builds and runs as it is.

use std::path::Path;

use airssys_wasm::scaffold::{self, Created};

use crate::args::New;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn new(args: &New, output: &Output) -> Result<(), Failure> {
    let path = std::path::absolute(&args.path);
    let path = path.map_err(Failure::usage)?;
    let make = if args.app { scaffold::app } else { scaffold::component };
    let created = make(&path, args.lang.into(), args.sdk.as_deref()).map_err(Failure::usage)?;
    let folder = args.path.display();
    output.line(format!("created {folder}; run it with\n\n  airssys run {folder}/app.toml"));
    if !args.app {
        output.line(format!("\nor add it to an app.toml with\n\n  [[component]]\n  source = \"{folder}\""));
    }
    notes(&created).iter().for_each(|note| output.line(format!("\n{note}")));
    Ok(())
}

/// Says which files were changed or made beside the new folder's own.
fn notes(created: &Created) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(around) = &created.around {
        let manifest = shown(&around.manifest);
        match &around.added {
            Some(member) => {
                notes.push(format!(
                    "It is a member of the workspace in {manifest}, which now lists \"{member}\"."
                ));
            }
            None if around.is_member => {
                notes.push(format!("It is a member of the workspace in {manifest}, whose list covers it."));
            }
            None => {}
        }
        for excluded in &around.excluded {
            notes.push(format!(
                "{manifest} now excludes \"{excluded}\", because its list of members would take it for a crate."
            ));
        }
    }
    if let Some(patch) = &created.patch {
        notes.push(format!(
            "airssys-sdk {} is not released yet: {}, which git ignores, takes it from {}.",
            patch.version,
            shown(&patch.file),
            patch.sdk.display()
        ));
    }
    notes
}

/// A path as seen from the current folder, if it is below that.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
