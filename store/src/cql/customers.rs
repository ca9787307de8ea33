//! Customers, as the log knows them, and their list.
//!
//! The list is by the day on which a customer wrote last. Within a day the order is made here: the time itself changes
//! with every message and so is no key.

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{At, Name, TenantId, UserId};
use scylla::value::MaybeUnset;
use scylla::{DeserializeRow, SerializeRow};

use super::buckets::day;
use super::client::Client;
use super::list_buckets::{self, List};
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
    let (mut total, mut passed, mut found) = (0, 0, Vec::new());
    let days = list_buckets::read(client, tenant, List::Customers, 0..=u64::MAX, false).await?;
    for today in days {
        if total >= COUNT_ROWS && found.len() > limit as usize {
            break;
        }
        let mut customers = of_day(client, tenant, today).await?;
        total += customers.len() as u64;
        customers.retain(|place| query.cursor.as_ref().is_none_or(|cursor| place < cursor));
        customers.sort_unstable_by(|one, two| two.cmp(one));
        for place in customers {
            if passed < query.skip {
                passed += 1;
            } else if found.len() <= limit as usize {
                found.push(place);
            }
        }
    }
    let more = cut(&mut found, limit);
    let next = found.last().filter(|_| more).cloned();
    let ids: Vec<UserId> = found.iter().map(|(_, id)| id.clone()).collect();
    let rows = by_ids(client, tenant, &ids).await?;
    let listed = rows.into_iter().zip(&found).filter_map(|(row, (seen, _))| {
        // An entry of a day before that was not taken away yet.
        row.filter(|customer| day(customer.last_seen_at.0) == day(seen.0))
    });
    Ok(CustomerPage { customers: listed.collect(), total: total.min(COUNT_ROWS), next })
}

/// Who wrote last on that day, in no order.
async fn of_day(client: &Client, tenant: &TenantId, day: u64) -> Result<Vec<(At, UserId)>, StoreError> {
    let (mut customers, mut after) = (Vec::new(), String::new());
    loop {
        let values = (tenant.as_str(), int(day), after.as_str(), limit(CHUNK));
        let rows: Vec<(String, i64)> = client.rows(OF_DAY, values).await?;
        let is_last = rows.len() < CHUNK;
        for (id, seen) in rows {
            customers.push((read_at(seen)?, read_user_id(&id)?));
            after = id;
        }
        if is_last {
            return Ok(customers);
        }
    }
}
