//! Opening a folder or a bucket.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::FilesError;

/// Settings of a bucket.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The bucket's name. It has to be there.
    pub bucket: String,
    /// The region; for services of one's own usually `us-east-1`.
    pub region: String,
    /// The service's address, `https://host:port`; empty: AWS itself.
    pub endpoint: String,
    /// Who we are.
    pub access_key_id: String,
    /// And its secret.
    pub secret_access_key: SecretString,
    /// Whether an address without TLS is allowed, as within a private network.
    pub allow_http: bool,
    /// How long one request may take; a failed one is tried again for as long. The bytes of a file may take longer, as long
    /// as some come within this time.
    pub request_timeout: Duration,
}

impl S3Config {
    /// The defaults for a bucket.
    #[must_use]
    pub fn new(bucket: String) -> Self {
        Self {
            bucket,
            region: "us-east-1".to_owned(),
            endpoint: String::new(),
            access_key_id: String::new(),
            secret_access_key: SecretString::default(),
            allow_http: false,
            request_timeout: Duration::from_secs(15),
        }
    }
}

pub(crate) fn local(folder: &std::path::Path) -> Result<Arc<dyn ObjectStore>, FilesError> {
    let unusable = |why: String| FilesError::Setting { setting: "the folder of files", why };
    std::fs::create_dir_all(folder).map_err(|error| unusable(format!("{}: {error}", folder.display())))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unusable(error.to_string()))?;
    Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(true)))
}

/// A bucket, by two clients: where the answer's body is short, the whole request has a limit; where it is a file, it may
/// take as long as bytes come.
pub(crate) struct Bucket {
    /// For everything but the bytes of files.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// For the bytes of files.
    pub(crate) reader: Arc<dyn ObjectStore>,
}

/// A read that breaks off goes on where it was, so often at most.
const READ_RETRIES: usize = 2;
/// And as long as this after it began.
const READ_RESUMED_WITHIN: Duration = Duration::from_secs(5 * 60);

pub(crate) fn s3(config: &S3Config) -> Result<Bucket, FilesError> {
    let options =
        || ClientOptions::new().with_connect_timeout(config.request_timeout).with_allow_http(config.allow_http);
    let retry = RetryConfig { retry_timeout: config.request_timeout, ..RetryConfig::default() };
    let store = client(config, options().with_timeout(config.request_timeout), retry)?;
    let options = options().with_timeout_disabled().with_read_timeout(config.request_timeout);
    let retry = RetryConfig { max_retries: READ_RETRIES, retry_timeout: READ_RESUMED_WITHIN, ..RetryConfig::default() };
    Ok(Bucket { store, reader: client(config, options, retry)? })
}

fn client(config: &S3Config, options: ClientOptions, retry: RetryConfig) -> Result<Arc<dyn ObjectStore>, FilesError> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(&config.access_key_id)
        .with_secret_access_key(config.secret_access_key.expose_secret())
        .with_client_options(options)
        .with_retry(retry);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(&config.endpoint);
    }
    let store = builder.build();
    Ok(Arc::new(store.map_err(|error| FilesError::Setting { setting: "the bucket", why: error.to_string() })?))
}
