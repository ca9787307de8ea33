//! What owners send to edges and workers: one numbered message per record and edge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kefu_model::allocation::AllocationAnswer;
use kefu_model::command::Answer;
use kefu_model::ids::TenantId;
use kefu_model::{Conversation, ConversationId, Refusal};
use serde_bytes::ByteBuf;

use crate::broker::{Broker, LogName, subject};
use crate::notice::Notice;
use crate::payload::{
    self, AllocationViewWire, AskWire, AttachItemWire, AttachWire, DeliveryItemWire, DeliveryWire, NoticeWire,
    PayloadError, ReplyWire, SnapshotWire,
};
use crate::transport::{CoreMessage, MAX_PAYLOAD_BYTES, Reply};
use crate::view::{AllocationView, Cursor};

/// Encoded items in one message, in bytes; more are split.
const MESSAGE_BYTES: usize = 512 * 1024;
/// An edge not heard of for this long is forgotten.
const EDGE_SILENCE: Duration = Duration::from_secs(15);
/// Among the peers of a heartbeat: all edges, whose number is that of the last numbered notice. No peer has such a name.
pub(crate) const EVERYONE: &str = "*";

/// Something to deliver.
pub enum Item<'a> {
    /// The answer to a command.
    Answer(u64, Answer),
    /// The answer to a command to allocation.
    AllocationAnswer(u64, AllocationAnswer),
    /// An outcome, as encoded in the log.
    Outcome(&'a Bytes),
    /// The answer to an attach.
    Attached {
        /// The edge's number for it.
        token: u64,
        /// The state up to which `missed` reaches.
        state: &'a Conversation,
        /// Whether `missed` is everything after the cursor.
        recovered: bool,
        /// Outcomes after the cursor, as encoded in the log.
        missed: Vec<Bytes>,
    },
    /// An attach that was refused.
    AttachFailed {
        /// The edge's number for it.
        token: u64,
        /// The tenant.
        tenant: &'a TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// Why.
        refusal: Refusal,
    },
}

struct Peer {
    number: u64,
    heard_at: Instant,
    items: Vec<DeliveryItemWire>,
    bytes: usize,
}

/// An owner's numbered deliveries.
pub struct Deliveries {
    broker: Broker,
    log: LogName,
    epoch: u64,
    generation: u64,
    peers: HashMap<Arc<str>, Peer>,
    /// The number of the last notice to all edges.
    notices: u64,
    counts: DeliveryCounts,
}

/// Messages to edges and workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Handed to the broker.
    pub sent: u64,
    /// Not taken by it.
    pub failed: u64,
}

impl Deliveries {
    /// Nothing sent yet.
    #[must_use]
    pub fn new(broker: Broker, log: LogName) -> Self {
        Self {
            broker,
            log,
            epoch: 1,
            generation: 0,
            peers: HashMap::new(),
            notices: 0,
            counts: DeliveryCounts::default(),
        }
    }

    /// The log's epoch is known.
    pub fn open(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// A new generation numbers anew.
    pub fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.peers.clear();
        self.notices = 0;
    }

    /// The peer is alive.
    pub fn heard(&mut self, peer: &Arc<str>) {
        self.peer(peer).heard_at = Instant::now();
    }

    /// Forgets peers that were silent too long and says which.
    pub fn forget_silent(&mut self) -> Vec<Arc<str>> {
        let silent: Vec<Arc<str>> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.heard_at.elapsed() > EDGE_SILENCE)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &silent {
            self.peers.remove(name);
        }
        silent
    }

    /// What was sent since the last call.
    pub fn take_counts(&mut self) -> DeliveryCounts {
        std::mem::take(&mut self.counts)
    }

    /// The last number sent to each peer, and to all edges.
    #[must_use]
    pub fn numbers(&self) -> Vec<(String, u64)> {
        let to_peers = self.peers.iter().map(|(name, peer)| (name.to_string(), peer.number));
        let to_everyone = (self.notices > 0).then(|| (EVERYONE.to_owned(), self.notices));
        to_peers.chain(to_everyone).collect()
    }

    /// Tells all edges an ephemeral fact, numbered: who misses it learns that by the next one, or by the heartbeat.
    pub async fn notify(&mut self, notice: &Notice) {
        self.notices += 1;
        self.broker.send_notice(&NoticeWire::numbered(notice, self.log, self.generation, self.notices)).await;
    }

    /// Adds an item for a peer; sent by [`Self::flush`], or before when the message is full.
    pub async fn push(&mut self, peer: &Arc<str>, item: Item<'_>) {
        let item = self.encode(item);
        let size = item.size();
        if self.peer(peer).bytes + size > MESSAGE_BYTES {
            self.send(peer).await;
        }
        let peer = self.peer(peer);
        peer.bytes += size;
        peer.items.push(item);
    }

    /// Sends what was added.
    pub async fn flush(&mut self) {
        let full: Vec<Arc<str>> =
            self.peers.iter().filter(|(_, peer)| !peer.items.is_empty()).map(|(name, _)| name.clone()).collect();
        for name in full {
            self.send(&name).await;
        }
    }

    fn encode(&self, item: Item<'_>) -> DeliveryItemWire {
        match item {
            Item::Answer(token, answer) => DeliveryItemWire::Answer(token, answer.into()),
            Item::AllocationAnswer(token, answer) => DeliveryItemWire::Answer(token, answer.into()),
            Item::Outcome(bytes) => DeliveryItemWire::outcome(bytes),
            Item::Attached { token, state, recovered, missed } => DeliveryItemWire::Attached(
                token,
                SnapshotWire::new(self.epoch, state),
                recovered,
                missed.iter().map(|bytes| ByteBuf::from(bytes.to_vec())).collect(),
            ),
            Item::AttachFailed { token, tenant, conversation, refusal } => {
                DeliveryItemWire::AttachFailed(token, tenant.as_str().to_owned(), conversation.into(), refusal.code())
            }
        }
    }

    fn peer(&mut self, name: &Arc<str>) -> &mut Peer {
        self.peers.entry(name.clone()).or_insert_with(|| Peer {
            number: 0,
            heard_at: Instant::now(),
            items: Vec::new(),
            bytes: 0,
        })
    }

    async fn send(&mut self, name: &Arc<str>) {
        let (log, generation, epoch) = (self.log.to_string(), self.generation, self.epoch);
        let peer = self.peer(name);
        if peer.items.is_empty() {
            return;
        }
        peer.number += 1;
        peer.bytes = 0;
        let items = std::mem::take(&mut peer.items);
        let message = DeliveryWire { log, generation, number: peer.number, epoch, items };
        // A lost delivery is found by its number; see `Link`.
        match self.broker.transport().publish(&subject::deliver(name), payload::encode(&message)).await {
            Ok(()) => self.counts.sent += 1,
            Err(error) => {
                self.counts.failed += 1;
                tracing::debug!(%error, "a delivery was not sent");
            }
        }
    }
}

