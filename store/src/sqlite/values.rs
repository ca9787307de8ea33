//! Values in and out of columns, and SQLite's errors in the store's terms.

use kefu_model::{At, ConversationId, Name, TenantId, UserId};
use rusqlite::ffi::ErrorCode;
use rusqlite::types::FromSql;
use rusqlite::{Connection, Error, Params, Row};

use crate::error::StoreError;
use crate::rows::text_id;
use crate::stamp::Stamp;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for StoreError {
    fn from(error: &Error) -> Self {
        let Error::SqliteFailure(failure, _) = error else {
            return match error {
                Error::FromSqlConversionFailure(..)
                | Error::InvalidColumnType(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::Utf8Error(..) => Self::corrupt("column", error),
                _ => Self::Backend(error.to_string()),
            };
        };
        match failure.code {
            // A file that cannot be opened now may be later: the process may be out of file descriptors.
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen => Self::Unavailable(error.to_string()),
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::ReadOnly => Self::ReadOnly,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::corrupt("database file", error),
            _ => Self::Backend(error.to_string()),
        }
    }
}

/// A number for a column. Numbers from 2^63 on do not occur; they would be kept as the largest.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn opt_int(number: Option<u64>) -> Option<i64> {
    number.map(int)
}

pub(super) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    Ok(row.get(column)?)
}

pub(super) fn get_u64(row: &Row<'_>, column: &str) -> Result<u64, StoreError> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| StoreError::corrupt("number", error))
}

pub(super) fn get_at(row: &Row<'_>, column: &str) -> Result<At, StoreError> {
    get_u64(row, column).map(At)
}

pub(super) fn get_opt_at(row: &Row<'_>, column: &str) -> Result<Option<At>, StoreError> {
    let number: Option<i64> = row.get(column)?;
    number.map(|number| u64::try_from(number).map(At).map_err(|error| StoreError::corrupt("time", error))).transpose()
}

pub(super) fn get_stamp(row: &Row<'_>) -> Result<Stamp, StoreError> {
    get_u64(row, "stamp").map(Stamp::from_raw)
}

pub(super) fn get_tenant(row: &Row<'_>) -> Result<TenantId, StoreError> {
    text_id("tenant", TenantId::new, &get::<String>(row, "tenant")?)
}

pub(super) fn get_user_id(row: &Row<'_>, column: &str) -> Result<UserId, StoreError> {
    text_id("user id", UserId::new, &get::<String>(row, column)?)
}

pub(super) fn get_opt_name(row: &Row<'_>, column: &str) -> Result<Option<Name>, StoreError> {
    get::<Option<String>>(row, column)?.map(|text| text_id("name", Name::new, &text)).transpose()
}

pub(super) fn get_conversation(row: &Row<'_>) -> Result<ConversationId, StoreError> {
    ConversationId::from_bytes(&get::<Vec<u8>>(row, "conversation")?)
        .map_err(|error| StoreError::corrupt("conversation id", error))
}

/// The first row, if any.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// All rows; the statement bounds them.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(read(row)?);
    }
    Ok(list)
}

/// A count.
pub(super) fn count(conn: &Connection, sql: &str, params: impl Params) -> Result<u64, StoreError> {
    Ok(one(conn, sql, params, |row| Ok(row.get::<_, i64>(0)?))?.unwrap_or(0).cast_unsigned())
}
