//! The hub: which connections follow which conversations, and what each of them may see.
//!
//! The link hands over every outcome of a followed conversation once, in order and without gaps. The hub keeps the
//! conversation's members up to date by applying them, asks [`kefu_model::conversation::sees`] for each subscriber, and
//! encodes each batch once per subprotocol and view, whatever the number of receivers. A conversation's frames are queued
//! under its shard's lock, so each connection gets them in order and an `attached` before what follows it.

mod attach;
mod customers;
mod deliver;
mod followed;
mod notices;
mod people;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kefu_model::{Conversation, ConversationId, TenantId, User};
use kefu_nats::link::LinkEvent;
use kefu_nats::notice::Notice;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::clock;
use crate::config::EdgeConfig;
use crate::connection::Connection;
use crate::frame::Code;
use crate::metrics::Metrics;
use crate::upstream::Upstream;

pub(crate) use customers::Asked;
use followed::Followed;
use people::People;

/// Conversations are spread over so many locks.
const SHARDS: usize = 16;
/// Notices that may wait to be published; more are dropped, they are ephemeral.
const NOTICES: usize = 4_096;

type Key = (TenantId, ConversationId);
type Shard = HashMap<Key, Box<Followed>>;

/// The limits that the hub keeps.
#[derive(Debug, Clone, Copy)]
struct HubLimits {
    followed_per_connection: usize,
    connections_per_user: usize,
    attach_backlog: usize,
    follow_linger_ms: u64,
}

/// The hub of one edge.
pub(crate) struct Hub {
    shards: Vec<Mutex<Shard>>,
    people: Mutex<People>,
    /// Questions about customers that wait to be answered.
    asked: Mutex<Vec<Asked>>,
    upstream: Arc<dyn Upstream>,
    notices: mpsc::Sender<Notice>,
    next_token: AtomicU64,
    limits: HubLimits,
    metrics: Metrics,
}

impl Hub {
    /// A hub, and the notices that it wants published.
    pub(crate) fn new(
        config: &EdgeConfig,
        upstream: Arc<dyn Upstream>,
        metrics: Metrics,
    ) -> (Self, mpsc::Receiver<Notice>) {
        let (notices, receiver) = mpsc::channel(NOTICES);
        let limits = HubLimits {
            followed_per_connection: config.followed_per_connection,
            connections_per_user: config.connections_per_user,
            attach_backlog: config.attach_backlog,
            follow_linger_ms: config.follow_linger_ms,
        };
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        let people = Mutex::default();
        let asked = Mutex::default();
        let hub = Self { shards, people, asked, upstream, notices, next_token: AtomicU64::new(1), limits, metrics };
        (hub, receiver)
    }

    fn shard(&self, conversation: ConversationId) -> &Mutex<Shard> {
        // The last byte of a digest is as good as a hash of it.
        &self.shards[usize::from(conversation.to_bytes()[16]) % SHARDS]
    }

    fn token(&self) -> u64 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a connection whose user is known.
    pub(crate) fn join(&self, connection: &Arc<Connection>) -> Result<(), Code> {
        let Some(joining) = connection.joined() else { return Err(Code::Fault) };
        self.people.lock().join(connection, &joining.caller, self.limits.connections_per_user)
    }

    /// Forgets a connection. False if it was not here.
    pub(crate) fn leave(&self, connection: &Arc<Connection>) -> bool {
        let Some(joining) = connection.joined() else { return false };
        if !self.people.lock().leave(connection, &joining.caller) {
            return false;
        }
        let conversations = std::mem::take(&mut *connection.followed().lock());
        for conversation in conversations.iter() {
            self.unsubscribe(&joining.caller.tenant, conversation, connection.number);
        }
        true
    }

    /// Ends subscriptions.
    pub(crate) fn detach(&self, connection: &Arc<Connection>, conversations: &[ConversationId]) {
        let Some(joining) = connection.joined() else { return };
        for conversation in conversations {
            if connection.followed().lock().remove(*conversation) {
                self.unsubscribe(&joining.caller.tenant, *conversation, connection.number);
            }
        }
    }

    fn unsubscribe(&self, tenant: &TenantId, conversation: ConversationId, number: u64) {
        let mut shard = self.shard(conversation).lock();
        if let Some(followed) = shard.get_mut(&(tenant.clone(), conversation)) {
            followed.remove(number);
        }
    }

    /// Takes what the link says.
    pub(crate) fn take(&self, event: LinkEvent) {
        match event {
            LinkEvent::Attached { token, tenant, snapshot, recovered, missed } => {
                self.attached(token, tenant, &snapshot, recovered, &missed);
            }
            LinkEvent::AttachFailed { token, tenant, conversation, refusal } => {
                self.attach_failed(token, tenant, conversation, refusal);
            }
            LinkEvent::Outcomes { tenant, conversation, epoch, outcomes } => {
                self.outcomes(tenant, conversation, epoch, &outcomes);
                if let Some(first) = outcomes.first() {
                    let age_ms = u32::try_from(clock::now().0.saturating_sub(first.at.0)).unwrap_or(u32::MAX);
                    self.metrics.delivered.observe(f64::from(age_ms) / 1_000.0);
                }
            }
            LinkEvent::Reset { tenant, snapshot } => self.reset(tenant, &snapshot),
            LinkEvent::Notice(notice) => self.notice(notice),
            // Not for who follows conversations.
            LinkEvent::Relayed { .. } | LinkEvent::NewcomersMissed => {}
        }
    }

    /// Stops following conversations that nobody here has followed for a while.
    pub(crate) fn sweep(&self, now_ms: u64) {
        let mut followed_total = 0;
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.retain(|(tenant, conversation), followed| {
                let keep = !followed.is_idle(now_ms, self.limits.follow_linger_ms);
                if !keep {
                    self.upstream.detach(tenant, *conversation);
                }
                keep
            });
            followed_total += shard.len();
        }
        self.metrics.followed.set(i64::try_from(followed_total).unwrap_or(i64::MAX));
    }

    /// A conversation as this edge knows it, if it follows it: epoch and state.
    pub(crate) fn peek(&self, tenant: &TenantId, conversation: ConversationId) -> Option<(u64, Conversation)> {
        let shard = self.shard(conversation).lock();
        shard.get(&(tenant.clone(), conversation))?.known()
    }

    /// Whether a conversation's state is here.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.shard(key.1).lock().get(key).is_none_or(|followed| followed.live.is_some())
    }

    /// How many connections a user has here.
    pub(crate) fn connections_of(&self, tenant: &TenantId, user: &User) -> usize {
        self.people.lock().count(tenant, user)
    }

    /// Conversations that a user's connections here follow.
    pub(crate) fn followed_by(&self, tenant: &TenantId, user: &User) -> Vec<ConversationId> {
        let own = self.people.lock().of(tenant, user);
        let mut followed: Vec<ConversationId> =
            own.iter().flat_map(|connection| connection.followed().lock().iter().collect::<Vec<_>>()).collect();
        followed.sort_unstable();
        followed.dedup();
        followed
    }

    /// The tenants whose agents have connections here.
    pub(crate) fn tenants_with_agents(&self) -> HashSet<TenantId> {
        self.people.lock().tenants_with_agents()
    }

    /// All connections that joined.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.people.lock().all()
    }

    /// Ephemeral, so it is dropped when too many wait.
    pub(crate) fn publish(&self, notice: Notice) {
        let _ = self.notices.try_send(notice);
    }
}

#[cfg(test)]
mod tests;
