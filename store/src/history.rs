//! What people read: history, lists of conversations, lists of sessions.

use async_trait::async_trait;
use kefu_model::conversation::SessionStatus;
use kefu_model::{At, Conversation, ConversationId, TenantId, User, UserId};

use crate::error::StoreError;
use crate::log::{Item, ItemKey, MemberRow, SessionRow, Version};
use crate::stamp::Stored;

/// Which part of a conversation's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Window {
    /// The newest items.
    #[default]
    Newest,
    /// The items right before that place.
    Before(ItemKey),
    /// The items right after that place.
    After(ItemKey),
    /// A page by number, 1 the newest: page p of size n holds the messages with seq in (head - p·n, head - (p-1)·n] and
    /// the notes and events among them. Not to be combined with times.
    Page(u32),
}

/// A question for history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryQuery {
    /// Which part.
    pub window: Window,
    /// Only items at or after this time.
    pub from: Option<At>,
    /// Only items before this time.
    pub to: Option<At>,
    /// Most items, 1 to [`crate::limits::PAGE_ITEMS`]; a page by number may hold more, see [`crate::limits::PAGE_ROWS`].
    pub limit: u32,
}

/// A page of history. Cursors: before the first item's key, after the last item's key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// The items, ascending by `rev`.
    pub items: Vec<Item>,
    /// Whether there are items of the query's times before the first one.
    pub has_older: bool,
    /// Whether there are items of the query's times after the last one.
    pub has_newer: bool,
}

/// Where a list of conversations goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationCursor {
    /// Of the last entry.
    pub updated_at: At,
    /// Of the last entry.
    pub conversation: ConversationId,
}

/// A question for a user's conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConversationQuery {
    /// Only where they are a member now.
    pub active_only: bool,
    /// After this entry.
    pub cursor: Option<ConversationCursor>,
    /// Entries to pass over, at most [`crate::limits::SKIP_ROWS`]; they are read and discarded.
    pub skip: u32,
    /// 1 to [`crate::limits::PAGE_ITEMS`].
    pub limit: u32,
}

/// A conversation in a user's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationEntry {
    /// Their membership.
    pub member: MemberRow,
    /// The conversation's state.
    pub conversation: Stored<Conversation>,
    /// The message with the state's `seq`, as it is now. Whether the user may see it is for the caller to ask.
    pub last_message: Option<Item>,
}

/// A page of a user's conversations, newest activity first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConversationPage {
    /// The entries.
    pub entries: Vec<ConversationEntry>,
    /// Their number without paging, counted up to [`crate::limits::COUNT_ROWS`].
    pub total: u64,
    /// Where to go on; none at the end.
    pub next: Option<ConversationCursor>,
}

/// Where a list of sessions goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCursor {
    /// Of the last entry.
    pub opened_at: At,
    /// Of the last entry.
    pub conversation: ConversationId,
    /// Of the last entry.
    pub ordinal: u64,
}

/// A question for sessions; filters are combined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionQuery {
    /// Only in this state.
    pub status: Option<SessionStatus>,
    /// Only this agent's.
    pub agent: Option<UserId>,
    /// Only this customer's, of their support conversation.
    pub customer: Option<UserId>,
    /// Opened at or after.
    pub opened_from: Option<At>,
    /// Opened before.
    pub opened_to: Option<At>,
    /// Oldest first instead of newest first: for waiting sessions.
    pub oldest_first: bool,
    /// After this entry.
    pub cursor: Option<SessionCursor>,
    /// Entries to pass over, at most [`crate::limits::SKIP_ROWS`]; they are read and discarded.
    pub skip: u32,
    /// 1 to [`crate::limits::PAGE_ITEMS`].
    pub limit: u32,
}

/// A page of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPage {
    /// The sessions, by the time they were opened.
    pub sessions: Vec<SessionRow>,
    /// Their number without paging, counted up to [`crate::limits::COUNT_ROWS`].
    pub total: u64,
    /// Where to go on; none at the end.
    pub next: Option<SessionCursor>,
}

/// How many sessions are open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounts {
    /// Waiting for an agent.
    pub waiting: u64,
    /// With an agent.
    pub active: u64,
}

/// Reads for people. Everything here trails the log by the archiver's lag. To show history and then follow live, read the
/// conversation's state first and attach from its `rev`: the rows read afterwards cover at least that.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// A page of a conversation's history; empty when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<HistoryPage, StoreError>;

    /// The message with that number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn message(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<Item>, StoreError>;

    /// All edits and recalls of a message, ascending, for the audit; at most [`crate::limits::VERSIONS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn versions(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Vec<Version>, StoreError>;

    /// A user's conversations, newest activity first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn conversations_of(
        &self,
        tenant: &TenantId,
        user: &User,
        query: ConversationQuery,
    ) -> Result<ConversationPage, StoreError>;

    /// Sessions of a tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sessions(&self, tenant: &TenantId, query: &SessionQuery) -> Result<SessionPage, StoreError>;

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        ordinal: u64,
    ) -> Result<Option<SessionRow>, StoreError>;

    /// Numbers of open sessions, of one agent or of all.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session_counts(&self, tenant: &TenantId, agent: Option<&UserId>) -> Result<SessionCounts, StoreError>;
}
