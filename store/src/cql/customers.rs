//! Customers, as the log knows them, and their list.
//!
//! The list is by the day on which a customer wrote last. Within a day the order is made here: the time itself changes
//! with every message and so is no key. So all of a day is read where the page needs its newest, and no more than the
//! page is kept of it.

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{At, Name, TenantId, UserId};
use scylla::value::MaybeUnset;
use scylla::{DeserializeRow, SerializeRow};

use super::buckets::day;
use super::client::Client;
use super::list_buckets::{self, List};
use super::newest::Newest;
use super::statements::statements;
use super::values::{at, int, limit, read_at, read_name, read_user_id, write_time};
use crate::directory::{Customer, CustomerPage, CustomerQuery};
use crate::error::StoreError;
use crate::limits::COUNT_ROWS;
use crate::log::CustomerRow;
use crate::paging::{cut, page};

statements! {
    KNOWN = "SELECT last_seen_at, WRITETIME(last_seen_at) FROM customers WHERE tenant = ? AND id = ?";
    LIST = "INSERT INTO customer_lists (tenant, day, id, last_seen_at) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    UNLIST = "DELETE FROM customer_lists USING TIMESTAMP ? WHERE tenant = ? AND day = ? AND id = ?";
    INSERT = "INSERT INTO customers (tenant, id, name, created_at, last_seen_at)
        VALUES (:tenant, :id, :name, :created_at, :last_seen_at) USING TIMESTAMP :stamp";
    BY_ID = "SELECT name, created_at, last_seen_at FROM customers WHERE tenant = ? AND id = ?";
    OF_DAY = "SELECT id, last_seen_at FROM customer_lists WHERE tenant = ? AND day = ? AND id > ? LIMIT ?";
}

/// Rows of one read.
const CHUNK: usize = 5_000;
/// Customers read or written side by side.
const ABREAST: usize = 64;

/// Writes customers: the list first, the row itself last.
pub(super) async fn write(client: &Client, rows: &[CustomerRow]) -> Result<(), StoreError> {
    let writes: Vec<_> = rows.iter().map(|row| write_one(client, row)).collect();
    futures::stream::iter(writes).buffer_unordered(ABREAST).try_collect().await
}

async fn write_one(client: &Client, row: &CustomerRow) -> Result<(), StoreError> {
    let known = client.first::<(Option<i64>, Option<i64>)>(KNOWN, (row.tenant.as_str(), row.id.as_str())).await?;
    // An older row moves nobody.
    if known.and_then(|(_, written)| written).is_none_or(|written| written <= write_time(row.stamp)) {
        let seen_before = known.map(|(seen, _)| read_at(seen.unwrap_or(0))).transpose()?;
        place(client, row, seen_before).await?;
    }
    insert(client, row).await
}

/// Puts a customer into the day of their last message (the first of all days while there is none) and takes them out of
/// the day where they were.
async fn place(client: &Client, row: &CustomerRow, seen_before: Option<At>) -> Result<(), StoreError> {
    let seen = row.last_seen_at.or(seen_before).unwrap_or_default();
    let (tenant, written, today) = (row.tenant.as_str(), write_time(row.stamp), day(seen.0));
    list_buckets::note(client, &row.tenant, List::Customers, today, row.stamp).await?;
    client.write(LIST, (tenant, int(today), row.id.as_str(), at(seen), written)).await?;
    let Some(earlier) = seen_before.map(|seen| day(seen.0)).filter(|earlier| *earlier != today) else { return Ok(()) };
    client.write(UNLIST, (written, tenant, int(earlier), row.id.as_str())).await
}

#[derive(SerializeRow)]
struct Values<'a> {
    tenant: &'a str,
    id: &'a str,
    name: MaybeUnset<&'a str>,
    created_at: MaybeUnset<i64>,
    last_seen_at: MaybeUnset<i64>,
    stamp: i64,
}

async fn insert(client: &Client, row: &CustomerRow) -> Result<(), StoreError> {
    let values = Values {
        tenant: row.tenant.as_str(),
        id: row.id.as_str(),
        name: MaybeUnset::from_option(row.name.as_ref().map(Name::as_str)),
        created_at: MaybeUnset::from_option(row.created_at.map(at)),
        last_seen_at: MaybeUnset::from_option(row.last_seen_at.map(at)),
        stamp: write_time(row.stamp),
    };
    client.write(INSERT, values).await
}

#[derive(DeserializeRow)]
struct Row {
    name: Option<String>,
    created_at: Option<i64>,
    last_seen_at: Option<i64>,
}

pub(super) async fn by_ids(
    client: &Client,
    tenant: &TenantId,
    ids: &[UserId],
) -> Result<Vec<Option<Customer>>, StoreError> {
    let reads: Vec<_> = ids.iter().map(|id| by_id(client, tenant, id)).collect();
    futures::stream::iter(reads).buffered(ABREAST).try_collect().await
}

async fn by_id(client: &Client, tenant: &TenantId, id: &UserId) -> Result<Option<Customer>, StoreError> {
    let Some(row) = client.first::<Row>(BY_ID, (tenant.as_str(), id.as_str())).await? else { return Ok(None) };
    Ok(Some(Customer {
        tenant: tenant.clone(),
        id: id.clone(),
        name: read_name(row.name.as_deref())?,
        created_at: read_at(row.created_at.unwrap_or(0))?,
        last_seen_at: read_at(row.last_seen_at.unwrap_or(0))?,
    }))
}

