//! Log lines: structured, on standard error, without personal data.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use kefu::settings::LogFormat;

/// Starts logging.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(settings: &kefu::settings::Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).context("log.filter cannot be read")?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
