//! A program with a backend of its own: one file, `table.rs`, and one line.
//!
//! It runs the scenarios of the key-value service against that backend, through a component. A program
//! that runs apps passes the same list to `airssys_wasm::app::StartOptions`.

mod table;

use airssys_keyvalue::conformance::{Subject, run_all};
use airssys_keyvalue::{File, Memory};
use airssys_wasm::Backends;
use table::Table;

const RUNTIME: &str = "
    [backend.main]
    type = \"table\"

    [keyvalue]
    \"*\" = \"main\"
";

#[tokio::main]
async fn main() -> Result<(), std::io::Error> {
    let backends = Backends::default()
        .with(File)
        .with(Memory)
        // The line that adds the backend.
        .with(Table);
    let data = std::env::temp_dir().join(format!("airssys-backend-{}", std::process::id()));
    std::fs::create_dir(&data)?;
    run_all(&Subject::new(backends, RUNTIME, Some(data.clone())).await).await;
    std::fs::remove_dir_all(&data)?;
    println!("the backend passes every scenario");
    Ok(())
}
