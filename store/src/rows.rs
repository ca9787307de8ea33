//! Row types: how the model's values are kept in blobs.
//!
//! A blob is a version byte and msgpack. The types here are the store's own, so that the model can change while rows of
//! two releases lie side by side; a blob of a version that is not known here is an error.

mod checkpoint;
mod content;
mod conversation;
mod dedup;
mod event;
mod ids;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

pub(crate) use self::checkpoint::CheckpointBody;
pub(crate) use self::conversation::{status_from, status_number};
pub(crate) use event::{Body, event_blob};
pub(crate) use ids::{role_from_text, text_id, user_from_text, user_kind};

/// A value that is kept as a blob.
pub(crate) trait Blob: Sized {
    /// Its name in errors.
    const WHAT: &'static str;
    /// Writes it.
    fn to_blob(&self) -> Result<Vec<u8>, StoreError>;
    /// Reads it.
    fn from_blob(blob: &[u8]) -> Result<Self, StoreError>;
}

/// Writes a row behind its version.
fn encode(what: &'static str, version: u8, row: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut blob = Vec::with_capacity(128);
    blob.push(version);
    rmp_serde::encode::write(&mut blob, row).map_err(|error| StoreError::Backend(format!("{what}: {error}")))?;
    Ok(blob)
}

/// Reads a row whose version must be the one given, the only one there has been so far.
fn decode<T: DeserializeOwned>(what: &'static str, version: u8, blob: &[u8]) -> Result<T, StoreError> {
    match blob.split_first() {
        None => Err(StoreError::corrupt(what, "it is empty")),
        Some((found, rest)) if *found == version => {
            rmp_serde::from_slice(rest).map_err(|error| StoreError::corrupt(what, kind_of(&error)))
        }
        Some((0, _)) => Err(StoreError::corrupt(what, "version 0")),
        Some((found, _)) => Err(StoreError::UnknownVersion { what, found: *found, known: version }),
    }
}

/// What is wrong with a row, without what stands in it: the texts of these errors may quote that, and go into logs.
fn kind_of(error: &rmp_serde::decode::Error) -> &'static str {
    use rmp_serde::decode::Error;
    match error {
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => "it is cut off",
        Error::TypeMismatch(_) => "a value has another type",
        Error::OutOfRange => "a number is out of range",
        Error::LengthMismatch(_) => "it has another number of fields",
        Error::Utf8Error(_) => "a text is not UTF-8",
        Error::DepthLimitExceeded => "it is nested too deeply",
        Error::Uncategorized(_) | Error::Syntax(_) => "a value is none that is known here",
    }
}

#[cfg(test)]
mod tests;
