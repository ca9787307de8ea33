//! Values in and out of columns.

use kefu_model::{At, ConversationId, Name, TenantId, User, UserId};

use crate::error::StoreError;
use crate::rows::{text_id, user_kind};
use crate::stamp::Stamp;

/// A number for a column. Numbers from 2^63 on do not occur; they would be kept as the largest.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time for a column.
pub(super) fn at(at: At) -> i64 {
    int(at.0)
}

/// A limit for a statement.
pub(super) fn limit(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}

/// A stamp as the time of a write.
pub(super) fn write_time(stamp: Stamp) -> i64 {
    int(stamp.as_u64())
}

/// A user's kind for a column.
pub(super) fn kind(user: &User) -> i8 {
    user_kind(user.kind).cast_signed()
}

pub(super) fn read_u64(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|error| StoreError::corrupt("number", error))
}

pub(super) fn read_at(number: i64) -> Result<At, StoreError> {
    read_u64(number).map(At)
}

pub(super) fn read_opt_at(number: Option<i64>) -> Result<Option<At>, StoreError> {
    number.map(read_at).transpose()
}

pub(super) fn read_u8(number: i8) -> Result<u8, StoreError> {
    u8::try_from(number).map_err(|error| StoreError::corrupt("number", error))
}

/// A stamp from the time of a write.
pub(super) fn read_stamp(write_time: i64) -> Result<Stamp, StoreError> {
    read_u64(write_time).map(Stamp::from_raw)
}

pub(super) fn read_tenant(text: &str) -> Result<TenantId, StoreError> {
    text_id("tenant", TenantId::new, text)
}

pub(super) fn read_user_id(text: &str) -> Result<UserId, StoreError> {
    text_id("user id", UserId::new, text)
}

pub(super) fn read_name(text: Option<&str>) -> Result<Option<Name>, StoreError> {
    text.map(|text| text_id("name", Name::new, text)).transpose()
}

pub(super) fn read_conversation(bytes: &[u8]) -> Result<ConversationId, StoreError> {
    ConversationId::from_bytes(bytes).map_err(|error| StoreError::corrupt("conversation id", error))
}
