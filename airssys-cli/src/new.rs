//! `airssys new`.

use airssys_wasm::scaffold;

use crate::args::New;
use crate::exit::Failure;

pub(crate) fn new(args: &New) -> Result<(), Failure> {
    let sdk = args.sdk.clone().unwrap_or_else(scaffold::own_sdk);
    let path = std::path::absolute(&args.path);
    let path = path.map_err(|error| Failure::Usage(format!("{}: {error}", args.path.display())))?;
    scaffold::make(&path, &sdk).map_err(|error| Failure::Usage(error.to_string()))?;
    let folder = args.path.display();
    anstream::println!("made {folder}; now try\n\n  airssys run {folder}/app.toml\n");
    anstream::println!("and add it to an app with\n\n  [[component]]\n  source = \"{folder}\"");
    Ok(())
}
