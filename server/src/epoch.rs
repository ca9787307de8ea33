//! `kefu epoch next`: goes on from the store when the log is lost.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use kefu_assigner::reopen::next_epoch;
use kefu_model::allocation::Allocation;
use kefu_model::conversation::SessionStatus;
use kefu_model::ids::{Partition, allocation_partition_of};
use kefu_model::{Conversation, TenantId};
use kefu_nats::{LogKind, LogName, clock, codec};
use kefu_store::{Checkpoint, ConversationKey, Deployment, LogReader, SessionQuery, Store};

use crate::backends;
use crate::cli::EpochCommand;
use crate::roles::tenants;
use kefu::settings::Settings;

/// Readers of the conversations' logs.
const CHAT_READERS: [LogReader; 2] = [LogReader::Archiver, LogReader::Reporter];

/// Runs `kefu epoch …`.
///
/// # Errors
/// What went wrong, for the person at the terminal. Interrupted or failed, it can be run again.
pub async fn run(mut settings: Settings, command: EpochCommand) -> anyhow::Result<()> {
    let EpochCommand::Next { yes } = command;
    backends::require_deployment(&settings)?;
    let data = backends::open_data(&settings)?;
    let store = backends::open_store(&settings).await?;
    let Some(deployment) = store.deployment().await? else { bail!("the store holds no deployment yet: start kefu") };
    settings.deployment.partitions = deployment.partitions;
    settings.deployment.allocation_partitions = deployment.allocation_partitions;
    let stored = stored(&store, &deployment).await?;
    let Some(last) = stored.iter().map(|checkpoint| checkpoint.epoch).max() else {
        bail!("the store does not know a log yet: start kefu");
    };
    let epoch = last + 1;
    if !yes {
        bail!("this opens epoch {epoch}: {}. Add --yes to do it", consequence(&settings));
    }
    let next = next_checkpoints(&store, &settings, &stored, epoch).await?;
    let aside = backends::take_log_away(&settings, &data, epoch - 1).await?;
    let broker = backends::open_broker(&settings, &data).await?;
    for checkpoint in next {
        let log_id = broker.log_info(log_of(&checkpoint)).await?.id.into_bytes();
        store.save_checkpoint(Checkpoint { log_id, ..checkpoint }).await.context("the store cannot be written")?;
    }
    broker.transport().close().await?;
    store.close().await?;
    println!("Epoch {epoch} is open. Start kefu: it goes on from what the store holds.");
    if let Some(aside) = aside {
        println!("The old log is in {}; nothing reads it any more.", aside.display());
    }
    Ok(())
}

/// The epoch of the deployment's logs; the first one before anything was archived.
///
/// # Errors
/// When the store cannot be read.
pub async fn current(store: &Arc<dyn Store>, deployment: &Deployment) -> anyhow::Result<u64> {
    Ok(stored(store, deployment).await?.iter().map(|checkpoint| checkpoint.epoch).max().unwrap_or(1))
}

fn consequence(settings: &Settings) -> String {
    let log = if backends::is_embedded(settings) {
        "the log in the data folder is moved aside".to_owned()
    } else {
        format!("the streams {}_* on NATS are deleted", settings.nats.prefix)
    };
    format!("{log}, an empty one is made, and what was not in the store yet is gone")
}

fn log_of(checkpoint: &Checkpoint) -> LogName {
    let kind = if checkpoint.reader == LogReader::Assigner { LogKind::Allocation } else { LogKind::Chat };
    LogName { kind, partition: checkpoint.partition }
}

/// All checkpoints there are.
async fn stored(store: &Arc<dyn Store>, deployment: &Deployment) -> anyhow::Result<Vec<Checkpoint>> {
    let chat = (0..deployment.partitions).flat_map(|n| CHAT_READERS.map(|reader| (reader, Partition(n))));
    let allocation = (0..deployment.allocation_partitions).map(|n| (LogReader::Assigner, Partition(n)));
    let mut found = Vec::new();
    for (reader, partition) in chat.chain(allocation) {
        found.extend(store.checkpoint(reader, partition).await.context("a checkpoint cannot be read")?);
    }
    Ok(found)
}

/// The checkpoints at the beginning of the epoch, for every reader of every partition; without the log's id.
async fn next_checkpoints(
    store: &Arc<dyn Store>,
    settings: &Settings,
    stored: &[Checkpoint],
    epoch: u64,
) -> anyhow::Result<Vec<Checkpoint>> {
    let at_start = |reader, partition, state| Checkpoint {
        reader,
        partition,
        epoch,
        log_id: [0; 16],
        position: 0,
        generation: 0,
        ordinal: 0,
        state,
    };
    let state_of = |reader, partition| {
        let of = |checkpoint: &&Checkpoint| (checkpoint.reader, checkpoint.partition) == (reader, partition);
        stored.iter().find(of).map(|checkpoint| checkpoint.state.clone()).unwrap_or_default()
    };
    let mut next = Vec::new();
    for partition in (0..settings.deployment.partitions).map(Partition) {
        next.extend(CHAT_READERS.map(|reader| at_start(reader, partition, state_of(reader, partition))));
    }
    for partition in (0..settings.deployment.allocation_partitions).map(Partition) {
        let old = state_of(LogReader::Assigner, partition);
        let state = reopened(store, settings, partition, &old, epoch).await?;
        next.push(at_start(LogReader::Assigner, partition, state));
    }
    Ok(next)
}

/// The state of an allocation partition at the beginning of the epoch: every tenant's, corrected by the open sessions.
async fn reopened(
    store: &Arc<dyn Store>,
    settings: &Settings,
    partition: Partition,
    old: &[u8],
    epoch: u64,
) -> anyhow::Result<Vec<u8>> {
    let mut states =
        if old.is_empty() { Vec::new() } else { codec::decode_allocation_states(old).context("allocation's state")? };
    for tenant in tenants(settings)? {
        let here = allocation_partition_of(&tenant.tenant, settings.deployment.allocation_partitions) == partition;
        if here && states.iter().all(|state| state.tenant != tenant.tenant) {
            states.push(Allocation::empty(tenant.tenant));
        }
    }
    let mut next = Vec::with_capacity(states.len());
    for state in states {
        let open = open_conversations(store, &state.tenant).await?;
        next.push(next_epoch(state, epoch, settings.deployment.partitions, &open, clock::now()));
    }
    Ok(codec::encode_allocation_states(&next).to_vec())
}

/// The tenant's conversations with an open session.
async fn open_conversations(store: &Arc<dyn Store>, tenant: &TenantId) -> anyhow::Result<Vec<Conversation>> {
    let mut open = Vec::new();
    for status in [SessionStatus::Waiting, SessionStatus::Active] {
        let limit = kefu_store::limits::PAGE_ITEMS;
        let mut query = SessionQuery { status: Some(status), limit, ..SessionQuery::default() };
        loop {
            let page = store.sessions(tenant, &query).await.context("sessions cannot be read")?;
            let keys: Vec<ConversationKey> = page.sessions.into_iter().map(|session| session.conversation).collect();
            let loaded = store.load_conversations(&keys).await.context("conversations cannot be read")?;
            open.extend(loaded.into_iter().flatten().map(|stored| stored.value));
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
    }
    Ok(open)
}
