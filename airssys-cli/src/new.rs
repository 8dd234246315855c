//! `airssys new`: a component that builds and runs as it is.

use airssys_wasm::scaffold;

use crate::args::New;
use crate::failure::Failure;

pub(crate) fn new(args: &New) -> Result<(), Failure> {
    let sdk = args.sdk.clone().unwrap_or_else(scaffold::own_sdk);
    let path = std::path::absolute(&args.path);
    let path = path.map_err(Failure::usage)?;
    scaffold::make(&path, args.lang.into(), &sdk).map_err(Failure::usage)?;
    let folder = args.path.display();
    anstream::println!("created {folder}; run it with\n\n  airssys run {folder}/app.toml\n");
    anstream::println!("or add it to an app.toml with\n\n  [[component]]\n  source = \"{folder}\"");
    Ok(())
}
