//! Pages of history. Places are half-open ranges of keys, read bucket by bucket; times are turned into places by halving,
//! because within a conversation time never goes back.
//!
//! Messages have dense numbers, so a bucket is followed by another one exactly if it holds its last message, and no
//! bucket up to the newest is empty.

use std::ops::Range;

use kefu_model::{At, ConversationId, TenantId};
use scylla::DeserializeRow;

use super::buckets::{is_last, of_seq};
use super::client::Client;
use super::log_rows::{Id, id};
use super::statements::statements;
use super::values::{int, limit, read_at, read_u64};
use crate::error::StoreError;
use crate::history::{HistoryPage, HistoryQuery, Window};
use crate::limits::{PAGE_ROWS, VERSIONS};
use crate::log::{Edit, Item, ItemKey, Recall, Version};
use crate::paging::{cut, page};
use crate::rows::{Blob, Body};

statements! {
    MESSAGE = "SELECT seq, slot, rev, at, body, edited, recalled FROM messages
        WHERE tenant = ? AND conversation = ? AND bucket = ? AND seq = ? AND slot = 0";
    VERSIONS_OF = "SELECT body FROM message_versions
        WHERE tenant = ? AND conversation = ? AND bucket = ? AND seq = ? ORDER BY seq ASC, rev ASC LIMIT ?";
    ASCENDING = "SELECT seq, slot, rev, at, body, edited, recalled FROM messages
        WHERE tenant = ? AND conversation = ? AND bucket = ? AND (seq, slot) >= (?, ?)
            AND (seq, slot) < (?, ?)
        ORDER BY seq ASC, slot ASC LIMIT ?";
    DESCENDING = "SELECT seq, slot, rev, at, body, edited, recalled FROM messages
        WHERE tenant = ? AND conversation = ? AND bucket = ? AND (seq, slot) >= (?, ?)
            AND (seq, slot) < (?, ?)
        ORDER BY seq DESC, slot DESC LIMIT ?";
    TIME_OF = "SELECT at FROM messages
        WHERE tenant = ? AND conversation = ? AND bucket = ? AND seq = ? AND slot = 0";
    KNOWN_HEAD = "SELECT seq FROM conversations WHERE tenant = ? AND conversation = ?";
    NEWEST_OF_BUCKET = "SELECT seq FROM messages WHERE tenant = ? AND conversation = ? AND bucket = ?
        ORDER BY seq DESC, slot DESC LIMIT 1";
}

const FIRST: ItemKey = ItemKey { seq: 0, slot: 0 };
const END: ItemKey = ItemKey { seq: u64::MAX >> 1, slot: u64::MAX >> 1 };
/// Items of one read while the first one of a time is looked for.
const CHUNK: usize = 200;

/// One conversation's rows.
pub(super) struct Scope<'a> {
    client: &'a Client,
    tenant: &'a str,
    conversation: Id,
}

impl<'a> Scope<'a> {
    pub(super) fn new(client: &'a Client, tenant: &'a TenantId, conversation: ConversationId) -> Self {
        Self { client, tenant: tenant.as_str(), conversation: id(conversation) }
    }

    pub(super) async fn page(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        let limit = page(query.limit, 0)?;
        let bounds = self.bounds(&query).await?;
        match query.window {
            Window::Newest => self.backwards(bounds, END, limit).await,
            Window::Before(key) => self.backwards(bounds, key, limit).await,
            Window::After(key) => self.forwards(bounds, after(key), limit).await,
            Window::Page(number) => self.numbered(number, limit).await,
        }
    }

    pub(super) async fn message(&self, seq: u64) -> Result<Option<Item>, StoreError> {
        let row =
            self.client.first::<Row>(MESSAGE, (self.tenant, &self.conversation, int(of_seq(seq)), int(seq))).await?;
        row.map(Row::into_item).transpose()
    }

    pub(super) async fn versions(&self, seq: u64) -> Result<Vec<Version>, StoreError> {
        let values = (self.tenant, &self.conversation, int(of_seq(seq)), int(seq), limit(VERSIONS as usize));
        let rows: Vec<(Vec<u8>,)> = self.client.rows(VERSIONS_OF, values).await?;
        rows.iter().map(|(body,)| Version::from_blob(body)).collect()
    }

    async fn backwards(&self, bounds: Range<ItemKey>, end: ItemKey, limit: u32) -> Result<HistoryPage, StoreError> {
        let end = end.min(bounds.end);
        let mut items = self.descending(bounds.start..end, limit as usize + 1).await?;
        let has_older = cut(&mut items, limit);
        items.reverse();
        Ok(HistoryPage { items, has_older, has_newer: self.any(end..bounds.end).await? })
    }

    async fn forwards(&self, bounds: Range<ItemKey>, start: ItemKey, limit: u32) -> Result<HistoryPage, StoreError> {
        let start = start.max(bounds.start);
        let mut items = self.ascending(start..bounds.end, limit as usize + 1).await?;
        let has_newer = cut(&mut items, limit);
        Ok(HistoryPage { items, has_older: self.any(bounds.start..start).await?, has_newer })
    }

    async fn numbered(&self, number: u32, size: u32) -> Result<HistoryPage, StoreError> {
        let head = self.head().await?;
        let passed = u64::from(number.max(1) - 1) * u64::from(size);
        if passed > 0 && passed >= head {
            return Ok(HistoryPage { has_newer: head > 0, ..HistoryPage::default() });
        }
        let last = head - passed;
        let first = last.saturating_sub(size.into());
        let start = if first == 0 { FIRST } else { ItemKey::message(first + 1) };
        let end = if passed == 0 { END } else { ItemKey::message(last + 1) };
        let mut items = self.descending(start..end, PAGE_ROWS as usize + 1).await?;
        let was_cut = cut(&mut items, PAGE_ROWS);
        items.reverse();
        Ok(HistoryPage { items, has_older: was_cut || first > 0, has_newer: passed > 0 })
    }

