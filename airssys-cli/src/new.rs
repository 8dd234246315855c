//! `airssys new`: a component that builds and runs as it is.

use airssys_wasm::scaffold;

use crate::args::New;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn new(args: &New, output: &Output) -> Result<(), Failure> {
    let sdk = args.sdk.clone().unwrap_or_else(scaffold::own_sdk);
    let path = std::path::absolute(&args.path);
    let path = path.map_err(Failure::usage)?;
    scaffold::make(&path, args.lang.into(), &sdk).map_err(Failure::usage)?;
    let folder = args.path.display();
    output.line(format!("created {folder}; run it with\n\n  airssys run {folder}/app.toml\n"));
    output.line(format!("or add it to an app.toml with\n\n  [[component]]\n  source = \"{folder}\""));
    Ok(())
}
