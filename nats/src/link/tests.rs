//! The link against an owner that does exactly what a test tells it to. Time is paused: what waits costs nothing.

mod attach;
mod commands;
mod follow;
mod newcomers;
mod outbox;
mod owner;
mod questions;

use std::sync::Arc;
use std::time::Duration;

use kefu_model::command::Parties;
use kefu_model::ids::CommandKey;
use kefu_model::{Actor, Audience, Body, CommandHash, Content, Identity, Partition, Role, User, UserId};
use tokio::time::timeout;

use super::*;
use crate::broker::BrokerSettings;
use crate::embedded::{Embedded, EmbeddedConfig};
use crate::faulty::{FaultControls, Faulty};
use crate::testing::TempDir;
use owner::FakeOwner;

const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };
const EDGE: &str = "edge-1";
/// No test waits longer than this, in paused time.
const PATIENCE: Duration = Duration::from_secs(120);

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn visitor() -> User {
    User::customer(UserId::new("v").unwrap())
}

fn conversation() -> ConversationId {
    ConversationId::support(&tenant(), &visitor().id)
}

fn say(words: &str) -> Command {
    Command {
        tenant: tenant(),
        conversation: conversation(),
        actor: Actor::User { user: visitor(), role: Role::Customer, name: None },
        identity: Some(Identity::Key(CommandKey::new(words).unwrap())),
        hash: CommandHash([0; 16]),
        parties: Some(Parties::Support { customer: visitor(), name: None }),
        body: Body::Message { content: Content::Text(words.to_owned()), audience: Audience::All },
    }
}

fn words(command: &Command) -> String {
    match &command.body {
        Body::Message { content: Content::Text(words), .. } => words.clone(),
        other => panic!("{other:?}"),
    }
}

/// A link and the broker behind it, with faults to order.
struct Site {
    broker: Broker,
    link: Link,
    events: mpsc::Receiver<LinkEvent>,
    controls: FaultControls,
    answers: mpsc::UnboundedReceiver<(String, Answer)>,
    answered: mpsc::UnboundedSender<(String, Answer)>,
    _dir: TempDir,
}

impl Site {
    async fn open(change: impl FnOnce(&mut LinkConfig)) -> Self {
        let dir = TempDir::new();
        let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
        let faulty = Faulty::new(Arc::new(Embedded::open(config).await.unwrap()), 1);
        let controls = faulty.controls();
        let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(faulty), settings).await.unwrap();
        let mut config = LinkConfig::new(EDGE.to_owned());
        change(&mut config);
        let (sender, events) = mpsc::channel(100);
        let metrics = LinkMetrics::register(&prometheus::Registry::new()).unwrap();
        let link = Link::start(broker.clone(), config, metrics, sender).await.unwrap();
        let (answered, answers) = mpsc::unbounded_channel();
        Self { broker, link, events, controls, answers, answered, _dir: dir }
    }

    fn submit(&self, text: &str) {
        let (answered, text) = (self.answered.clone(), text.to_owned());
        let command = say(&text);
        self.link.submit(&command, Box::new(move |answer| answered.send((text, answer)).unwrap()));
    }

    async fn answer(&mut self) -> (String, Answer) {
        timeout(PATIENCE, self.answers.recv()).await.expect("an answer in time").unwrap()
    }

    /// The next event; newcomers have tests of their own.
    async fn event(&mut self) -> LinkEvent {
        loop {
            match timeout(PATIENCE, self.events.recv()).await.expect("an event in time").unwrap() {
                LinkEvent::NewcomersMissed => {}
                event => return event,
            }
        }
    }

    fn attach(&self, token: u64, cursor: Option<Cursor>) {
        let (tenant, conversation) = (tenant(), conversation());
        self.link.attach(vec![AttachRequest { token, tenant, conversation, cursor }]);
    }

    /// Waits until everything said before has been dealt with.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(450)).await;
    }
}