    async fn any(&self, keys: Range<ItemKey>) -> Result<bool, StoreError> {
        Ok(keys.start < keys.end && !self.ascending(keys, 1).await?.is_empty())
    }

    /// The first items of a range.
    async fn ascending(&self, mut keys: Range<ItemKey>, most: usize) -> Result<Vec<Item>, StoreError> {
        let mut items: Vec<Item> = Vec::new();
        while keys.start < keys.end && items.len() < most {
            let bucket = of_seq(keys.start.seq);
            items.extend(self.items(ASCENDING, bucket, &keys, most - items.len()).await?);
            let reached = items.last().map_or(keys.start.seq, |item| item.key.seq.max(keys.start.seq));
            if !is_last(reached) {
                break;
            }
            keys.start = ItemKey::message(reached + 1);
        }
        Ok(items)
    }

    /// The last items of a range, the last one first.
    async fn descending(&self, keys: Range<ItemKey>, most: usize) -> Result<Vec<Item>, StoreError> {
        let mut items: Vec<Item> = Vec::new();
        if keys.start >= keys.end {
            return Ok(items);
        }
        let lowest = of_seq(keys.start.seq);
        let mut bucket = of_seq(keys.end.seq);
        if bucket > 0 {
            bucket = bucket.min(of_seq(self.head().await?)).max(lowest);
        }
        loop {
            items.extend(self.items(DESCENDING, bucket, &keys, most - items.len()).await?);
            if items.len() >= most || bucket <= lowest {
                return Ok(items);
            }
            bucket -= 1;
        }
    }

    async fn items(
        &self,
        cql: &'static str,
        bucket: u64,
        keys: &Range<ItemKey>,
        most: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let Range { start, end } = keys;
        let (from, to) = ((int(start.seq), int(start.slot)), (int(end.seq), int(end.slot)));
        let values = (self.tenant, &self.conversation, int(bucket), from.0, from.1, to.0, to.1, limit(most));
        let rows: Vec<Row> = self.client.rows(cql, values).await?;
        rows.into_iter().map(Row::into_item).collect()
    }

    /// The places of the query's times.
    async fn bounds(&self, query: &HistoryQuery) -> Result<Range<ItemKey>, StoreError> {
        if query.from.is_none() && query.to.is_none() || matches!(query.window, Window::Page(_)) {
            return Ok(FIRST..END);
        }
        let head = self.head().await?;
        let start = match query.from {
            None => FIRST,
            Some(from) => self.first_item_at(from, head).await?,
        };
        let end = match query.to {
            None => END,
            Some(to) => self.first_item_at(to, head).await?,
        };
        Ok(start..end)
    }

    /// The place of the first item that is not before that time; the end when there is none.
    async fn first_item_at(&self, at: At, head: u64) -> Result<ItemKey, StoreError> {
        let message = self.first_message_at(at, head).await?;
        let end = if message > head { END } else { ItemKey::message(message) };
        // Items without a seq of their own may come between the message before and this one.
        let mut start = ItemKey::message(message.saturating_sub(1));
        loop {
            let items = self.ascending(start..end, CHUNK).await?;
            if let Some(found) = items.iter().find(|item| item.at >= at) {
                return Ok(found.key);
            }
            match items.last() {
                Some(last) if items.len() == CHUNK => start = after(last.key),
                _ => return Ok(end),
            }
        }
    }

    /// The first seq whose message is not before that time; head + 1 when there is none. Reads log2(head) rows.
    async fn first_message_at(&self, at: At, head: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (1, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let values = (self.tenant, &self.conversation, int(of_seq(middle)), int(middle));
            match self.client.first::<(i64,)>(TIME_OF, values).await? {
                Some((found,)) if read_at(found)? < at => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The newest message's number. The conversation's state knows one that is there; what came after it is read on.
    async fn head(&self) -> Result<u64, StoreError> {
        let row = self.client.first::<(Option<i64>,)>(KNOWN_HEAD, (self.tenant, &self.conversation)).await?;
        let mut head = row.and_then(|(seq,)| seq).map_or(Ok(0), read_u64)?;
        let mut bucket = of_seq(head);
        loop {
            let row =
                self.client.first::<(i64,)>(NEWEST_OF_BUCKET, (self.tenant, &self.conversation, int(bucket))).await?;
            let Some((seq,)) = row else { return Ok(head) };
            head = head.max(read_u64(seq)?);
            if !is_last(head) {
                return Ok(head);
            }
            bucket += 1;
        }
    }
}

fn after(key: ItemKey) -> ItemKey {
    ItemKey { seq: key.seq, slot: key.slot.saturating_add(1) }
}

#[derive(DeserializeRow)]
struct Row {
    seq: i64,
    slot: i64,
    rev: i64,
    at: i64,
    body: Vec<u8>,
    edited: Option<Vec<u8>>,
    recalled: Option<Vec<u8>>,
}

impl Row {
    fn into_item(self) -> Result<Item, StoreError> {
        Ok(Item {
            key: ItemKey { seq: read_u64(self.seq)?, slot: read_u64(self.slot)? },
            rev: read_u64(self.rev)?,
            at: read_at(self.at)?,
            event: Body::from_blob(&self.body)?.0,
            edited: self.edited.map(|blob| Edit::from_blob(&blob)).transpose()?,
            recalled: self.recalled.map(|blob| Recall::from_blob(&blob)).transpose()?,
        })
    }
}
