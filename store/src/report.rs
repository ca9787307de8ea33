//! Rollups: numbers by quarter of an hour, absolute, one row per partition of the log.

use async_trait::async_trait;
use kefu_model::{At, Partition, TenantId, UserId};

use crate::error::StoreError;
use crate::log::Checkpoint;
use crate::stamp::Stamp;

/// Length of a bucket: 15 minutes, in milliseconds. Buckets start at multiples of it, UTC.
pub const BUCKET_MS: u64 = 15 * 60 * 1_000;

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What is counted or summed. Names are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric { $($(#[$doc])* $name,)* }

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the store.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Reads a name from the store.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

metrics! {
    /// Messages by customers.
    CustomerMessages = "customer_messages";
    /// Messages by agents, private notes left out; by agent.
    AgentMessages = "agent_messages";
    /// Sessions opened.
    SessionsOpened = "sessions_opened";
    /// Sessions given to an agent, transfers included; by agent.
    SessionsAssigned = "sessions_assigned";
    /// Sessions ended; by the agent who had it.
    SessionsEnded = "sessions_ended";
    /// Sum of times from opening to end, in milliseconds; by the agent who had it.
    SessionMs = "session_ms";
    /// Sessions rated; by the agent who had it.
    Ratings = "ratings";
    /// Sum of scores; by the agent who had it.
    RatingSum = "rating_sum";
    /// First answers by an agent in a session; by that agent.
    FirstResponses = "first_responses";
    /// Sum of times from opening to the first answer, in milliseconds; by that agent.
    FirstResponseMs = "first_response_ms";
    /// Waits that ended with an assignment; by the agent assigned.
    Waits = "waits";
    /// Sum of those waits, in milliseconds; by the agent assigned.
    WaitMs = "wait_ms";
}

/// A number of one partition, bucket and agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The partition that counted.
    pub partition: Partition,
    /// Start of the bucket.
    pub bucket: At,
    /// Whose; none for numbers without an agent. The sum over all agents and none is the tenant's number.
    pub agent: Option<UserId>,
    /// What.
    pub metric: Metric,
    /// How many, or the sum: absolute, so writing it twice changes nothing.
    pub value: u64,
    /// Of the last record that changed it.
    pub stamp: Stamp,
}

/// Rows and the checkpoint that covers them; the checkpoint becomes visible last or with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollupBatch {
    /// The numbers that changed.
    pub rows: Vec<RollupRow>,
    /// How far the log is covered now.
    pub checkpoint: Option<Checkpoint>,
}

/// A question for rollups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupQuery {
    /// Buckets that start at or after.
    pub from: At,
    /// Buckets that start before; at most [`crate::limits::ROLLUP_DAYS`] later.
    pub to: At,
    /// Only this agent's.
    pub agent: Option<UserId>,
}

/// Rollups.
#[async_trait]
pub trait ReportStore: Send + Sync {
    /// Writes numbers. Idempotent; an older row never replaces a newer one.
    ///
    /// # Errors
    /// [`StoreError`]; write the same batch again then.
    async fn write_rollups(&self, batch: RollupBatch) -> Result<(), StoreError>;

    /// Numbers of a tenant, summed over partitions: `partition` is 0 and `stamp` the newest. Ascending by bucket.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rollups(&self, tenant: &TenantId, query: &RollupQuery) -> Result<Vec<RollupRow>, StoreError>;
}
