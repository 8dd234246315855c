//! The product, as the runtime configuration names it.

use std::sync::Arc;

use airssys_blobstore::Container;
use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};

use crate::bucket::Bucket;
use crate::container::S3Container;
use crate::options::{self, LabelOptions, Options};

/// S3 of AWS and of other products: `type = "s3"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct S3;

impl Backend for S3 {
    const TYPE: &'static str = "s3";

    type Config = Options;
    type Client = Bucket;

    fn configure(&self, table: &BackendTable) -> Result<Options, Diagnostics> {
        options::of_backend(table)
    }

    async fn connect(&self, options: &Options) -> Result<Bucket, BoxError> {
        let bucket = Bucket::open(options)?;
        bucket.describe().await?;
        Ok(bucket)
    }

    async fn describe(&self, bucket: &Bucket) -> Result<String, BoxError> {
        bucket.describe().await
    }

    fn serves(&self, serves: &mut Serves<S3>) {
        serves.label::<dyn Container, _>(options::of_label, |bucket, options: &LabelOptions, label| {
            let prefix = bucket.prefix(&options.prefix(label));
            Arc::new(S3Container::new(bucket, &prefix))
        });
    }
}
