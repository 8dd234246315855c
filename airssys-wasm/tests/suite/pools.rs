//! The room that an app reserves for its instances.

use std::fs;
use std::path::Path;

use airssys_wasm::Compiler;
use airssys_wasm::app::{self, StartOptions};
use airssys_wasm::manifest::AppManifest;
use tempfile::TempDir;

use crate::raw_guest::{WELL_BEHAVED, raw_bytes_with};
use crate::support::*;

#[tokio::test]
async fn app_reserves_the_memories_and_tables_that_its_components_have() {
    const INSTANCES: usize = 3;
    let folder = TempDir::new().unwrap();
    // Together with the spare instances more than the least pool has, and more than one per instance.
    let part = "(core module $more (memory 1) (table 5 funcref)) ";
    let parts = part.to_owned() + &"(core instance (instantiate $more)) ".repeat(40);
    fs::write(folder.path().join("composed.wasm"), raw_bytes_with(WELL_BEHAVED, &parts)).unwrap();
    fs::write(
        folder.path().join("Component.toml"),
        "[component]\nname = \"composed\"\nversion = \"0.1.0\"\n",
    )
    .unwrap();
    let app = format!(
        "[app]\nname = \"test\"\n[[component]]\nsource = \"composed.wasm\"\ninstances = {INSTANCES}\n\
         restart = \"temporary\"\n[[component]]\nname = \"other\"\nsource = \"composed.wasm\"\n"
    );
    fs::write(folder.path().join("app.toml"), app).unwrap();
    let manifest = AppManifest::load(&folder.path().join("app.toml")).unwrap();
    let cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    let compiler = Compiler::in_process();
    let options = StartOptions { cache_dir, compiler, ..StartOptions::default() };
    let app = app::start(&manifest, options, |_| {}).await.expect("the app starts");
    for number in 1..=INSTANCES {
        app.host().send(&format!("composed/{number}"), message(&note("x"))).await.unwrap();
    }
    app.host().drained().await;
    let snapshots = app.component_snapshots();
    assert_eq!((snapshots[0].handled, snapshots[0].memory_bytes()), (3, 3 * 41 * 65_536));
}
