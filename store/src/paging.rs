//! Pages of lists, as every implementation cuts them.

use crate::error::StoreError;
use crate::limits::{PAGE_ITEMS, SKIP_ROWS};

/// Refuses a page beyond the limits; a limit of 0 counts as 1.
pub(crate) fn page(limit: u32, skip: u32) -> Result<u32, StoreError> {
    StoreError::check_limit("items", limit.into(), PAGE_ITEMS.into())?;
    StoreError::check_limit("items to pass over", skip.into(), SKIP_ROWS.into())?;
    Ok(limit.max(1))
}

/// Cuts a list that was read one longer than its page and says whether it was.
pub(crate) fn cut<T>(list: &mut Vec<T>, limit: u32) -> bool {
    let more = list.len() > limit as usize;
    list.truncate(limit as usize);
    more
}
