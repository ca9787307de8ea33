//! Who gets whom: least loaded, queue, capacity.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

pub async fn a_visitor_gets_the_least_loaded_agent(broker: Broker) {
    let scene = Scene::start(broker).await;
    let _agents = [scene.online_agent("ann", 5).await, scene.online_agent("bob", 5).await];
    let mut visitors = Vec::new();
    let mut holders = Vec::new();
    for _ in 0..4 {
        let (visitor, holder) = served_visitor(&scene).await;
        visitors.push(visitor);
        holders.push(holder);
    }
    let load = |of: &str| holders.iter().filter(|holder| *holder == of).count();
    assert_eq!((load("ann"), load("bob")), (2, 2), "{holders:?}");
    assert_ne!(holders[0], holders[1], "the second visitor gets the other agent");

    // One agent's sessions end: the next two are theirs.
    for (visitor, holder) in visitors.iter_mut().zip(&holders) {
        if holder == "bob" {
            end(visitor).await;
        }
    }
    eventually("allocation knows of the ends", async || (active(&scene).await.len() == 2).then_some(())).await;
    for _ in 0..2 {
        assert_eq!(served_visitor(&scene).await.1, "bob");
    }
}

pub async fn who_waits_is_told_the_place_and_served_in_order(broker: Broker) {
    let scene = Scene::start(broker).await;
    let agent = scene.online_agent("mei", 1).await;
    let (mut first, holder) = served_visitor(&scene).await;
    assert_eq!(holder, "mei");
    let second = waiting_visitor(&scene, 1).await;
    let third = waiting_visitor(&scene, 2).await;
    agent
        .until("2 wait", |view| view.current().iter().any(|f| f["t"] == "waiting" && f["waiting"] == 2).then_some(()))
        .await;
    let listed = scene.admin.api.get("/api/sessions?status=waiting").await.ok();
    let places: Vec<_> = listed["items"].as_array().expect("items").iter().map(place).collect();
    assert_eq!(places, [(second.person.id.clone(), 1), (third.person.id.clone(), 2)]);

    end(&mut first).await;
    assert_eq!(second.until_assigned(&second.support()).await, "mei");
    until_place(&third, 1).await;
    assert_eq!(third.look(|view| view.agent_of(&third.support())), None);
    let second_session = format!("/api/sessions/{}.1/end", second.support());
    agent.person.api.post(&second_session, json!({})).await.ok();
    assert_eq!(third.until_assigned(&third.support()).await, "mei");
}

pub async fn nobody_online_means_waiting_until_somebody_comes(broker: Broker) {
    let scene = Scene::start(broker).await;
    let visitor = waiting_visitor(&scene, 1).await;
    let agent = scene.online_agent("mei", 5).await;
    assert_eq!(visitor.until_assigned(&visitor.support()).await, "mei");
    agent.set_status("away").await;
    let mut other = waiting_visitor(&scene, 1).await;
    assert_eq!(visitor.look(|view| view.agent_of(&visitor.support())).as_deref(), Some("mei"), "away keeps sessions");
    agent.set_status("online").await;
    assert_eq!(other.until_assigned(&other.support()).await, "mei");
    end(&mut other).await;
}

pub async fn capacity_holds_under_fifty_visitors_at_once(broker: Broker) {
    const VISITORS: usize = 50;
    let scene = Scene::start(broker).await;
    let _agents =
        [scene.online_agent("ann", 2).await, scene.online_agent("bob", 3).await, scene.online_agent("cai", 4).await];
    let room = BTreeMap::from([("ann".to_owned(), 2), ("bob".to_owned(), 3), ("cai".to_owned(), 4)]);
    let mut visitors = Vec::new();
    for _ in 0..VISITORS {
        visitors.push(scene.connected_visitor().await);
    }
    // All at once: nobody waits for an answer.
    for visitor in &mut visitors {
        let support = visitor.support();
        visitor.command(&support, crate::client::message("hello"));
    }
    let full = eventually("all agents are full, the others wait", async || {
        let loads = loads(&scene, &room).await;
        let waiting = scene.admin.api.get("/api/sessions?status=waiting&page_size=1").await.ok();
        (waiting["waiting"] == (VISITORS - 9) as u64 && loads.values().sum::<usize>() == 9).then_some(loads)
    })
    .await;
    assert_eq!(full, room);

    let mut left = visitors;
    while !left.is_empty() {
        let served = eventually("somebody is served", async || {
            loads(&scene, &room).await;
            left.iter().position(|visitor| visitor.look(|view| view.agent_of(&visitor.support())).is_some())
        })
        .await;
        let mut visitor = left.swap_remove(served);
        end(&mut visitor).await;
        loads(&scene, &room).await;
        let types = visitor.look(|view| view.conversations[&visitor.support()].types().join(" "));
        assert_eq!(types.matches("session_assigned").count(), 1, "{types}");
        assert!(!types.contains("session_requeued"), "{types}");
    }
    eventually("nothing is left", async || {
        let sessions = scene.admin.api.get("/api/sessions?status=active").await.ok();
        (sessions["active"] == 0 && sessions["waiting"] == 0).then_some(())
    })
    .await;
}

/// How many sessions each agent has; never more than they have room for.
async fn loads(scene: &Scene, room: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let mut loads = BTreeMap::new();
    for session in active(scene).await {
        *loads.entry(session["agent"]["id"].as_str().expect("an agent").to_owned()).or_insert(0) += 1;
    }
    for (agent, load) in &loads {
        assert!(load <= &room[agent], "{agent} has {load} sessions");
    }
    loads
}

async fn active(scene: &Scene) -> Vec<Value> {
    let sessions = scene.admin.api.get("/api/sessions?status=active&page_size=200").await.ok();
    sessions["items"].as_array().expect("items").clone()
}

fn place(session: &Value) -> (String, u64) {
    let customer = session["customer"]["id"].as_str().expect("a customer").to_owned();
    (customer, session["position"].as_u64().expect("a position"))
}

/// A visitor who wrote and was given an agent.
async fn served_visitor(scene: &Scene) -> (Client, String) {
    let mut visitor = scene.connected_visitor().await;
    let support = visitor.support();
    visitor.say(&support, "hello").await;
    let agent = visitor.until_assigned(&support).await;
    (visitor, agent)
}

/// A visitor who wrote and was told their place in the queue.
async fn waiting_visitor(scene: &Scene, place: u64) -> Client {
    let mut visitor = scene.connected_visitor().await;
    let support = visitor.support();
    visitor.say(&support, "hello").await;
    until_place(&visitor, place).await;
    visitor
}

async fn until_place(visitor: &Client, place: u64) {
    let told = |frame: &Value| frame["position"] == place;
    visitor
        .until(&format!("place {place}"), |view| view.last("queue", &visitor.support()).filter(|f| told(f)).map(drop))
        .await;
}

async fn end(visitor: &mut Client) {
    let support = visitor.support();
    let answer = visitor.ask(&support, json!({"type": "end_session"})).await;
    assert_eq!(answer["t"], "ack", "{answer}");
}
