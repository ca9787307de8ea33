//! What NATS loses on the way is found by its number.

use kefu_nats::testing::NatsServer;

use crate::client::{Client, Protocol, message};
use crate::harness::cluster;
use crate::harness::lossy::Lossy;
use crate::harness::scene::{Broker, Scene};

/// Of each of the two at least, and at most: a delivery may hold many, so how many deliveries there are is open.
const MESSAGES: usize = 150;
const MESSAGES_MAX: usize = 1_500;
/// How many deliveries have to be lost.
const LOST: usize = 10;

/// A deployment, or an edge of the cluster, to which not everything comes. The server lives as long as it is kept.
async fn behind_a_loss(broker: Broker) -> (Option<NatsServer>, Lossy, Scene) {
    let server = match broker {
        Broker::Cluster => None,
        _ => Some(NatsServer::start()),
    };
    let url = server.as_ref().map_or_else(cluster::nats_url, NatsServer::url);
    let lossy = Lossy::before(&url).await;
    let broker = if broker == Broker::Cluster { broker } else { Broker::Embedded };
    let scene = Scene::start_with(broker, &[("KEFU_NATS__URL", &lossy.url())]).await;
    (server, lossy, scene)
}

/// The agent is at an edge to which no notice comes; in the cluster the visitor is at another one.
pub async fn a_session_whose_notice_is_lost_is_told(broker: Broker) {
    let (_server, lossy, scene) = behind_a_loss(broker).await;
    let mut agent = Client::connect(&scene.kefu.address(), &scene.agent("mei", 5).await, Protocol::Json).await;
    agent.until_online().await;
    lossy.lose_notices();
    for text in ["hello", "hello again"] {
        let person = scene.visitor().await;
        let mut visitor = Client::connect(&scene.kefu.anywhere(), &person, Protocol::Json).await;
        let id = visitor.support();
        visitor.attach(&id).await;
        visitor.say(&id, text).await;
        visitor.until_assigned(&id).await;
        agent.attach_added(&id).await;
        agent.until_texts(&id, &[text]).await;
    }
    assert!(lossy.lost_notices() >= 2, "{} were lost", lossy.lost_notices());
}

/// The visitor is at an edge to which one delivery in seven does not come; in the cluster the agent is at another one.
pub async fn what_is_lost_on_the_way_is_found(broker: Broker) {
    let (_server, lossy, scene) = behind_a_loss(broker).await;
    let mut agent = Client::connect(&scene.kefu.anywhere(), &scene.agent("mei", 5).await, Protocol::Json).await;
    agent.until_online().await;
    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    visitor.say(&id, "hello").await;
    visitor.until_assigned(&id).await;
    agent.attach_added(&id).await;
    let mut sent = 0;
    while sent < MESSAGES || (lossy.lost() <= LOST && sent < MESSAGES_MAX) {
        visitor.until_room().await;
        visitor.command(&id, message(&format!("question {sent}")));
        agent.until_room().await;
        agent.command(&id, message(&format!("answer {sent}")));
        sent += 1;
    }
    visitor.until_answered().await;
    agent.until_answered().await;

    // Both have seen everything, in one order, and nobody had to load a page.
    agent.until("everything", |view| (view.texts(&id).len() == 1 + 2 * sent).then_some(())).await;
    let seen: Vec<String> = agent.look(|view| view.texts(&id));
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    visitor.until_texts(&id, &seen).await;
    for client in [&agent, &visitor] {
        assert_eq!(client.look(|view| view.conversations[&id].lost), 0);
    }
    for name in ["question", "answer"] {
        let expected: Vec<String> = (0..sent).map(|number| format!("{name} {number}")).collect();
        let own: Vec<&str> = seen.iter().copied().filter(|text| text.starts_with(name)).collect();
        assert_eq!(own, expected);
    }
    assert!(lossy.lost() > LOST, "{} were lost", lossy.lost());
}
