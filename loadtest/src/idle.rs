//! Connections that only stay.

use std::time::Duration;

use crate::client;
use crate::process::usage;

/// Connects, waits, and says what each connection costs.
pub async fn run(url: &str, pid: Option<u32>, connections: usize) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let visitor = client::visitor(&http, url).await?;
    let warm = client::connect(url, &visitor, "warm").await?;
    let before = usage(pid);
    let mut open = vec![warm];
    for n in 0..connections {
        let visitor = client::visitor(&http, url).await?;
        let (mut sender, mut receiver) = client::connect(url, &visitor, "idle").await?;
        sender.attach(&visitor).await?;
        receiver.until("attached").await?;
        open.push((sender, receiver));
        if (n + 1) % 1_000 == 0 {
            println!("{} connections", n + 1);
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    if let (Some(before), Some(after)) = (before, usage(pid)) {
        let grown = after.resident_bytes.saturating_sub(before.resident_bytes);
        println!("resident: {} KiB before, {} KiB after", before.resident_bytes / 1024, after.resident_bytes / 1024);
        println!("per idle connection: {:.1} KiB", grown as f64 / 1024.0 / connections as f64);
    }
    drop(open);
    Ok(())
}
