//! `airssys build`: components from their sources.

use std::path::PathBuf;

use airssys_wasm::builder;

use crate::args::Build;
use crate::building::{self, Building};
use crate::failure::Failure;
use crate::output::Output;
use crate::place::{self, Place};
use crate::services::load_app;
use crate::terminal::Terminal;

pub(crate) fn build(args: &Build, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    let folders = folders(args)?;
    let mut building = Building::new(terminal, &folders);
    for folder in &folders {
        let file = builder::build(folder, |event| building.show(&event))?;
        building.end();
        let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        terminal.finish();
        output.line(format!("{} ({} KiB)", file.display(), size.div_ceil(1024)));
    }
    Ok(())
}

/// The folders to build: those of an app, or that of one component.
fn folders(args: &Build) -> Result<Vec<PathBuf>, Failure> {
    match place::sources(&args.path)? {
        Place::App(manifest) => Ok(building::folders(&load_app(&manifest)?)),
        Place::Component(path) | Place::Wasm(path) => Ok(vec![path]),
    }
}