/// What edges and workers say to an owner by core messages.
pub enum Inbound {
    /// An edge attaches and detaches conversations; with none of both it only says that it is alive.
    Follow {
        /// The edge's incarnation.
        edge: Arc<str>,
        /// What it wants.
        items: Vec<FollowItem>,
    },
    /// Somebody asks.
    Question {
        /// What.
        question: Question,
        /// The way back.
        reply: Reply,
    },
}

/// One conversation of an attach.
pub enum FollowItem {
    /// Deliver it from here on.
    Attach {
        /// The edge's number for it.
        token: u64,
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// What the client has.
        cursor: Option<Cursor>,
    },
    /// Deliver it no more.
    Detach {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
    },
}

/// What can be asked.
pub enum Question {
    /// The state of a conversation.
    Snapshot(TenantId, ConversationId),
    /// The allocation of a tenant.
    Allocation(TenantId),
}

impl Inbound {
    /// Reads a message on a log's attach or ask subject.
    ///
    /// # Errors
    /// When it is malformed or of a version not known here.
    pub fn read(message: CoreMessage) -> Result<Self, PayloadError> {
        let Some(reply) = message.reply else {
            let wire: AttachWire = payload::decode(&message.payload)?;
            let items = wire.items.into_iter().map(FollowItem::read).collect::<Result<_, _>>()?;
            return Ok(Self::Follow { edge: wire.edge.into(), items });
        };
        let question = match payload::decode(&message.payload)? {
            AskWire::Snapshot(tenant, conversation) => {
                Question::Snapshot(TenantId::new(&tenant)?, conversation.try_into()?)
            }
            AskWire::Allocation(tenant) => Question::Allocation(TenantId::new(&tenant)?),
        };
        Ok(Self::Question { question, reply })
    }
}

impl FollowItem {
    fn read(wire: AttachItemWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            AttachItemWire::Attach(token, tenant, conversation, cursor) => Self::Attach {
                token,
                tenant: TenantId::new(&tenant)?,
                conversation: conversation.try_into()?,
                cursor: cursor.map(|(epoch, rev)| Cursor { epoch, rev }),
            },
            AttachItemWire::Detach(tenant, conversation) => {
                Self::Detach { tenant: TenantId::new(&tenant)?, conversation: conversation.try_into()? }
            }
        })
    }
}

/// Answers a question with a conversation's state.
pub async fn reply_snapshot(reply: Reply, epoch: u64, state: &Conversation) {
    send_reply(reply, &ReplyWire::Snapshot(SnapshotWire::new(epoch, state))).await;
}

/// Answers a question with a tenant's allocation. One that is too large for a message is refused as
/// [`Refusal::Overloaded`].
///
/// # Errors
/// The size of what could not be sent, in bytes.
pub async fn reply_allocation(reply: Reply, view: &AllocationView) -> Result<(), usize> {
    let payload = payload::encode(&ReplyWire::Allocation(AllocationViewWire::from(view)));
    let bytes = payload.len();
    if bytes > MAX_PAYLOAD_BYTES {
        reply_refused(reply, Refusal::Overloaded).await;
        return Err(bytes);
    }
    send(reply, payload).await;
    Ok(())
}

/// Refuses a question.
pub async fn reply_refused(reply: Reply, refusal: Refusal) {
    send_reply(reply, &ReplyWire::Refused(refusal.code())).await;
}

async fn send_reply(reply: Reply, wire: &ReplyWire) {
    send(reply, payload::encode(wire)).await;
}

async fn send(reply: Reply, payload: Bytes) {
    if let Err(error) = reply.send(payload).await {
        tracing::debug!(%error, "a reply was not sent");
    }
}

/// Tells a log's owner how far its archiver is.
pub async fn announce_archived(broker: &Broker, log: LogName, position: u64) {
    if let Err(error) = broker.transport().publish(&subject::archived(log), payload::encode(&position)).await {
        tracing::debug!(%error, "progress was not announced");
    }
}
