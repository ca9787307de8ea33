//! The statements that write rows of the log, each at the time of its stamp.

use kefu_model::ConversationId;
use scylla::SerializeRow;
use scylla::value::MaybeUnset;

use super::batches::{Placed, lanes};
use super::buckets;
use super::client::Client;
use super::statements::statements;
use super::values::{int, write_time};
use crate::error::StoreError;
use crate::log::{Amendment, Checkpoint, ConversationKey, DeviceRow, ItemRow, KeyRow, StateRow, VersionRow};
use crate::rows::{Blob, CheckpointBody, event_blob};
use crate::stamp::Stamp;

statements! {
    ITEM = "INSERT INTO messages (tenant, conversation, bucket, seq, slot, rev, at, body)
        VALUES (:tenant, :conversation, :bucket, :seq, :slot, :rev, :at, :body) USING TIMESTAMP :stamp";
    VERSION = "INSERT INTO message_versions (tenant, conversation, bucket, seq, rev, body)
        VALUES (:tenant, :conversation, :bucket, :seq, :rev, :body) USING TIMESTAMP :stamp";
    AMENDMENT = "UPDATE messages USING TIMESTAMP :stamp SET edited = :edited, recalled = :recalled
        WHERE tenant = :tenant AND conversation = :conversation AND bucket = :bucket AND seq = :seq AND slot = 0";
    DEVICE = "INSERT INTO devices (tenant, conversation, device, log) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    KEY = "INSERT INTO commands (tenant, conversation, key, entry) VALUES (?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?";
    STATE = "INSERT INTO conversations (tenant, conversation, state, seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    CHECKPOINT = "INSERT INTO partitions (reader, partition, body) VALUES (?, ?, ?) USING TIMESTAMP ?";
}

/// About how many bytes of a row are not its blob.
const ROW_BYTES: usize = 128;

/// The partition of a message and what belongs to it.
#[derive(PartialEq, Eq, Hash)]
struct Bucket<'a> {
    conversation: &'a ConversationKey,
    bucket: u64,
}

impl<'a> Bucket<'a> {
    fn of(conversation: &'a ConversationKey, seq: u64) -> Self {
        Self { conversation, bucket: buckets::of_seq(seq) }
    }
}

#[derive(SerializeRow)]
struct ItemValues<'a> {
    tenant: &'a str,
    conversation: Id,
    bucket: i64,
    seq: i64,
    slot: i64,
    rev: i64,
    at: i64,
    body: Vec<u8>,
    stamp: i64,
}

/// A conversation's id as a column has it.
pub(super) type Id = Vec<u8>;

pub(super) fn id(conversation: ConversationId) -> Id {
    conversation.to_bytes().to_vec()
}

pub(super) async fn items(client: &Client, rows: &[ItemRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let (item, key) = (&row.item, &row.conversation);
        let partition = Bucket::of(key, item.key.seq);
        let values = ItemValues {
            tenant: key.tenant.as_str(),
            conversation: id(key.conversation),
            bucket: int(partition.bucket),
            seq: int(item.key.seq),
            slot: int(item.key.slot),
            rev: int(item.rev),
            at: int(item.at.0),
            body: event_blob(&item.event)?,
            stamp: write_time(row.stamp),
        };
        Ok(Placed { partition, bytes: values.body.len() + ROW_BYTES, values })
    });
    client.write_lanes(ITEM, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

#[derive(SerializeRow)]
struct VersionValues<'a> {
    tenant: &'a str,
    conversation: Id,
    bucket: i64,
    seq: i64,
    rev: i64,
    body: Vec<u8>,
    stamp: i64,
}

pub(super) async fn versions(client: &Client, rows: &[VersionRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let key = &row.conversation;
        let partition = Bucket::of(key, row.seq);
        let values = VersionValues {
            tenant: key.tenant.as_str(),
            conversation: id(key.conversation),
            bucket: int(partition.bucket),
            seq: int(row.seq),
            rev: int(row.version.rev()),
            body: row.version.to_blob()?,
            stamp: write_time(row.stamp),
        };
        Ok(Placed { partition, bytes: values.body.len() + ROW_BYTES, values })
    });
    client.write_lanes(VERSION, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

#[derive(SerializeRow)]
struct AmendmentValues<'a> {
    tenant: &'a str,
    conversation: Id,
    bucket: i64,
    seq: i64,
    edited: MaybeUnset<Vec<u8>>,
    recalled: MaybeUnset<Vec<u8>>,
    stamp: i64,
}

pub(super) async fn amendments(client: &Client, rows: &[Amendment]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let key = &row.conversation;
        let partition = Bucket::of(key, row.seq);
        let edited = row.edited.as_ref().map(Blob::to_blob).transpose()?;
        let recalled = row.recalled.as_ref().map(Blob::to_blob).transpose()?;
        let bytes = ROW_BYTES + edited.as_ref().map_or(0, Vec::len) + recalled.as_ref().map_or(0, Vec::len);
        let values = AmendmentValues {
            tenant: key.tenant.as_str(),
            conversation: id(key.conversation),
            bucket: int(partition.bucket),
            seq: int(row.seq),
            edited: MaybeUnset::from_option(edited),
            recalled: MaybeUnset::from_option(recalled),
            stamp: write_time(row.stamp),
        };
        Ok(Placed { partition, bytes, values })
    });
    client.write_lanes(AMENDMENT, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

pub(super) async fn devices(client: &Client, rows: &[DeviceRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let (key, log) = (&row.key.conversation, row.log.to_blob()?);
        let bytes = log.len() + ROW_BYTES;
        let place = (key.tenant.as_str(), id(key.conversation), row.key.device.as_str());
        let values = (place.0, place.1, place.2, log, write_time(row.stamp));
        Ok(Placed { partition: key, bytes, values })
    });
    client.write_lanes(DEVICE, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

/// Answers to keyed commands live for as long as is left of their time; none is left of one that comes so late.
pub(super) async fn keys(client: &Client, rows: &[KeyRow]) -> Result<(), StoreError> {
    let now = super::expiry::now();
    let placed = rows.iter().filter_map(|row| {
        let ttl = super::expiry::key_ttl_seconds(row.entry.at, now)?;
        Some((row, ttl))
    });
    let placed = placed.map(|(row, ttl)| {
        let (key, entry) = (&row.conversation, row.entry.to_blob()?);
        let bytes = entry.len() + ROW_BYTES;
        let (tenant, conversation) = (key.tenant.as_str(), id(key.conversation));
        let values = (tenant, conversation, row.key.as_str(), entry, ttl, write_time(row.stamp));
        Ok(Placed { partition: key, bytes, values })
    });
    client.write_lanes(KEY, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

pub(super) async fn states(client: &Client, rows: &[StateRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let state = &row.state;
        let (partition, blob) = ((&state.tenant, state.id), state.to_blob()?);
        let bytes = blob.len() + ROW_BYTES;
        let values = (state.tenant.as_str(), id(state.id), blob, int(state.seq), write_time(row.stamp));
        Ok(Placed { partition, bytes, values })
    });
    client.write_lanes(STATE, lanes(placed.collect::<Result<Vec<_>, StoreError>>()?)).await
}

/// A checkpoint; its time is its place in the log, so one that is behind changes nothing.
pub(super) async fn checkpoint(client: &Client, row: &Checkpoint) -> Result<(), StoreError> {
    let stamp = Stamp::new(row.epoch, row.position)?;
    let body = CheckpointBody(row.clone()).to_blob()?;
    client.write(CHECKPOINT, (row.reader.as_str(), i32::from(row.partition.0), body, write_time(stamp))).await
}
