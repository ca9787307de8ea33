//! The durable seam: history, directory, checkpoints, login sessions, rollups.
//!
//! Everyone else holds an `Arc<dyn Store>` and names no database. [`Store`] is four narrow traits: [`LogStore`] (what
//! the archiver writes and owners read back), [`HistoryStore`] (what people read), [`Directory`] (users, customers, login
//! sessions, the deployment) and [`ReportStore`] (rollups).
//!
//! # The contract of every implementation
//!
//! * **Durable**: a write that returned `Ok` survives the death of the process and, where the backend promises it, of the
//!   machine. A write that returned an error may have happened; every write is idempotent, so it is simply repeated.
//! * **Stamped**: rows that come from the log carry a [`Stamp`]. A write whose stamp is smaller than the stored row's
//!   changes nothing, and an equal one rewrites the same thing. So replays and late writers are harmless. (Where a `None`
//!   leaves what is there, a backend that compares values one by one may take it from an older row that comes late.)
//! * **No transactions across rows are needed.** Within a [`LogBatch`] rows become visible in the stated order or all at
//!   once; a reader that finds a conversation's state finds every row that the state covers.
//! * **No scans**: each read is bounded by a limit and reaches its rows by a key.
//! * Conditional writes exist only where they are named: [`Directory::create_user`], [`Directory::update_user`],
//!   [`Directory::deployment_or_create`].
//! * A blob or schema of an unknown version is an error that says so; it is never skipped.
//!
//! [`conformance`] holds the tests that every implementation passes, [`Faulty`] wraps one to make it fail on purpose.

mod around;
mod directory;
mod error;
mod faulty;
mod history;
mod log;
mod measured;
mod paging;
mod report;
mod rows;
mod stamp;

#[doc(hidden)]
pub mod benching;
pub mod conformance;
pub mod cql;
pub mod fuzzing;
pub mod limits;
pub mod sqlite;

use async_trait::async_trait;

pub use cql::{CqlConfig, CqlStore};
pub use directory::{
    Customer, CustomerPage, CustomerQuery, Deployment, Directory, LoginSession, Secret, TokenHash, UserPage, UserQuery,
    UserRecord,
};
pub use error::StoreError;
pub use faulty::{Fault, Faulty};
pub use history::{
    ConversationCursor, ConversationEntry, ConversationPage, ConversationQuery, HistoryPage, HistoryQuery,
    HistoryStore, SessionCounts, SessionCursor, SessionPage, SessionQuery, Window,
};
pub use log::{
    Amendment, Checkpoint, ConversationKey, CustomerRow, DeviceKey, DeviceRow, Edit, Expired, Item, ItemKey, ItemRow,
    KeyRow, LogBatch, LogReader, LogStore, MemberRow, Recall, SessionRow, StateRow, Version, VersionRow,
};
pub use measured::{Measured, Observe};
pub use report::{BUCKET_MS, Metric, ReportStore, RollupBatch, RollupQuery, RollupRow};
pub use sqlite::{SqliteConfig, SqliteStore};
pub use stamp::{Stamp, Stored};

/// The whole seam; see the crate's documentation for the contract.
#[async_trait]
pub trait Store: LogStore + HistoryStore + Directory + ReportStore {
    /// Whether a small read works now; for readiness.
    ///
    /// # Errors
    /// Why it does not.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes the writes that were taken and closes. Later calls answer [`StoreError::Closed`].
    ///
    /// # Errors
    /// When a write that was taken could not be finished.
    async fn close(&self) -> Result<(), StoreError>;
}
