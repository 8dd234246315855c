//! `airssys build`.

use std::path::PathBuf;

use airssys_wasm::builder::{self, BuildEvent, TARGET};
use airssys_wasm::manifest::{AppManifest, Source};

use crate::args::Build;
use crate::exit::Failure;
use crate::terminal::Terminal;

pub(crate) fn build(args: &Build, terminal: &Terminal) -> Result<(), Failure> {
    for folder in folders(args)? {
        let built = builder::build(&folder, |event| show(terminal, &event));
        let file = built.map_err(|error| Failure::build("the build failed", error))?;
        let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        terminal.finish();
        anstream::println!("{} ({} KiB)", file.display(), size.div_ceil(1024));
    }
    Ok(())
}

/// Shows a step of a build.
pub(crate) fn show(terminal: &Terminal, event: &BuildEvent) {
    match event {
        BuildEvent::AddingTarget => terminal.line(&format!("adding the target {TARGET} through rustup")),
        BuildEvent::Building { folder } => {
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            terminal.working(format!("building {}", name.display()));
        }
        BuildEvent::Output(line) => {
            tracing::debug!(target: "airssys::build", "{line}");
            terminal.working(line.trim().to_owned());
        }
        _ => {}
    }
}

/// The crates to build: an app's, or the one in a folder.
fn folders(args: &Build) -> Result<Vec<PathBuf>, Failure> {
    if args.path.is_dir() {
        return Ok(vec![args.path.clone()]);
    }
    let app = AppManifest::load(&args.path)?;
    let crates = app.components.iter().filter_map(|component| match &component.source {
        Source::Crate(folder) => Some(folder.clone()),
        _ => None,
    });
    Ok(crates.collect())
}
