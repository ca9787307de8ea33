//! The link between a process that serves clients and the owners of the logs: commands out, answers and outcomes in.
//!
//! One task per log. Commands leave in **envelopes**, exactly one in flight per log, so order is kept and what arrives
//! meanwhile is the next envelope. Deliveries are numbered per owner; a gap, a new generation, or an owner that does not know
//! this edge any more makes the link attach that log's conversations again from where each stands, so what it hands on has
//! every `rev` once.
//!
//! Notices of newcomers are numbered by the same owners in the same way, for all edges together. Where one may be missing the
//! link says so ([`LinkEvent::NewcomersMissed`]): nobody can be asked for the notice itself.

mod follow;
mod metrics;
mod numbering;
mod outbox;
mod relay;
mod task;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use kefu_model::command::Answer;
use kefu_model::ids::TenantId;
use kefu_model::{Command, ConversationId, Outcome, Refusal};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::{Broker, LogKind, LogName, subject};
use crate::codec;
use crate::delivery::EVERYONE;
use crate::notice::Notice;
use crate::payload::{
    self, AnswerWire, AskWire, DeliveryWire, HeartbeatWire, NoticeWire, OwnedWire, PayloadError, ReplyWire,
};
use crate::transport::{ConnectionState, CoreEvent, Reply, Subscription, TransportError};
use crate::view::{AllocationView, Cursor, Snapshot};
use metrics::Again;
pub use metrics::LinkMetrics;
use numbering::{Came, Numbering};
use outbox::OnWire;
use task::{LogTask, Note};

/// Called once with the answer to a command.
pub type OnAnswer = Box<dyn FnOnce(Answer) + Send>;

/// A conversation to follow.
#[derive(Debug, Clone)]
pub struct AttachRequest {
    /// Chosen by the caller; the answer names it.
    pub token: u64,
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// What the client has already.
    pub cursor: Option<Cursor>,
}

/// What the link hands on.
#[derive(Debug)]
pub enum LinkEvent {
    /// The answer to an attach. From here on [`LinkEvent::Outcomes`] follow, the first with `rev` = the snapshot's + 1.
    Attached {
        /// The request's.
        token: u64,
        /// The tenant.
        tenant: TenantId,
        /// The state up to which `missed` reaches.
        snapshot: Arc<Snapshot>,
        /// Whether `missed` is everything after the cursor.
        recovered: bool,
        /// Outcomes after the cursor, in order. The first may begin at or before the cursor.
        missed: Vec<Arc<Outcome>>,
    },
    /// The attach was refused, or nobody answered.
    AttachFailed {
        /// The request's.
        token: u64,
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// Why.
        refusal: Refusal,
    },
    /// New outcomes of a followed conversation, in order, each `rev` once, without gaps.
    Outcomes {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// The log's epoch.
        epoch: u64,
        /// At least one.
        outcomes: Vec<Arc<Outcome>>,
    },
    /// Continuity was lost: clients must load the last page of history.
    Reset {
        /// The tenant.
        tenant: TenantId,
        /// The state from which it goes on.
        snapshot: Arc<Snapshot>,
    },
    /// An ephemeral fact.
    Notice(Notice),
    /// Notices that somebody became a member may have been missed, of whichever tenants. Several losses may be told once.
    NewcomersMissed,
    /// Another process asks for something.
    Relayed {
        /// What.
        payload: Bytes,
        /// Where the answer goes.
        reply: Reply,
    },
}

/// Limits of a link.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// This process's name, another one each time it starts; it becomes part of subjects.
    pub edge: String,
    /// Commands per log that may wait for an answer; beyond it they are refused as overloaded.
    pub pending_commands: usize,
    /// After this long without an answer a command is refused with [`Refusal::NoAnswer`], in milliseconds.
    pub answer_deadline_ms: u64,
    /// After this long without an answer a command is sent again, in milliseconds.
    pub resend_after_ms: u64,
    /// Records by which the archive may be behind before new commands are refused.
    pub archive_lag_records: u64,
}

impl LinkConfig {
    /// The defaults for a process of that name.
    #[must_use]
    pub fn new(edge: String) -> Self {
        Self {
            edge,
            pending_commands: 20_000,
            answer_deadline_ms: 10_000,
            resend_after_ms: 1_500,
            archive_lag_records: 200_000,
        }
    }
}

/// How the link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// Whether the broker can be reached.
    pub connected: bool,
    /// Why the log took nothing lately, as far as it is in this process.
    pub trouble: Option<&'static str>,
    /// Logs whose owner was heard of lately.
    pub owned: usize,
    /// Logs in all.
    pub logs: usize,
    /// The largest archive lag of a log, in records.
    pub archive_lag_records: u64,
}

