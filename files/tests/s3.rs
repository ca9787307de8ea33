//! Files in a bucket of a real S3 service, which the test command starts.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use kefu_files::{FileKey, Files, FilesError, S3Config, conformance};
use kefu_model::TenantId;
use secrecy::SecretString;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run by `cargo xtask test`"))
}

fn config() -> S3Config {
    S3Config {
        endpoint: variable("KEFU_TEST_S3_ENDPOINT"),
        access_key_id: variable("KEFU_TEST_S3_ACCESS_KEY_ID"),
        secret_access_key: SecretString::from(variable("KEFU_TEST_S3_SECRET_ACCESS_KEY")),
        allow_http: true,
        ..S3Config::new(variable("KEFU_TEST_S3_BUCKET"))
    }
}

fn key() -> FileKey {
    FileKey::new(TenantId::new("refused").unwrap(), 1)
}

async fn write(files: &Files) -> Result<u64, FilesError> {
    let bytes = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"hello"))]);
    files.write(&key(), bytes, 100).await
}

#[tokio::test]
async fn the_bucket_does_what_the_seam_says() {
    conformance::all(&Files::s3(&config()).unwrap(), &format!("s3-{}", std::process::id())).await;
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let wrong = S3Config { secret_access_key: SecretString::from("wrong".to_owned()), ..config() };
    let refused = write(&Files::s3(&wrong).unwrap()).await;
    assert!(matches!(refused, Err(FilesError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let files = Files::s3(&S3Config { bucket: "nobody-made-this".to_owned(), ..config() }).unwrap();
    let told = files.ping().await;
    assert!(matches!(&told, Err(error) if error.is_retryable()), "it may be made: {told:?}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_in_time() {
    let away =
        S3Config { endpoint: "http://127.0.0.1:9".to_owned(), request_timeout: Duration::from_secs(1), ..config() };
    let began = Instant::now();
    let refused = write(&Files::s3(&away).unwrap()).await;
    assert!(matches!(&refused, Err(error) if error.is_retryable()), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn an_address_without_tls_needs_to_be_allowed() {
    let plain =
        S3Config { endpoint: "http://127.0.0.1:9".to_owned(), allow_http: false, ..S3Config::new("b".to_owned()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = Files::s3(&plain).map(|files| runtime.block_on(files.ping()));
    assert!(!matches!(refused, Ok(Ok(()))));
}
