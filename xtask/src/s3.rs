//! An S3 service of our own: SeaweedFS with one bucket and one key, so that refusals can be tested.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::service::{Recipe, Service};
use kefu_ports::free_port;

const BUCKET: &str = "kefu";
const ACCESS_KEY_ID: &str = "kefu";
/// Known to everybody: the service listens on loopback and lives as long as the tests.
const SECRET_ACCESS_KEY: &str = "a secret of the tests";

/// A running service; its files go with it.
pub struct S3 {
    /// Its process.
    pub server: Service,
    port: u16,
    _folder: TempDir,
}

impl S3 {
    /// Starts it and waits until the bucket is there.
    pub async fn start(weed: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kefu-s3-").tempdir().context("no temporary folder")?;
        let config = folder.path().join("s3.json");
        std::fs::write(&config, identities()).context("cannot write the configuration of S3")?;
        let (port, filer) = (free_port()?, free_port()?);
        let mut arguments = vec![
            "server".to_owned(),
            format!("-dir={}", folder.path().display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-master.telemetry=false".to_owned(),
            "-master.volumeSizeLimitMB=256".to_owned(),
            "-volume.max=20".to_owned(),
            "-filer".to_owned(),
            format!("-filer.port={filer}"),
            "-s3".to_owned(),
            format!("-s3.port={port}"),
            format!("-s3.config={}", config.display()),
        ];
        for name in
            ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"]
        {
            arguments.push(format!("-{name}={}", free_port()?));
        }
        let recipe = Recipe::new(weed, arguments);
        let mut server = Service::start("s3", recipe, folder.path())?;
        let client = reqwest::Client::new();
        let status = format!("http://127.0.0.1:{port}/status");
        server.until_ready(async || client.get(&status).send().await.is_ok()).await?;
        // A folder of the filer under that name is a bucket.
        let bucket = format!("http://127.0.0.1:{filer}/buckets/{BUCKET}/");
        let made = client.post(bucket).send().await.context("the bucket was not made")?;
        if !made.status().is_success() {
            bail!("the bucket was not made: {}", made.status());
        }
        Ok(Self { server, port, _folder: folder })
    }

    /// Settings of kefu that name it.
    pub fn settings(&self) -> [(String, String); 5] {
        [
            ("BUCKET", BUCKET.to_owned()),
            ("ENDPOINT", self.endpoint()),
            ("ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("ALLOW_HTTP", "true".to_owned()),
        ]
        .map(|(name, value)| (format!("KEFU_FILES__{name}"), value))
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What tests need to know of it.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("KEFU_TEST_S3_ENDPOINT", self.endpoint()),
            ("KEFU_TEST_S3_BUCKET", BUCKET.to_owned()),
            ("KEFU_TEST_S3_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("KEFU_TEST_S3_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ]
    }
}

fn identities() -> String {
    let credentials = serde_json::json!([{"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}]);
    let actions = ["Admin", "Read", "List", "Tagging", "Write"];
    serde_json::json!({"identities": [{"name": "kefu", "credentials": credentials, "actions": actions}]}).to_string()
}
