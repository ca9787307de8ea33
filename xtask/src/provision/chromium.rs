//! Chromium, for the browser tests.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::debian;

/// Names the browser to use.
const VARIABLE: &str = "KEFU_TEST_CHROMIUM";
const MISSING: &str = "Chromium is not installed; install the Debian package `chromium` or set KEFU_TEST_CHROMIUM to \
                       the path of a Chromium";

/// Path of the browser; installed by apt-get if there is none and we may.
pub async fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if !path.is_file() {
            bail!("{VARIABLE} names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    debian::program("chromium", "chromium", MISSING).await
}
