//! The typed handle on the broker: names of logs and subjects, and what is said on them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::ConversationId;
use kefu_model::ids::{Partition, TenantId, allocation_partition_of, partition_of};

use crate::notice::Notice;
use crate::payload::{self, NoticeWire};
use crate::transport::{
    Durability, Overflow, Position, StreamInfo, StreamReader, StreamSpec, Subscription, Transport, TransportError,
    UNLIMITED_BYTES,
};

/// What a log's aggregates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogKind {
    /// Conversations, partitioned by conversation.
    Chat,
    /// Allocation, partitioned by tenant.
    Allocation,
}

impl LogKind {
    /// The name in streams, subjects and checkpoints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Allocation => "allocation",
        }
    }
}

/// One partition's log and inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogName {
    /// What it is of.
    pub kind: LogKind,
    /// Which.
    pub partition: Partition,
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.as_str(), self.partition)
    }
}

impl LogName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, partition) = text.rsplit_once('-')?;
        let kind = [LogKind::Chat, LogKind::Allocation].into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { kind, partition: Partition(partition.parse().ok()?) })
    }

    pub(crate) fn log_stream(self) -> String {
        format!("LOG-{self}")
    }

    pub(crate) fn in_stream(self) -> String {
        format!("IN-{self}")
    }
}

/// How the broker's streams are made.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Partitions of conversations; fixed when the deployment is created.
    pub partitions: u16,
    /// Partitions of allocation; fixed when the deployment is created.
    pub allocation_partitions: u16,
    /// Whether IN is kept on disk. It needs not be.
    pub in_on_disk: bool,
    /// Servers that keep each stream.
    pub replicas: usize,
    /// Most bytes of one log; none leaves it to the broker's own limits. JetStream reserves what is said here.
    pub log_max_bytes: Option<u64>,
    /// Most bytes of one inbox; the oldest commands make room. JetStream reserves them in memory.
    pub in_max_bytes: u64,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            partitions: 16,
            allocation_partitions: 1,
            in_on_disk: false,
            replicas: 1,
            log_max_bytes: None,
            in_max_bytes: 4 * 1024 * 1024,
        }
    }
}

impl BrokerSettings {
    /// The names of all streams of the deployment, for who has to delete them.
    pub fn streams(&self) -> impl Iterator<Item = String> + use<> {
        logs(self).flat_map(|log| [log.log_stream(), log.in_stream()])
    }
}

fn logs(settings: &BrokerSettings) -> impl Iterator<Item = LogName> + use<> {
    let of = |kind| move |n| LogName { kind, partition: Partition(n) };
    let chat = (0..settings.partitions).map(of(LogKind::Chat));
    chat.chain((0..settings.allocation_partitions).map(of(LogKind::Allocation)))
}

/// How long IN remembers the ids of envelopes.
const IN_DUPLICATE_WINDOW: Duration = Duration::from_secs(60);
/// How long IN keeps an envelope that nobody decides.
const IN_MAX_AGE: Duration = Duration::from_secs(600);

/// The typed handle.
#[derive(Clone)]
pub struct Broker {
    transport: Arc<dyn Transport>,
    settings: Arc<BrokerSettings>,
}

impl Broker {
    /// Opens every stream of the deployment.
    ///
    /// # Errors
    /// When the broker cannot be reached or a stream has another shape.
    pub async fn open(transport: Arc<dyn Transport>, settings: BrokerSettings) -> Result<Self, TransportError> {
        let broker = Self { transport, settings: Arc::new(settings) };
        for log in broker.logs() {
            broker.transport.open_stream(&broker.log_spec(log)).await?;
            broker.transport.open_stream(&broker.in_spec(log)).await?;
        }
        Ok(broker)
    }

    /// The bytes below.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// All logs of the deployment.
    pub fn logs(&self) -> impl Iterator<Item = LogName> + use<> {
        logs(&self.settings)
    }

    /// The logs of a kind.
    pub fn logs_of(&self, kind: LogKind) -> impl Iterator<Item = LogName> + use<> {
        self.logs().filter(move |log| log.kind == kind)
    }

    /// The log of a conversation.
    #[must_use]
    pub fn chat_log(&self, tenant: &TenantId, conversation: ConversationId) -> LogName {
        LogName { kind: LogKind::Chat, partition: partition_of(tenant, conversation, self.settings.partitions) }
    }

