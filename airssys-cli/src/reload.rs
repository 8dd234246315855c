//! `airssys reload`: reads the secrets of a running app again.

use airssys_wasm::Kept;
use airssys_wasm::control::Reload;

use crate::args;
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;

/// A secret keeps its old value.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` keeps its old value: {reason}")]
struct KeptError {
    name: String,
    reason: String,
}

pub(crate) fn reload(args: &args::Reload, output: &Output) -> Result<(), Failure> {
    let reloaded = ask(&args.target, "the secrets are not read again", Reload {})?;
    if args.target.json {
        output.json(&reloaded)?;
    } else {
        for name in &reloaded.changed {
            output.line(format!("changed: {name}"));
        }
        for Kept { name, reason, .. } in &reloaded.kept {
            output.line(format!("kept: {name}, because {reason}"));
        }
        if reloaded.changed.is_empty() && reloaded.kept.is_empty() {
            output.line("nothing has changed");
        }
    }
    match reloaded.kept.into_iter().next() {
        None => Ok(()),
        Some(Kept { name, reason, .. }) => {
            Err(Failure::run("not all secrets are reloaded", KeptError { name, reason }))
        }
    }
}
