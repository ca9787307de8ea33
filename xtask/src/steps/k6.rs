//! The scripts for k6, for a short while, against the binary. k6 fails when a threshold does.

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::crash::kefu::Kefu;
use crate::{process, provision, workspace};

const SECONDS: u32 = 15;
/// Each script with its virtual users.
const SCRIPTS: [(&str, u32); 2] = [("chat.js", 20), ("idle.js", 200)];
/// All visitors come from one address: docs/performance.md.
const RAISED_LIMITS: [(&str, &str); 5] = [
    ("KEFU_LIMITS__VISITORS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__REQUESTS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__CONNECTIONS_PER_ADDRESS", "100000"),
    ("KEFU_LIMITS__FRAMES_PER_SECOND", "100000"),
    ("KEFU_LIMITS__FRAMES_BURST", "100000"),
];

/// Runs them, one after the other.
pub(super) async fn test() -> Result<()> {
    let k6 = provision::k6().await?;
    for (script, users) in SCRIPTS {
        let kefu = Kefu::start(&RAISED_LIMITS).await?;
        let mut command = Command::new(&k6);
        command
            .args(["run", "--quiet", "--no-usage-report", "--env"])
            .arg(format!("BASE_URL=http://{}", kefu.address()))
            .args(["--env", &format!("VUS={users}"), "--env", &format!("DURATION_S={SECONDS}")])
            .arg(script)
            .current_dir(workspace::k6_scripts());
        process::run(command).await.with_context(|| format!("the end of kefu's log:\n{}\n", kefu.log_tail()))?;
    }
    Ok(())
}
