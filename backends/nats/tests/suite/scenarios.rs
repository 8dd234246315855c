//! The scenarios of both services.

use airssys_blobstore::conformance as blob;
use airssys_keyvalue::conformance as keyvalue;

use crate::server::{backends, runtime, start};

#[tokio::test(flavor = "multi_thread")]
async fn buckets_pass_every_scenario_of_keys() {
    let server = start().await;
    let text = runtime("keyvalue", server.port(), "");
    keyvalue::run_all(&keyvalue::Subject::new(backends(), &text, None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_stores_pass_every_scenario_of_blobs() {
    let server = start().await;
    let text = runtime("blob", server.port(), "");
    blob::run_all(&blob::Subject::new(backends(), &text, None).await).await;
}
