//! What is fixed when a deployment is created and checked at every start.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use kefu_model::ids::PARTITION_HASH;
use kefu_nats::{Broker, clock};
use kefu_store::{Deployment, Secret, Store};

use crate::backends::WAY_OUT;
use kefu::settings::Settings;

/// Finds the deployment in the store, or creates it.
///
/// # Errors
/// When it was created with other partitions, or by `--demo` and is opened without, or the other way round.
pub async fn open(store: &Arc<dyn Store>, settings: &Settings, demo: bool) -> anyhow::Result<Deployment> {
    let proposal = propose(settings, demo)?;
    let deployment = store.deployment_or_create(proposal.clone()).await.context("the deployment cannot be read")?;
    if deployment.demo && !demo {
        bail!(
            "this data folder was made by --demo, whose passwords everybody knows: only --demo opens it. Name another \
             folder with --data-dir"
        );
    }
    if demo && !deployment.demo {
        bail!("this data folder holds a real deployment: --demo does not open it. Name another folder with --data-dir");
    }
    let (found, asked) = (&deployment, &proposal);
    if (found.partitions, found.allocation_partitions) != (asked.partitions, asked.allocation_partitions) {
        bail!(
            "this deployment was created with {} partitions of conversations and {} of allocation, and they cannot be \
             changed; the settings say {} and {}",
            found.partitions,
            found.allocation_partitions,
            asked.partitions,
            asked.allocation_partitions
        );
    }
    if found.partition_hash != PARTITION_HASH {
        bail!("this deployment was created with the partition hash {}, not {PARTITION_HASH}", found.partition_hash);
    }
    Ok(deployment)
}

/// Lets nobody begin anew beside a log that is not empty: the store that belongs to it was lost or moved.
///
/// # Errors
/// When a log holds records, or cannot be looked at.
pub async fn refuse_used_log(broker: &Broker, store: &Arc<dyn Store>, place: &str) -> anyhow::Result<()> {
    for log in broker.logs() {
        let info = broker.log_info(log).await.context("the log cannot be looked at")?;
        // Another process may have created the deployment, and begun, since it was looked for.
        if info.last > 0 && store.deployment().await.context("the deployment cannot be read")?.is_none() {
            bail!(
                "{place} is empty, but the log {log} holds records: the store that belongs to them is lost or elsewhere. \
                 Restore it, or take the log away to begin anew: {WAY_OUT}"
            );
        }
    }
    Ok(())
}

fn propose(settings: &Settings, demo: bool) -> anyhow::Result<Deployment> {
    let mut id = [0; 16];
    let mut secret = vec![0; 32];
    getrandom::fill(&mut id).context("no random numbers")?;
    getrandom::fill(&mut secret).context("no random numbers")?;
    Ok(Deployment {
        id,
        partitions: settings.deployment.partitions,
        allocation_partitions: settings.deployment.allocation_partitions,
        partition_hash: PARTITION_HASH.to_owned(),
        created_at: clock::now(),
        demo,
        signing_secret: Secret(secret),
    })
}
