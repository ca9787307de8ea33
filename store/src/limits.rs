//! Limits of the store. A call beyond one is refused with [`crate::StoreError::TooMany`]; nothing is cut silently.

/// Most items of a page of any list.
pub const PAGE_ITEMS: u32 = 200;
/// Most rows of a page of history addressed by number: notes and session events come on top of its messages. Rows beyond
/// it are reached by the cursor.
pub const PAGE_ROWS: u32 = 1_000;
/// Most rows that a list passes over because of `skip`.
pub const SKIP_ROWS: u32 = 10_000;
/// Counts of long lists stop here.
pub const COUNT_ROWS: u64 = 100_000;
/// Most keys of one bulk read.
pub const KEYS: usize = 10_000;
/// Most versions of a message that are read back.
pub const VERSIONS: u32 = 1_000;
/// Longest user name of an agent, in bytes.
pub const USERNAME_BYTES: usize = 64;
/// Most login sessions of one user that are listed. All of them are revoked, however many there are.
pub const LOGINS_PER_USER: u32 = 1_000;
/// Most days between the ends of one query for rollups.
pub const ROLLUP_DAYS: u64 = 366;
/// Most rows that one call of [`crate::LogStore::expire`] deletes of each table.
pub const EXPIRE_ROWS: u32 = 10_000;
/// Messages of one bucket are `1 << BUCKET_BITS`: a bucket is one partition of rows in a wide-column store.
pub const BUCKET_BITS: u32 = 11;
