//! Router, archiver and link together, on the embedded broker and SQLite.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kefu_archiver::{Archiver, ArchiverConfig};
use kefu_model::command::Answer;
use kefu_model::event::Audience;
use kefu_model::ids::{DeviceId, Role, TenantId, User, UserId};
use kefu_model::{Actor, Body, Command, CommandHash, Content, ConversationId, Identity, Parties, Refusal};
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::engine::Limits;
use kefu_nats::link::{LinkConfig, LinkMetrics};
use kefu_nats::view::Cursor;
use kefu_nats::{AttachRequest, Broker, BrokerSettings, Link, LinkEvent};
use kefu_router::{Router, RouterConfig};
use kefu_store::{SqliteConfig, SqliteStore, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const WAIT: Duration = Duration::from_secs(10);

struct Deployment {
    link: Link,
    events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    broker: Broker,
    store: Arc<dyn Store>,
}

impl Deployment {
    async fn start(folder: &Path, edge: &str) -> Self {
        let transport = Embedded::open(EmbeddedConfig::new(folder.join("log"))).await.unwrap();
        let settings = BrokerSettings { partitions: 2, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(transport), settings).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&SqliteConfig::new(folder.join("kefu.db"))).unwrap());
        let (sender, events) = mpsc::channel(1_000);
        let metrics = LinkMetrics::register(&prometheus::Registry::new()).unwrap();
        let link = Link::start(broker.clone(), LinkConfig::new(edge.to_owned()), metrics, sender).await.unwrap();
        let registry = prometheus::Registry::new();
        let stop = CancellationToken::new();
        let config = RouterConfig { worker: "router-1".to_owned(), settle: Duration::ZERO, limits: Limits::default() };
        let router = Router::bind(config, broker.clone(), store.clone(), &registry).unwrap();
        let archiver = Archiver::bind(
            ArchiverConfig::new("w".to_owned(), Duration::ZERO),
            broker.clone(),
            store.clone(),
            &registry,
        )
        .unwrap();
        let (router_stop, archiver_stop) = (stop.clone(), stop.clone());
        let tasks = vec![
            tokio::spawn(async move { router.serve(router_stop).await.unwrap() }),
            tokio::spawn(async move { archiver.serve(archiver_stop).await.unwrap() }),
        ];
        Self { link, events, stop, tasks, broker, store }
    }

    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        self.link.stop().await;
        self.broker.transport().close().await.unwrap();
        self.store.close().await.unwrap();
    }

    async fn next(&mut self) -> LinkEvent {
        loop {
            let event = tokio::time::timeout(WAIT, self.events.recv()).await.expect("an event in time").unwrap();
            if !matches!(event, LinkEvent::Notice(_) | LinkEvent::NewcomersMissed) {
                return event;
            }
        }
    }
}

fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

fn visitor() -> User {
    User::customer(UserId::new("v1").unwrap())
}

fn conversation() -> ConversationId {
    ConversationId::support(&tenant(), &visitor().id)
}

fn say(n: u64, text: &str) -> Command {
    let mut hash = [0; 16];
    hash[..text.len().min(16)].copy_from_slice(&text.as_bytes()[..text.len().min(16)]);
    Command {
        tenant: tenant(),
        conversation: conversation(),
        actor: Actor::User { user: visitor(), role: Role::Customer, name: None },
        identity: Some(Identity::Device { device: DeviceId::new("d1").unwrap(), n }),
        hash: CommandHash(hash),
        parties: Some(Parties::Support { customer: visitor(), name: None }),
        body: Body::Message { content: Content::Text(text.to_owned()), audience: Audience::All },
    }
}

fn attach(token: u64, cursor: Option<Cursor>) -> AttachRequest {
    AttachRequest { token, tenant: tenant(), conversation: conversation(), cursor }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acked_is_there_after_a_restart_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Deployment::start(folder.path(), "edge-1").await;
    first.link.attach(vec![attach(1, None)]);
    let LinkEvent::Attached { snapshot, recovered: true, .. } = first.next().await else { panic!("attached") };
    assert_eq!(snapshot.conversation.rev, 0);
    let answer = first.link.ask(&say(1, "hello"), WAIT).await;
    let Answer::Accepted { rev: 4, seq: Some(1), .. } = answer else { panic!("{answer:?}") };
    let LinkEvent::Outcomes { outcomes, .. } = first.next().await else { panic!("outcomes") };
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].rev, 4);
    assert_eq!(first.link.ask(&say(1, "hello"), WAIT).await, answer, "the same command, the same answer");
    assert_eq!(first.link.ask(&say(1, "other"), WAIT).await, Answer::refused(Refusal::OtherContent));
    first.stop().await;

    let mut second = Deployment::start(folder.path(), "edge-2").await;
    assert_eq!(second.link.ask(&say(1, "hello"), WAIT).await, answer, "the same answer after a restart");
    let Answer::Accepted { rev: 5, seq: Some(2), .. } = second.link.ask(&say(2, "again"), WAIT).await else {
        panic!("accepted")
    };
    second.link.attach(vec![attach(2, Some(Cursor { epoch: 1, rev: 4 }))]);
    let LinkEvent::Attached { snapshot, recovered, missed, .. } = second.next().await else { panic!("attached") };
    assert!(recovered);
    assert_eq!((snapshot.conversation.rev, missed.len(), missed[0].rev), (5, 1, 5));
    second.stop().await;

    // Everything is archived now; the tail still reaches back.
    let mut third = Deployment::start(folder.path(), "edge-3").await;
    third.link.attach(vec![attach(3, Some(Cursor { epoch: 1, rev: 0 }))]);
    let LinkEvent::Attached { recovered, missed, .. } = third.next().await else { panic!("attached") };
    assert!(recovered);
    assert_eq!(missed.iter().map(|outcome| outcome.rev).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(third.link.ask(&say(1, "hello"), WAIT).await, answer, "what the tail repeats is not applied again");
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_keep_their_order_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path(), "edge-1").await;
    deployment.link.attach(vec![attach(1, None)]);
    let LinkEvent::Attached { .. } = deployment.next().await else { panic!("attached") };
    for n in 1..=500 {
        let (sender, answered) = tokio::sync::oneshot::channel();
        let command = say(n, &format!("message {n}"));
        deployment.link.submit(
            &command,
            Box::new(move |answer| {
                let _ = sender.send(answer);
            }),
        );
        if n % 20 == 0 {
            let Answer::Accepted { seq: Some(seq), .. } = answered.await.unwrap() else { panic!("accepted") };
            assert_eq!(seq, n);
        }
    }
    let mut rev = 0;
    while rev < 503 {
        let LinkEvent::Outcomes { outcomes, .. } = deployment.next().await else { panic!("outcomes") };
        for outcome in outcomes {
            for numbered in outcome.events() {
                assert_eq!(numbered.rev, rev + 1);
                rev = numbered.rev;
            }
        }
    }
    deployment.stop().await;
}