/// What is known of a log's owner.
#[derive(Debug, Clone, Copy, Default)]
struct OwnerSeen {
    heard_at: Option<Instant>,
    lag_records: u64,
}

/// An owner is known for this long after it was heard.
const OWNER_SILENCE: Duration = Duration::from_secs(2);
/// How long one asking waits for a reply.
const ASK_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How long a question is asked again: longer than it takes until a log has a new owner after the last one died.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// Deliveries that may wait for the tasks of their logs, in KiB.
const WAITING_KIB: u32 = 64 * 1024;
/// Pause before asking again where nobody answers yet.
const ASK_PAUSE: Duration = Duration::from_millis(150);

struct Log {
    name: LogName,
    notes: mpsc::UnboundedSender<Note>,
    pending: Arc<Semaphore>,
    owner: Mutex<OwnerSeen>,
    /// Of its owner's notices of newcomers.
    newcomers: Mutex<Numbering>,
}

impl Log {
    /// Hands a command to the log's task; after a stop it is refused.
    fn submit(&self, command: Bytes, on_answer: OnWire) {
        let sent = self.notes.send(Note::Submit { command, on_answer });
        if let Err(mpsc::error::SendError(Note::Submit { on_answer, .. })) = sent {
            on_answer(Err(Refusal::NoAnswer));
        }
    }
}

