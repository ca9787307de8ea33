//! A store that fails on purpose.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kefu_model::conversation::{DeviceLog, KeyEntry};
use kefu_model::ids::CommandKey;
use kefu_model::{At, Conversation, ConversationId, Partition, TenantId, User, UserId};
use parking_lot::Mutex;

use crate::Store;
use crate::directory::{
    Customer, CustomerPage, CustomerQuery, Deployment, Directory, LoginSession, TokenHash, UserPage, UserQuery,
    UserRecord,
};
use crate::error::StoreError;
use crate::history::{
    ConversationPage, ConversationQuery, HistoryPage, HistoryQuery, HistoryStore, SessionCounts, SessionPage,
    SessionQuery,
};
use crate::log::{
    Checkpoint, ConversationKey, DeviceKey, Expired, Item, LogBatch, LogReader, LogStore, SessionRow, Version,
};
use crate::report::{ReportStore, RollupBatch, RollupQuery, RollupRow};
use crate::stamp::Stored;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done, but the caller is told that there was no answer in time.
    TimeoutAfter,
    /// It is not done.
    Unavailable,
    /// It is done after that time.
    Slow(Duration),
}

/// Decides before each call, given the method's name.
type Plan = dyn FnMut(&'static str) -> Option<Fault> + Send;

/// Wraps a store and makes calls fail as planned.
pub struct Faulty {
    inner: Arc<dyn Store>,
    plan: Mutex<Box<Plan>>,
}

impl Faulty {
    /// Wraps a store; the plan is asked before each call, with the method's name.
    pub fn new(inner: Arc<dyn Store>, plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) -> Self {
        Self { inner, plan: Mutex::new(Box::new(plan)) }
    }

    /// Another plan from now on.
    pub fn set_plan(&self, plan: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) {
        *self.plan.lock() = Box::new(plan);
    }

    async fn meddle<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = (self.plan.lock())(method);
        match fault {
            None => call.await,
            Some(Fault::Unavailable) => Err(StoreError::Unavailable("on purpose".into())),
            Some(Fault::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                call.await
            }
            Some(Fault::TimeoutAfter) => {
                call.await?;
                Err(StoreError::Timeout)
            }
        }
    }
}

/// Passes methods on through [`Faulty::meddle`].
macro_rules! pass {
    ($name:ident: $($method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait]
        impl $name for Faulty {
            $(async fn $method(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
                self.meddle(stringify!($method), self.inner.$method($($arg),*)).await
            })*
        }
    };
}

pass! { Store:
    ping() -> ();
    close() -> ();
}

pass! { LogStore:
    write_log_batch(batch: Arc<LogBatch>) -> ();
    save_checkpoint(checkpoint: Checkpoint) -> ();
    checkpoint(reader: LogReader, partition: Partition) -> Option<Checkpoint>;
    load_conversations(keys: &[ConversationKey]) -> Vec<Option<Stored<Conversation>>>;
    load_devices(keys: &[DeviceKey]) -> Vec<Option<Stored<DeviceLog>>>;
    load_key(conversation: &ConversationKey, key: &CommandKey) -> Option<Stored<KeyEntry>>;
    expire(now: At) -> Expired;
}

pass! { HistoryStore:
    history(tenant: &TenantId, conversation: ConversationId, query: HistoryQuery) -> HistoryPage;
    message(tenant: &TenantId, conversation: ConversationId, seq: u64) -> Option<Item>;
    versions(tenant: &TenantId, conversation: ConversationId, seq: u64) -> Vec<Version>;
    conversations_of(tenant: &TenantId, user: &User, query: ConversationQuery) -> ConversationPage;
    sessions(tenant: &TenantId, query: &SessionQuery) -> SessionPage;
    session(tenant: &TenantId, conversation: ConversationId, ordinal: u64) -> Option<SessionRow>;
    session_counts(tenant: &TenantId, agent: Option<&UserId>) -> SessionCounts;
}

pass! { Directory:
    deployment() -> Option<Deployment>;
    deployment_or_create(proposal: Deployment) -> Deployment;
    create_user(user: &UserRecord) -> ();
    update_user(user: &UserRecord) -> u64;
    user(tenant: &TenantId, id: &UserId) -> Option<UserRecord>;
    user_by_username(tenant: &TenantId, username: &str) -> Option<UserRecord>;
    users(tenant: &TenantId, query: &UserQuery) -> UserPage;
    customers_by_id(tenant: &TenantId, ids: &[UserId]) -> Vec<Option<Customer>>;
    customers(tenant: &TenantId, query: &CustomerQuery) -> CustomerPage;
    put_login(login: &LoginSession) -> ();
    login(token_hash: TokenHash) -> Option<LoginSession>;
    touch_login(token_hash: TokenHash, expires_at: At, last_seen_at: At) -> bool;
    logins_of(tenant: &TenantId, user: &User) -> Vec<LoginSession>;
    revoke_login(token_hash: TokenHash) -> bool;
    revoke_logins_of(tenant: &TenantId, user: &User) -> Vec<TokenHash>;
}

pass! { ReportStore:
    write_rollups(batch: RollupBatch) -> ();
    rollups(tenant: &TenantId, query: &RollupQuery) -> Vec<RollupRow>;
}