    /// The allocation log of a tenant.
    #[must_use]
    pub fn allocation_log(&self, tenant: &TenantId) -> LogName {
        let partition = allocation_partition_of(tenant, self.settings.allocation_partitions);
        LogName { kind: LogKind::Allocation, partition }
    }

    /// A log's identity and bounds.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn log_info(&self, log: LogName) -> Result<StreamInfo, TransportError> {
        self.transport.info(&log.log_stream()).await
    }

    /// Drops the records of a log below a position, never the last one.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn purge_log(&self, log: LogName, below: Position) -> Result<(), TransportError> {
        self.transport.purge_below(&log.log_stream(), below).await
    }

    /// Tells all edges an ephemeral fact, at most once.
    pub async fn notify(&self, notice: &Notice) {
        self.send_notice(&NoticeWire::from(notice)).await;
    }

    pub(crate) async fn send_notice(&self, notice: &NoticeWire) {
        let payload = payload::encode(notice);
        if let Err(error) = self.transport.publish(subject::NOTICE, payload).await {
            tracing::debug!(%error, "a notice was not sent");
        }
    }

    pub(crate) async fn subscribe_notices(&self) -> Result<Box<dyn Subscription>, TransportError> {
        self.transport.subscribe(subject::NOTICE).await
    }

    pub(crate) async fn read_log(&self, log: LogName, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        self.transport.read(&log.log_stream(), from).await
    }

    /// Opens IN again, which a broker that lost its memory may have forgotten, and reads it.
    pub(crate) async fn read_in(&self, log: LogName, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        self.transport.read(&log.in_stream(), from).await
    }

    pub(crate) async fn in_info(&self, log: LogName) -> Result<StreamInfo, TransportError> {
        self.transport.info(&log.in_stream()).await
    }

    pub(crate) async fn open_in(&self, log: LogName) -> Result<StreamInfo, TransportError> {
        self.transport.open_stream(&self.in_spec(log)).await
    }

    fn log_spec(&self, log: LogName) -> StreamSpec {
        StreamSpec {
            name: log.log_stream(),
            durability: Durability::Disk,
            max_bytes: self.settings.log_max_bytes.unwrap_or(UNLIMITED_BYTES),
            overflow: Overflow::RefuseNew,
            duplicate_window: Duration::from_secs(120),
            max_age: None,
            replicas: self.settings.replicas,
        }
    }

    fn in_spec(&self, log: LogName) -> StreamSpec {
        let durability = if self.settings.in_on_disk { Durability::Disk } else { Durability::Memory };
        StreamSpec {
            name: log.in_stream(),
            durability,
            max_bytes: self.settings.in_max_bytes,
            overflow: Overflow::DropOldest,
            duplicate_window: IN_DUPLICATE_WINDOW,
            max_age: Some(IN_MAX_AGE),
            replicas: self.settings.replicas,
        }
    }
}

/// Subjects of core messages.
pub(crate) mod subject {
    use super::LogName;

    /// Notices to all edges.
    pub(crate) const NOTICE: &str = "notice";
    /// Heartbeats of workers.
    pub(crate) const HEARTBEAT: &str = "heartbeat";
    /// Reports of all processes to all edges.
    pub(crate) const REPORT: &str = "report";

    /// A member of those who share work on logs, to be asked whether it is there.
    pub(crate) fn member(name: &str, work: &str) -> String {
        format!("member.{work}.{name}")
    }

    /// Attaches and detaches of a log's conversations.
    pub(crate) fn attach(log: LogName) -> String {
        format!("attach.{log}")
    }

    /// Questions to a log's owner.
    pub(crate) fn ask(log: LogName) -> String {
        format!("ask.{log}")
    }

    /// Progress of a log's archiver.
    pub(crate) fn archived(log: LogName) -> String {
        format!("archived.{log}")
    }

    /// What other processes hand to the one with that key.
    pub(crate) fn relay(key: &str) -> String {
        format!("relay.{key}")
    }

    /// Deliveries to one edge or worker.
    pub(crate) fn deliver(peer: &str) -> String {
        format!("deliver.{peer}")
    }
}