/// Days that are read: the newest first, until the page is full and the count is told.
pub(super) async fn list(
    client: &Client,
    tenant: &TenantId,
    query: &CustomerQuery,
) -> Result<CustomerPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let mut listing = Listing::new(query, limit);
    for today in list_buckets::read(client, tenant, List::Customers, 0..=u64::MAX, false).await? {
        if listing.wants(today) != Wanted::Nothing {
            read_day(client, tenant, today, &mut listing).await?;
        }
    }
    let total = listing.total.min(COUNT_ROWS);
    let mut found: Vec<_> = listing.found.into_iter().skip(query.skip as usize).collect();
    let more = cut(&mut found, limit);
    let next = found.last().filter(|_| more).cloned();
    let ids: Vec<UserId> = found.iter().map(|(_, id)| id.clone()).collect();
    let rows = by_ids(client, tenant, &ids).await?;
    let listed = rows.into_iter().zip(&found).filter_map(|(row, (seen, _))| {
        // An entry of a day before that was not taken away yet.
        row.filter(|customer| day(customer.last_seen_at.0) == day(seen.0))
    });
    Ok(CustomerPage { customers: listed.collect(), total, next })
}

/// Shows a day's entries to the list, as many as it wants of them.
async fn read_day(client: &Client, tenant: &TenantId, today: u64, listing: &mut Listing<'_>) -> Result<(), StoreError> {
    let (mut after, mut of_day, mut turn) = (String::new(), listing.begin_day(), None);
    loop {
        let values = (tenant.as_str(), int(today), after.as_str(), limit(CHUNK));
        let rows: Vec<(String, i64)> = client.rows(OF_DAY, values).await?;
        let is_last = rows.len() < CHUNK;
        for (id, seen) in rows {
            listing.add(&mut of_day, (read_at(seen)?, read_user_id(&id)?));
            after = id;
        }
        if is_last || listing.wants(today) == Wanted::Nothing {
            listing.end_day(of_day);
            return Ok(());
        }
        if turn.is_none() {
            turn = Some(client.long_list().await?);
        }
    }
}

/// What a list still needs of a day.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// All of them: the newest are somewhere among them.
    Entries,
    /// Their number.
    Count,
    /// The page is full and the count is told.
    Nothing,
}

/// A page while it is read.
struct Listing<'a> {
    cursor: Option<&'a (At, UserId)>,
    /// Entries from the beginning on that the page needs: those passed over, its own and one more.
    most: usize,
    /// The newest of the days before, the newest first.
    found: Vec<(At, UserId)>,
    total: u64,
}

impl<'a> Listing<'a> {
    fn new(query: &'a CustomerQuery, limit: u32) -> Self {
        let most = query.skip as usize + limit as usize + 1;
        Self { cursor: query.cursor.as_ref(), most, found: Vec::new(), total: 0 }
    }

    fn wants(&self, today: u64) -> Wanted {
        let is_passed = self.cursor.is_some_and(|(seen, _)| day(seen.0) < today);
        match (self.found.len() < self.most && !is_passed, self.total < COUNT_ROWS) {
            (true, _) => Wanted::Entries,
            (false, true) => Wanted::Count,
            (false, false) => Wanted::Nothing,
        }
    }

    fn begin_day(&self) -> Newest<(At, UserId)> {
        Newest::new(self.most - self.found.len())
    }

    fn add(&mut self, of_day: &mut Newest<(At, UserId)>, place: (At, UserId)) {
        self.total += 1;
        if self.cursor.is_none_or(|cursor| place < *cursor) {
            of_day.add(place);
        }
    }

    fn end_day(&mut self, of_day: Newest<(At, UserId)>) {
        self.found.extend(of_day.into_descending());
    }
}

#[cfg(test)]
mod tests {
    use super::super::buckets::DAY_MS;
    use super::*;

    fn place(day: u64, number: u64) -> (At, UserId) {
        (At(day * DAY_MS + number), UserId::new(&format!("c{number}")).unwrap())
    }

    #[test]
    fn a_day_is_read_for_its_entries_then_for_its_count_and_then_no_more() {
        let query = CustomerQuery { skip: 1, limit: 2, cursor: Some(place(5, 50)) };
        let mut listing = Listing::new(&query, query.limit);
        assert_eq!(listing.wants(6), Wanted::Count, "its entries are before the cursor");
        assert_eq!(listing.wants(5), Wanted::Entries);
        let mut of_day = listing.begin_day();
        for number in 0..100 {
            listing.add(&mut of_day, place(5, number));
        }
        listing.end_day(of_day);
        assert_eq!((listing.total, listing.found.as_slice()), (100, [49, 48, 47, 46].map(|n| place(5, n)).as_slice()));
        assert_eq!(listing.wants(4), Wanted::Count);
        listing.total = COUNT_ROWS;
        assert_eq!(listing.wants(4), Wanted::Nothing);
        assert!(listing.begin_day().into_descending().is_empty());
    }
}
