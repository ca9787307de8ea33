//! Stores that do something around each call of another one.

/// Passes methods on through the type's own `around`.
macro_rules! pass {
    ($type:ident, $name:ident: $($method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl $name for $type {
            $(async fn $method(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
                self.around(stringify!($method), self.inner.$method($($arg),*)).await
            })*
        }
    };
}
pub(crate) use pass;

/// Makes a type with an `inner` store and a method `around(name, call)` a store.
macro_rules! store_around {
    ($type:ident) => {
        const _: () = {
            use std::sync::Arc;

            use kefu_model::conversation::{DeviceLog, KeyEntry};
            use kefu_model::ids::CommandKey;
            use kefu_model::{At, Conversation, ConversationId, Partition, TenantId, User, UserId};

            use crate::around::pass;
            use crate::*;

            pass! { $type, Store:
                ping() -> ();
                close() -> ();
            }

            pass! { $type, LogStore:
                write_log_batch(batch: Arc<LogBatch>) -> ();
                save_checkpoint(checkpoint: Checkpoint) -> ();
                checkpoint(reader: LogReader, partition: Partition) -> Option<Checkpoint>;
                load_conversations(keys: &[ConversationKey]) -> Vec<Option<Stored<Conversation>>>;
                load_devices(keys: &[DeviceKey]) -> Vec<Option<Stored<DeviceLog>>>;
                load_key(conversation: &ConversationKey, key: &CommandKey) -> Option<Stored<KeyEntry>>;
                expire(now: At) -> Expired;
            }

            pass! { $type, HistoryStore:
                history(tenant: &TenantId, conversation: ConversationId, query: HistoryQuery) -> HistoryPage;
                message(tenant: &TenantId, conversation: ConversationId, seq: u64) -> Option<Item>;
                versions(tenant: &TenantId, conversation: ConversationId, seq: u64) -> Vec<Version>;
                conversations_of(tenant: &TenantId, user: &User, query: ConversationQuery) -> ConversationPage;
                sessions(tenant: &TenantId, query: &SessionQuery) -> SessionPage;
                session(tenant: &TenantId, conversation: ConversationId, ordinal: u64) -> Option<SessionRow>;
                session_counts(tenant: &TenantId, agent: Option<&UserId>) -> SessionCounts;
            }

            pass! { $type, Directory:
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

            pass! { $type, ReportStore:
                write_rollups(batch: RollupBatch) -> ();
                rollups(tenant: &TenantId, query: &RollupQuery) -> Vec<RollupRow>;
            }
        };
    };
}
pub(crate) use store_around;
