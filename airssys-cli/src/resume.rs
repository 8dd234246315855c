//! `airssys resume`: starts quarantined components of a running app again.

use airssys_wasm::control::{Resume, Resumed};

use crate::args;
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn resume(args: args::Resume, output: &Output) -> Result<(), Failure> {
    let args::Resume { name, target } = args;
    let Resumed { names, .. } =
        ask(&target, format!("`{name}` is not resumed"), Resume { name: name.clone() })?;
    if target.json {
        return output.json(&serde_json::json!({ "resumed": names }));
    }
    output.line(format!("resumed: {}", names.join(", ")));
    Ok(())
}
