//! Readers of rows that others wrote, for the fuzz targets. Nothing here belongs into the product.

use kefu_model::{Content, Conversation};

use crate::log::{Edit, Recall, Version};
use crate::rows::{Blob, Body};

/// Kinds of rows that [`read_row`] knows.
pub const ROWS: u8 = 8;

/// Reads bytes as a blob of a kind.
///
/// # Panics
/// When what was read is not the same after it was written and read again.
pub fn read_row(kind: u8, blob: &[u8]) {
    match kind % ROWS {
        0 => stays::<Conversation>(blob),
        1 => stays::<Content>(blob),
        2 => stays::<Body>(blob),
        3 => stays::<Edit>(blob),
        4 => stays::<Recall>(blob),
        5 => stays::<Version>(blob),
        6 => stays::<kefu_model::conversation::DeviceLog>(blob),
        _ => stays::<kefu_model::conversation::KeyEntry>(blob),
    }
}

fn stays<T: Blob>(blob: &[u8]) {
    let Ok(value) = T::from_blob(blob) else { return };
    let written = value.to_blob().unwrap_or_else(|error| panic!("{} is not written: {error}", T::WHAT));
    let again = T::from_blob(&written).unwrap_or_else(|error| panic!("{} is not read again: {error}", T::WHAT));
    let rewritten = again.to_blob().unwrap_or_else(|error| panic!("{} is not written again: {error}", T::WHAT));
    assert_eq!(rewritten, written, "{}", T::WHAT);
}
