//! Pages of history. Places are half-open ranges of keys; times are turned into places by halving, because within a
//! conversation time never goes back.

use std::ops::Range;

use kefu_model::{At, ConversationId, TenantId};
use rusqlite::{Connection, Row, params};

use super::values::{all, count, get, get_at, get_u64, int, one};
use crate::error::StoreError;
use crate::history::{HistoryPage, HistoryQuery, Window};
use crate::limits::{PAGE_ROWS, VERSIONS};
use crate::log::{Edit, Item, ItemKey, Recall, Version};
use crate::paging::{cut, page};
use crate::rows::{Blob, Body};

const FIRST: ItemKey = ItemKey { seq: 0, slot: 0 };
const END: ItemKey = ItemKey { seq: u64::MAX >> 1, slot: u64::MAX >> 1 };

/// One conversation's rows.
pub(crate) struct Scope<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) tenant: &'a TenantId,
    pub(crate) conversation: ConversationId,
}

/// What may be seen of it.
struct Bounds {
    keys: Range<ItemKey>,
    from: At,
    to: At,
}

impl Scope<'_> {
    pub(crate) fn page(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        let limit = page(query.limit, 0)?;
        let bounds = self.bounds(&query)?;
        match query.window {
            Window::Newest => self.backwards(&bounds, END, limit),
            Window::Before(key) => self.backwards(&bounds, key, limit),
            Window::After(key) => self.forwards(&bounds, after(key), limit),
            Window::Page(number) => self.numbered(&bounds, number, limit),
        }
    }

    pub(super) fn message(&self, seq: u64) -> Result<Option<Item>, StoreError> {
        let sql = "SELECT * FROM messages WHERE tenant = ?1 AND conversation = ?2 AND seq = ?3 AND slot = 0";
        let params = params![self.tenant.as_str(), self.conversation.to_bytes(), int(seq)];
        one(self.conn, sql, params, item)
    }

    pub(super) fn versions(&self, seq: u64) -> Result<Vec<Version>, StoreError> {
        let sql = "SELECT body FROM message_versions WHERE tenant = ?1 AND conversation = ?2 AND seq = ?3
                   ORDER BY rev LIMIT ?4";
        let params = params![self.tenant.as_str(), self.conversation.to_bytes(), int(seq), VERSIONS];
        all(self.conn, sql, params, |row| Version::from_blob(&get::<Vec<u8>>(row, "body")?))
    }

    fn backwards(&self, bounds: &Bounds, end: ItemKey, limit: u32) -> Result<HistoryPage, StoreError> {
        let end = end.min(bounds.keys.end);
        let mut items = self.rows(bounds, bounds.keys.start..end, "DESC", limit + 1)?;
        let has_older = cut(&mut items, limit);
        items.reverse();
        Ok(HistoryPage { items, has_older, has_newer: self.any(bounds, end..bounds.keys.end)? })
    }

    fn forwards(&self, bounds: &Bounds, start: ItemKey, limit: u32) -> Result<HistoryPage, StoreError> {
        let start = start.max(bounds.keys.start);
        let mut items = self.rows(bounds, start..bounds.keys.end, "ASC", limit + 1)?;
        let has_newer = cut(&mut items, limit);
        Ok(HistoryPage { items, has_older: self.any(bounds, bounds.keys.start..start)?, has_newer })
    }

    fn numbered(&self, bounds: &Bounds, number: u32, size: u32) -> Result<HistoryPage, StoreError> {
        let head = self.head()?;
        let passed = u64::from(number.max(1) - 1) * u64::from(size);
        if passed > 0 && passed >= head {
            return Ok(HistoryPage { has_newer: head > 0, ..HistoryPage::default() });
        }
        let last = head - passed;
        let first = last.saturating_sub(size.into());
        let start = if first == 0 { FIRST } else { ItemKey::message(first + 1) };
        let end = if passed == 0 { END } else { ItemKey::message(last + 1) };
        let mut items = self.rows(bounds, start..end, "DESC", PAGE_ROWS + 1)?;
        let was_cut = cut(&mut items, PAGE_ROWS);
        items.reverse();
        Ok(HistoryPage { items, has_older: was_cut || first > 0, has_newer: passed > 0 })
    }

    fn rows(&self, bounds: &Bounds, keys: Range<ItemKey>, order: &str, limit: u32) -> Result<Vec<Item>, StoreError> {
        let sql = format!(
            "SELECT * FROM messages WHERE tenant = ?1 AND conversation = ?2 AND (seq, slot) >= (?3, ?4)
                 AND (seq, slot) < (?5, ?6) AND at >= ?7 AND at < ?8
             ORDER BY seq {order}, slot {order} LIMIT ?9"
        );
        let params = params![
            self.tenant.as_str(),
            self.conversation.to_bytes(),
            int(keys.start.seq),
            int(keys.start.slot),
            int(keys.end.seq),
            int(keys.end.slot),
            int(bounds.from.0),
            int(bounds.to.0),
            limit,
        ];
        all(self.conn, &sql, params, item)
    }

    fn any(&self, bounds: &Bounds, keys: Range<ItemKey>) -> Result<bool, StoreError> {
        Ok(keys.start < keys.end && !self.rows(bounds, keys, "ASC", 1)?.is_empty())
    }

    fn bounds(&self, query: &HistoryQuery) -> Result<Bounds, StoreError> {
        let head = if query.from.is_some() || query.to.is_some() { self.head()? } else { 0 };
        let start = match query.from {
            None => FIRST,
            // Items without a seq of their own may come between the message before and this one.
            Some(from) => ItemKey::message(self.first_message_at(from, head)?.saturating_sub(1)),
        };
        let end = match query.to {
            None => END,
            Some(to) => ItemKey::message(self.first_message_at(to, head)?),
        };
        let to = query.to.unwrap_or(At(u64::MAX));
        Ok(Bounds { keys: start..end, from: query.from.unwrap_or_default(), to })
    }

    /// The first seq whose message is not before that time; head + 1 when there is none. Reads log2(head) rows.
    fn first_message_at(&self, at: At, head: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (1, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let sql = "SELECT at FROM messages WHERE tenant = ?1 AND conversation = ?2 AND seq >= ?3
                       ORDER BY seq, slot LIMIT 1";
            let params = params![self.tenant.as_str(), self.conversation.to_bytes(), int(middle)];
            match one(self.conn, sql, params, |row| get_at(row, "at"))? {
                Some(found) if found < at => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    fn head(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(MAX(seq), 0) FROM messages WHERE tenant = ?1 AND conversation = ?2";
        count(self.conn, sql, params![self.tenant.as_str(), self.conversation.to_bytes()])
    }
}

fn after(key: ItemKey) -> ItemKey {
    ItemKey { seq: key.seq, slot: key.slot.saturating_add(1) }
}

fn item(row: &Row<'_>) -> Result<Item, StoreError> {
    let body: Vec<u8> = get(row, "body")?;
    let edited: Option<Vec<u8>> = get(row, "edited")?;
    let recalled: Option<Vec<u8>> = get(row, "recalled")?;
    Ok(Item {
        key: ItemKey { seq: get_u64(row, "seq")?, slot: get_u64(row, "slot")? },
        rev: get_u64(row, "rev")?,
        at: get_at(row, "at")?,
        event: Body::from_blob(&body)?.0,
        edited: edited.map(|blob| Edit::from_blob(&blob)).transpose()?,
        recalled: recalled.map(|blob| Recall::from_blob(&blob)).transpose()?,
    })
}
