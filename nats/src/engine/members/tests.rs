use std::sync::Arc;

use kefu_model::ids::Partition;

use super::*;
use crate::broker::BrokerSettings;
use crate::embedded::{Embedded, EmbeddedConfig};
use crate::testing::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };
const WORK: &str = "chat";

async fn broker(dir: &TempDir) -> Broker {
    let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
    let transport = Arc::new(Embedded::open(config).await.unwrap());
    Broker::open(transport, BrokerSettings { partitions: 1, ..BrokerSettings::default() }).await.unwrap()
}

/// A member, and another one that has said once that it holds the log.
async fn one_that_heard_another(broker: &Broker) -> Members {
    let mut member = Members::join(broker.clone(), "one".to_owned(), WORK, LOG.kind, Duration::ZERO).await.unwrap();
    let beat = HeartbeatWire {
        worker: "other".to_owned(),
        kinds: vec![WORK.to_owned()],
        bye: false,
        owned: Vec::new(),
        holds: vec![LOG.to_string()],
        leaving: false,
        listens: false,
    };
    broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await.unwrap();
    member.hear().await.unwrap();
    assert!(member.is_held_by_another(LOG));
    member
}

/// The member's life, a moment of it.
async fn live(member: &mut Members) {
    member.look(HashSet::new());
    let _ = tokio::time::timeout(Duration::from_millis(10), member.hear()).await;
}

#[tokio::test]
async fn whose_heartbeat_is_late_is_asked_whether_it_is_there() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let mut asked = broker.transport().subscribe(&subject::member("other", WORK)).await.unwrap();
    let mut member = one_that_heard_another(&broker).await;
    let question = tokio::time::timeout(LIMIT, async {
        loop {
            tokio::select! {
                event = asked.next() => break event.and_then(CoreEvent::into_message),
                () = live(&mut member) => {}
            }
        }
    });
    assert!(question.await.unwrap().is_some_and(|message| message.reply.is_some()));
}

#[tokio::test]
async fn whoever_the_broker_does_not_know_is_gone() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let mut member = one_that_heard_another(&broker).await;
    let gone = async {
        while member.ranks.knows("other") {
            live(&mut member).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.unwrap();
}

#[tokio::test]
async fn a_member_answers() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let mut member = one_that_heard_another(&broker).await;
    let subject = subject::member("one", WORK);
    let asked = broker.transport().request(&subject, Bytes::new(), LIMIT);
    tokio::pin!(asked);
    let answer = loop {
        tokio::select! {
            answer = &mut asked => break answer,
            () = live(&mut member) => {}
        }
    };
    assert!(answer.is_ok(), "{answer:?}");
}
