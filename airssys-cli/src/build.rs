//! `airssys build`: components from their sources.

use std::path::PathBuf;

use airssys_wasm::builder::{self, BuildEvent, TARGET};
use airssys_wasm::manifest::Source;

use crate::args::Build;
use crate::failure::Failure;
use crate::output::Output;
use crate::place::{self, Place};
use crate::plain::plain;
use crate::services::load_app;
use crate::terminal::Terminal;

pub(crate) fn build(args: &Build, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    for folder in folders(args)? {
        let file = builder::build(&folder, |event| show(terminal, &event))?;
        let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        terminal.finish();
        output.line(format!("{} ({} KiB)", file.display(), size.div_ceil(1024)));
    }
    Ok(())
}

/// Shows a step of a build.
pub(crate) fn show(terminal: &Terminal, event: &BuildEvent) {
    match event {
        BuildEvent::AddingTarget => terminal.line(&format!("adding the target {TARGET} with rustup")),
        BuildEvent::InstallingTools { language } => {
            terminal.line(&format!("installing the tools for {language}"));
        }
        BuildEvent::Building { folder } => {
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            terminal.working(format!("building {}", name.display()));
        }
        BuildEvent::Output(line) => {
            tracing::debug!(target: "airssys::build", "{}", line.trim());
            terminal.working(plain(line.trim()));
        }
        _ => {}
    }
}

/// The folders to build: those of an app, or that of one component.
fn folders(args: &Build) -> Result<Vec<PathBuf>, Failure> {
    let app = match place::sources(&args.path)? {
        Place::App(manifest) => load_app(&manifest)?,
        Place::Component(path) | Place::Wasm(path) => return Ok(vec![path]),
    };
    let projects = app.components.iter().filter_map(|component| match &component.source {
        Source::Folder(folder) => Some(folder.clone()),
        _ => None,
    });
    Ok(projects.collect())
}