struct Shared {
    broker: Broker,
    config: LinkConfig,
    key: String,
    metrics: LinkMetrics,
    logs: Vec<Arc<Log>>,
    /// Notices of newcomers may have been missed.
    missed: Notify,
    /// Room for deliveries that wait for a log's task, in KiB.
    waiting: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The link; clones are handles on the same one.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// Subscribes and starts the tasks. `events` is bounded: while its receiver does not take them, answers wait too.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn start(
        broker: Broker,
        config: LinkConfig,
        metrics: LinkMetrics,
        events: mpsc::Sender<LinkEvent>,
    ) -> Result<Self, TransportError> {
        let transport = broker.transport();
        let deliveries = transport.subscribe(&subject::deliver(&config.edge)).await?;
        let heartbeats = transport.subscribe(subject::HEARTBEAT).await?;
        let notices = broker.subscribe_notices().await?;
        let key = relay::new_key();
        let relayed = transport.subscribe(&subject::relay(&key)).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut logs = Vec::new();
        for name in broker.logs() {
            let (notes, inbox) = mpsc::unbounded_channel();
            let pending = Arc::new(Semaphore::new(config.pending_commands));
            let task = LogTask::new(broker.clone(), config.clone(), metrics.clone(), name, inbox, events.clone());
            tasks.spawn(task.run(stop.clone()));
            let (owner, newcomers) = (Mutex::default(), Mutex::default());
            logs.push(Arc::new(Log { name, notes, pending, owner, newcomers }));
        }
        let waiting = Arc::new(Semaphore::new(WAITING_KIB as usize));
        let missed = Notify::new();
        let shared = Arc::new(Shared { broker, config, key, metrics, logs, missed, waiting, stop, tasks });
        let link = Self { shared };
        link.shared.tasks.spawn(link.clone().take_deliveries(deliveries));
        link.shared.tasks.spawn(link.clone().take_heartbeats(heartbeats));
        link.shared.tasks.spawn(link.clone().take_notices(notices, events.clone()));
        link.shared.tasks.spawn(link.clone().tell_missed(events.clone()));
        link.shared.tasks.spawn(link.clone().take_relayed(relayed, events));
        Ok(link)
    }

    /// The partitions of conversations.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.shared.broker.settings().partitions
    }

    /// Sends a command; `on_answer` is called exactly once. Commands to one conversation keep their order.
    pub fn submit(&self, command: &Command, on_answer: OnAnswer) {
        let log = self.chat_log(&command.tenant, command.conversation);
        if self.lags(log) {
            return on_answer(Answer::refused(Refusal::ArchiveBehind));
        }
        let Ok(permit) = log.pending.clone().try_acquire_owned() else {
            return on_answer(Answer::refused(Refusal::Overloaded));
        };
        let on_answer = Box::new(move |wire: Result<AnswerWire, Refusal>| {
            drop(permit);
            on_answer(read_answer(wire));
        });
        log.submit(codec::encode_command(command), on_answer);
    }

    /// Sends a command and waits for its answer; [`Refusal::NoAnswer`] after the timeout.
    pub async fn ask(&self, command: &Command, timeout: Duration) -> Answer {
        let (sender, receiver) = oneshot::channel();
        self.submit(
            command,
            Box::new(move |answer| {
                let _ = sender.send(answer);
            }),
        );
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(answer)) => answer,
            _ => Answer::refused(Refusal::NoAnswer),
        }
    }

    /// Follows conversations; the answers come as events.
    pub fn attach(&self, requests: Vec<AttachRequest>) {
        for request in requests {
            let log = self.chat_log(&request.tenant, request.conversation);
            let _ = log.notes.send(Note::Attach(request));
        }
    }

    /// Follows a conversation no more.
    pub fn detach(&self, tenant: &TenantId, conversation: ConversationId) {
        let log = self.chat_log(tenant, conversation);
        let _ = log.notes.send(Note::Detach { tenant: tenant.clone(), conversation });
    }

    /// The state of a conversation as its owner knows it; `rev` 0 when it does not exist.
    ///
    /// # Errors
    /// [`Refusal::NoAnswer`] when no owner answers in time.
    pub async fn snapshot(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Arc<Snapshot>, Refusal> {
        let log = self.shared.broker.chat_log(tenant, conversation);
        match self.question(log, &AskWire::Snapshot(tenant.as_str().to_owned(), conversation.into())).await? {
            ReplyWire::Snapshot(wire) => Ok(Arc::new(wire.try_into().map_err(|_| Refusal::NoAnswer)?)),
            ReplyWire::Refused(code) => Err(Refusal::from_code(code).unwrap_or(Refusal::NoAnswer)),
            ReplyWire::Allocation(_) => Err(Refusal::NoAnswer),
        }
    }

    /// Sends a command to a tenant's allocation and waits for its answer.
    pub async fn allocation(&self, tenant: &TenantId, command: &AllocationCommand) -> AllocationAnswer {
        let (sender, receiver) = oneshot::channel();
        let log = self.log(self.shared.broker.allocation_log(tenant));
        let Ok(permit) = log.pending.clone().try_acquire_owned() else {
            return AllocationAnswer::Refused(Refusal::Overloaded);
        };
        let on_answer = Box::new(move |wire: Result<AnswerWire, Refusal>| {
            drop(permit);
            let _ = sender.send(wire);
        });
        log.submit(codec::encode_allocation_command(tenant, command), on_answer);
        let wire = receiver.await.unwrap_or(Err(Refusal::NoAnswer));
        match wire.map(AllocationAnswer::try_from) {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => AllocationAnswer::Refused(Refusal::NoAnswer),
            Err(refusal) => AllocationAnswer::Refused(refusal),
        }
    }

    /// The allocation of a tenant as its owner knows it.
    ///
    /// # Errors
    /// [`Refusal::NoAnswer`] when no owner answers in time.
    pub async fn allocation_view(&self, tenant: &TenantId) -> Result<AllocationView, Refusal> {
        let log = self.shared.broker.allocation_log(tenant);
        match self.question(log, &AskWire::Allocation(tenant.as_str().to_owned())).await? {
            ReplyWire::Allocation(wire) => wire.try_into().map_err(|_| Refusal::NoAnswer),
            ReplyWire::Refused(code) => Err(Refusal::from_code(code).unwrap_or(Refusal::NoAnswer)),
            ReplyWire::Snapshot(_) => Err(Refusal::NoAnswer),
        }
    }

    /// Tells all edges an ephemeral fact, at most once.
    pub async fn notify(&self, notice: &Notice) {
        self.shared.broker.notify(notice).await;
    }

    /// How the link stands.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        let seen: Vec<OwnerSeen> = self.shared.logs.iter().map(|log| *log.owner.lock()).collect();
        let owned = seen.iter().filter(|owner| owner.heard_at.is_some_and(|at| at.elapsed() < OWNER_SILENCE)).count();
        LinkStatus {
            trouble: self.shared.broker.transport().trouble(),
            connected: *self.shared.broker.transport().connection().borrow() == ConnectionState::Connected,
            owned,
            logs: seen.len(),
            archive_lag_records: seen.iter().map(|owner| owner.lag_records).max().unwrap_or(0),
        }
    }

    /// Detaches everything and ends the tasks.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn log(&self, name: LogName) -> &Arc<Log> {
        let chat = usize::from(self.shared.broker.settings().partitions);
        let index = usize::from(name.partition.0) + if name.kind == LogKind::Chat { 0 } else { chat };
        &self.shared.logs[index]
    }

    fn find(&self, name: &str) -> Option<&Arc<Log>> {
        let name = LogName::parse(name)?;
        self.shared.logs.iter().find(|log| log.name == name)
    }

    fn chat_log(&self, tenant: &TenantId, conversation: ConversationId) -> &Arc<Log> {
        self.log(self.shared.broker.chat_log(tenant, conversation))
    }

    fn lags(&self, log: &Log) -> bool {
        log.owner.lock().lag_records > self.shared.config.archive_lag_records
    }

    async fn question(&self, log: LogName, question: &AskWire) -> Result<ReplyWire, Refusal> {
        let payload = payload::encode(question);
        let asked_at = tokio::time::Instant::now();
        while asked_at.elapsed() < ASK_WITHIN {
            let asked = self.shared.broker.transport().request(&subject::ask(log), payload.clone(), ASK_TIMEOUT).await;
            match asked {
                Ok(bytes) => return payload::decode(&bytes).map_err(|_| Refusal::NoAnswer),
                Err(TransportError::Timeout) => {}
                Err(TransportError::Closed) => break,
                Err(_) => tokio::time::sleep(ASK_PAUSE).await,
            }
        }
        Err(Refusal::NoAnswer)
    }

    async fn take_deliveries(self, mut deliveries: Box<dyn Subscription>) {
        while let Some(event) = self.next(&mut deliveries).await {
            let Some(message) = event.into_message() else {
                self.all_logs(|| Note::Suspect);
                continue;
            };
            match payload::decode::<DeliveryWire>(&message.payload) {
                Ok(delivery) => {
                    let Some(place) = self.place_for(message.payload.len()).await else { return };
                    if let Some(log) = self.find(&delivery.log) {
                        let _ = log.notes.send(Note::Delivery(delivery, place));
                    }
                }
                Err(error) => tracing::error!(%error, "a delivery cannot be read"),
            }
        }
    }

    /// Waits until deliveries of so many bytes may wait for their log's task; none after a stop. What comes meanwhile waits in
    /// the subscription, which is bounded and says what it dropped.
    async fn place_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(WAITING_KIB);
        tokio::select! {
            () = self.shared.stop.cancelled() => None,
            place = self.shared.waiting.clone().acquire_many_owned(kib) => place.ok(),
        }
    }

    async fn take_heartbeats(self, mut heartbeats: Box<dyn Subscription>) {
        while let Some(event) = self.next(&mut heartbeats).await {
            let Some(message) = event.into_message() else { continue };
            let Ok(beat) = payload::decode::<HeartbeatWire>(&message.payload) else { continue };
            for owned in beat.owned {
                self.take_owned(owned);
            }
        }
    }

    fn take_owned(&self, owned: OwnedWire) {
        let Some(log) = self.find(&owned.log) else { return };
        let lag_records = owned.position.saturating_sub(owned.archived);
        *log.owner.lock() = OwnerSeen { heard_at: Some(Instant::now()), lag_records };
        let number_of = |name: &str| owned.numbers.iter().find(|(to, _)| to == name).map(|(_, number)| *number);
        let number = number_of(&self.shared.config.edge);
        let _ = log.notes.send(Note::Heartbeat { generation: owned.generation, number });
        if log.name.kind == LogKind::Chat {
            let number = number_of(EVERYONE).unwrap_or(0);
            let why = log.newcomers.lock().promised(owned.generation, Some(number));
            why.into_iter().for_each(|why| self.missed(why));
        }
    }

    async fn take_notices(self, mut notices: Box<dyn Subscription>, events: mpsc::Sender<LinkEvent>) {
        while let Some(event) = self.next(&mut notices).await {
            let Some(message) = event.into_message() else {
                self.missed(Again::Suspect);
                continue;
            };
            match self.read_notice(&message.payload) {
                Ok(notice) => {
                    if events.send(LinkEvent::Notice(notice)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "a notice cannot be read"),
            }
        }
    }

    fn read_notice(&self, payload: &[u8]) -> Result<Notice, PayloadError> {
        let wire = payload::decode::<NoticeWire>(payload)?;
        if let Some((log, generation, number)) = wire.number()
            && let Some(log) = self.find(log)
            && let Came::After(why) = log.newcomers.lock().came(generation, number)
        {
            self.missed(why);
        }
        wire.try_into()
    }

    fn missed(&self, why: Again) {
        self.shared.metrics.newcomers_missed(why);
        self.shared.missed.notify_one();
    }

    /// Apart from who finds it out: heartbeats do not wait for whoever takes events.
    async fn tell_missed(self, events: mpsc::Sender<LinkEvent>) {
        let tell = async {
            loop {
                self.shared.missed.notified().await;
                if events.send(LinkEvent::NewcomersMissed).await.is_err() {
                    return;
                }
            }
        };
        self.shared.stop.run_until_cancelled(tell).await;
    }

    async fn next(&self, subscription: &mut Box<dyn Subscription>) -> Option<CoreEvent> {
        tokio::select! {
            () = self.shared.stop.cancelled() => None,
            event = subscription.next() => event,
        }
    }

    fn all_logs(&self, note: impl Fn() -> Note) {
        for log in &self.shared.logs {
            let _ = log.notes.send(note());
        }
    }
}

fn read_answer(wire: Result<AnswerWire, Refusal>) -> Answer {
    match wire.map(Answer::try_from) {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::refused(Refusal::NoAnswer),
        Err(refusal) => Answer::refused(refusal),
    }
}

#[cfg(test)]
mod tests;
