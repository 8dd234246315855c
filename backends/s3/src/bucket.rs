//! The bucket of a table, which all its containers share.

use std::sync::Arc;
use std::time::Duration;

use airssys_blobstore::BlobError;
use airssys_rt::BoxError;
use airssys_wasm::FailureLog;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
    StaticCredentialProvider,
};
use tokio::sync::Semaphore;

use crate::errors::translate;
use crate::options::Options;

/// The most objects that are written at once. Each holds a part of 5 MiB, and one on its way.
const MAX_WRITERS: usize = 32;

/// The most attempts of a read after the first.
const MAX_RETRIES: usize = 3;

/// The delays between attempts.
const MIN_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// A bucket.
pub struct Bucket {
    /// Sends a request again whose answer is lost.
    pub(crate) reads: AmazonS3,
    /// Sends no request again.
    pub(crate) writes: AmazonS3,
    pub(crate) writers: Arc<Semaphore>,
    pub(crate) timeout: Duration,
    prefix: Option<String>,
    name: String,
    log: FailureLog,
}

impl Bucket {
    pub(crate) fn open(options: &Options) -> Result<Bucket, BoxError> {
        // Fails if the program has a provider already, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        Ok(Bucket {
            reads: client(options, MAX_RETRIES)?,
            writes: client(options, 0)?,
            writers: Arc::new(Semaphore::new(MAX_WRITERS)),
            timeout: options.timeout,
            prefix: options.prefix.clone(),
            name: options.bucket.clone(),
            log: FailureLog::new(&*options.name),
        })
    }

    /// Returns the text before each key of a container, without a slash.
    pub(crate) fn prefix(&self, container: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{container}"),
            None => container.to_owned(),
        }
    }

    /// Translates an error, and writes a failure of the server to the log.
    pub(crate) fn failed(&self, error: &object_store::Error) -> BlobError {
        translate(error, &self.log)
    }

    /// Asks for the first object of a prefix that no container has, and returns the product.
    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        let first = self.reads.list(Some(&Path::parse(self.prefix("!"))?)).next().await;
        match first.transpose() {
            Ok(_) => Ok(format!("S3, the bucket {}", self.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the time at which the mark of a container was written, or `None` without one.
    pub(crate) async fn exists(&self, mark: &Path) -> object_store::Result<Option<u64>> {
        match self.reads.head(mark).await {
            Ok(found) => {
                self.log.works();
                Ok(Some(seconds(&found)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the time at which an object was written, in seconds since 1970.
pub(crate) fn seconds(found: &object_store::ObjectMeta) -> u64 {
    u64::try_from(found.last_modified.timestamp()).unwrap_or_default()
}

fn client(options: &Options, max_retries: usize) -> Result<AmazonS3, BoxError> {
    // The service has a deadline for each call, and reading a large object has none.
    let mut http = ClientOptions::new().with_timeout_disabled().with_connect_timeout(options.timeout);
    if let Some(ca) = &options.ca {
        for certificate in Certificate::from_pem_bundle(ca)? {
            http = http.with_root_certificate(certificate);
        }
    }
    let credential = AwsCredential {
        key_id: options.access_key_id.reveal().trim().to_owned(),
        secret_key: options.secret_access_key.reveal().trim().to_owned(),
        token: options.session_token.as_ref().map(|token| token.reveal().trim().to_owned()),
    };
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: MIN_DELAY, max_backoff: MAX_DELAY, base: 2.0 },
        max_retries,
        retry_timeout: options.timeout,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        .with_region(&options.region)
        .with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
        .with_client_options(http)
        .with_retry(retry);
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
    }
    Ok(builder.build()?)
}
