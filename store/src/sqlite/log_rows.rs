//! The statements that write rows of the log. Each refuses to replace a newer row.

use kefu_model::{Audience, User};
use rusqlite::{Connection, params};

use super::values::{int, opt_int};
use crate::error::StoreError;
use crate::log::{
    Amendment, Checkpoint, CustomerRow, DeviceRow, ItemRow, KeyRow, LogBatch, MemberRow, SessionRow, StateRow,
    VersionRow,
};
use crate::rows::{Blob, event_blob, status_number, user_kind};

/// All rows of a batch, in the order of the contract.
pub(crate) fn write_batch(conn: &Connection, batch: &LogBatch) -> Result<(), StoreError> {
    batch.items.iter().try_for_each(|row| item(conn, row))?;
    batch.versions.iter().try_for_each(|row| version(conn, row))?;
    batch.amendments.iter().try_for_each(|row| amendment(conn, row))?;
    batch.devices.iter().try_for_each(|row| device(conn, row))?;
    batch.keys.iter().try_for_each(|row| key(conn, row))?;
    batch.members.iter().try_for_each(|row| member(conn, row))?;
    batch.sessions.iter().try_for_each(|row| session(conn, row))?;
    batch.customers.iter().try_for_each(|row| customer(conn, row))?;
    batch.states.iter().try_for_each(|row| state(conn, row))?;
    batch.checkpoint.iter().try_for_each(|row| checkpoint(conn, row))
}

