//! The schema, in numbered migrations. A migration that was released is never changed.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// `KEFU`, in the file's header: says whose file it is.
pub(super) const APPLICATION_ID: u32 = 0x4b45_4655;

const MIGRATIONS: &[&str] = &[include_str!("schema/0001_initial.sql")];

/// The newest version of the schema that is known here.
#[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Refuses a file of another program or of a newer release.
pub(super) fn check_ours(connection: &Connection) -> Result<(), StoreError> {
    let (application_id, version) = header(connection)?;
    let tables: u32 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if application_id != APPLICATION_ID && (application_id != 0 || tables > 0) {
        return Err(StoreError::Foreign { found: application_id, expected: APPLICATION_ID });
    }
    if version > VERSION {
        return Err(StoreError::NewerSchema { found: version, known: VERSION });
    }
    Ok(())
}

/// Brings the schema to [`VERSION`], in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if header(connection)? == (APPLICATION_ID, VERSION) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    check_ours(&transaction)?;
    let (_, version) = header(&transaction)?;
    for migration in MIGRATIONS.iter().skip(version as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

fn header(connection: &Connection) -> Result<(u32, u32), StoreError> {
    let application_id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application_id.cast_unsigned(), version.cast_unsigned()))
}