fn item(conn: &Connection, row: &ItemRow) -> Result<(), StoreError> {
    let item = &row.item;
    conn.prepare_cached(
        "INSERT INTO messages (tenant, conversation, seq, slot, rev, at, staff, body, stamp)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET rev = excluded.rev, at = excluded.at, staff = excluded.staff,
             body = excluded.body, stamp = excluded.stamp WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        row.conversation.conversation.to_bytes(),
        int(item.key.seq),
        int(item.key.slot),
        int(item.rev),
        int(item.at.0),
        item.event.audience() == Audience::Staff,
        event_blob(&item.event)?,
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn version(conn: &Connection, row: &VersionRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO message_versions (tenant, conversation, seq, rev, body, stamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET body = excluded.body, stamp = excluded.stamp WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        row.conversation.conversation.to_bytes(),
        int(row.seq),
        int(row.version.rev()),
        row.version.to_blob()?,
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn amendment(conn: &Connection, row: &Amendment) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE messages SET edited = COALESCE(?4, edited), recalled = COALESCE(?5, recalled), amend_stamp = ?6
         WHERE tenant = ?1 AND conversation = ?2 AND seq = ?3 AND slot = 0 AND amend_stamp < ?6",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        row.conversation.conversation.to_bytes(),
        int(row.seq),
        row.edited.as_ref().map(Blob::to_blob).transpose()?,
        row.recalled.as_ref().map(Blob::to_blob).transpose()?,
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn device(conn: &Connection, row: &DeviceRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO devices (tenant, conversation, device, log, stamp) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET log = excluded.log, stamp = excluded.stamp WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.key.conversation.tenant.as_str(),
        row.key.conversation.conversation.to_bytes(),
        row.key.device.as_str(),
        row.log.to_blob()?,
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn key(conn: &Connection, row: &KeyRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO commands (tenant, conversation, key, entry, at, stamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET entry = excluded.entry, at = excluded.at, stamp = excluded.stamp
         WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        row.conversation.conversation.to_bytes(),
        row.key.as_str(),
        row.entry.to_blob()?,
        int(row.entry.at.0),
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn member(conn: &Connection, row: &MemberRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO by_member (tenant, user_kind, user_id, conversation, active, read, delivered, rev, seq,
                                updated_at, stamp)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET active = excluded.active, read = excluded.read, delivered = excluded.delivered,
             rev = excluded.rev, seq = excluded.seq, updated_at = excluded.updated_at, stamp = excluded.stamp
         WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        user_kind(row.user.kind),
        row.user.id.as_str(),
        row.conversation.conversation.to_bytes(),
        row.active,
        int(row.read),
        int(row.delivered),
        int(row.rev),
        int(row.seq),
        int(row.updated_at.0),
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn session(conn: &Connection, row: &SessionRow) -> Result<(), StoreError> {
    let (customer, customer_name) = person(row.customer.as_ref());
    let (agent, agent_name) = person(row.agent.as_ref());
    conn.prepare_cached(
        "INSERT INTO sessions (tenant, conversation, ordinal, status, customer, customer_name, opened_at, agent,
                               agent_name, assigned_at, ended_at, ended_by_kind, ended_by, end_reason, rating,
                               comment, stamp)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT DO UPDATE SET status = excluded.status, customer = excluded.customer,
             customer_name = excluded.customer_name, agent = excluded.agent, agent_name = excluded.agent_name,
             assigned_at = excluded.assigned_at, ended_at = excluded.ended_at,
             ended_by_kind = excluded.ended_by_kind, ended_by = excluded.ended_by,
             end_reason = COALESCE(excluded.end_reason, end_reason), rating = excluded.rating,
             comment = COALESCE(excluded.comment, comment), stamp = excluded.stamp
         WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.conversation.tenant.as_str(),
        row.conversation.conversation.to_bytes(),
        int(row.ordinal),
        status_number(row.status),
        customer,
        customer_name,
        int(row.opened_at.0),
        agent,
        agent_name,
        opt_int(row.assigned_at.map(|at| at.0)),
        opt_int(row.ended_at.map(|at| at.0)),
        row.ended_by.as_ref().map(|user| user_kind(user.kind)),
        row.ended_by.as_ref().map(|user| user.id.as_str()),
        row.end_reason.as_deref(),
        row.rating,
        row.comment.as_deref(),
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn person(person: Option<&(User, Option<kefu_model::Name>)>) -> (Option<&str>, Option<&str>) {
    match person {
        None => (None, None),
        Some((user, name)) => (Some(user.id.as_str()), name.as_ref().map(kefu_model::Name::as_str)),
    }
}

fn customer(conn: &Connection, row: &CustomerRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO customers (tenant, id, name, created_at, last_seen_at, stamp)
         VALUES (?1, ?2, ?3, COALESCE(?4, 0), COALESCE(?5, 0), ?6)
         ON CONFLICT DO UPDATE SET name = COALESCE(?3, name), created_at = COALESCE(?4, created_at),
             last_seen_at = COALESCE(?5, last_seen_at), stamp = excluded.stamp
         WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.tenant.as_str(),
        row.id.as_str(),
        row.name.as_ref().map(kefu_model::Name::as_str),
        opt_int(row.created_at.map(|at| at.0)),
        opt_int(row.last_seen_at.map(|at| at.0)),
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn state(conn: &Connection, row: &StateRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO conversations (tenant, conversation, state, stamp) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET state = excluded.state, stamp = excluded.stamp WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.state.tenant.as_str(),
        row.state.id.to_bytes(),
        row.state.to_blob()?,
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

/// A checkpoint; one that is behind changes nothing.
pub(super) fn checkpoint(conn: &Connection, row: &Checkpoint) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO partitions (reader, partition, epoch, log_id, position, generation, ordinal, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET epoch = excluded.epoch, log_id = excluded.log_id, position = excluded.position,
             generation = excluded.generation, ordinal = excluded.ordinal, state = excluded.state
         WHERE (excluded.epoch, excluded.position) >= (epoch, position)",
    )?
    .execute(params![
        row.reader.as_str(),
        row.partition.0,
        int(row.epoch),
        row.log_id,
        int(row.position),
        int(row.generation),
        int(row.ordinal),
        row.state,
    ])?;
    Ok(())
}
