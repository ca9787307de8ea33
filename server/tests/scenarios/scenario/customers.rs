//! Customers come and go: the agents who follow their conversation see it.

use std::time::Duration;

use serde_json::Value;

use crate::client::{Client, View};
use crate::harness::scene::{Broker, Scene};

/// A customer counts as online for 5 s after the last connection broke off; where what is true right now began to be kept
/// only just, until everybody who was there before would have been told to it again.
const GONE_WITHIN: Duration = Duration::from_secs(120);

pub async fn a_customers_coming_and_going_is_told_to_who_follows(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let id = chat.visitor.person.id.clone();
    chat.agent.until("the visitor is here", |view| (told(view, &id) == ["online"]).then_some(())).await;
    let stranger = scene.online_agent("stranger", 0).await;

    // A second visitor of the same agent.
    let mut other = scene.connected_visitor().await;
    let other_chat = other.support();
    other.say(&other_chat, "me too").await;
    assert_eq!(other.until_assigned(&other_chat).await, "mei");
    chat.agent.attach_added(&other_chat).await;
    let other_id = other.person.id.clone();
    chat.agent.until("the other is here", |view| (told(view, &other_id) == ["online"]).then_some(())).await;

    // One only reloads, the other goes after that: when the other's absence is told, the reload would have been.
    chat.visitor.cut().await;
    chat.visitor.resume().await;
    other.cut().await;
    let gone = |view: &View| (told(view, &other_id) == ["online", "offline"]).then_some(());
    chat.agent.until_within(GONE_WITHIN, "the other is gone", gone).await;
    assert_eq!(chat.agent.look(|view| told(view, &id)), ["online"]);

    // A second tab, then none, then one again.
    let mut tab = scene.connect(&chat.visitor.person).await;
    chat.visitor.cut().await;
    tab.cut().await;
    let gone = |view: &View| (told(view, &id) == ["online", "offline"]).then_some(());
    chat.agent.until_within(GONE_WITHIN, "the visitor is gone", gone).await;
    // Who attaches now is told so.
    let mut office = scene.connect(&scene.admin).await;
    office.attach(&chat.id).await;
    office.until("the visitor is gone", |view| (told(view, &id) == ["offline"]).then_some(())).await;
    chat.visitor.resume().await;
    office.until("the visitor is back", |view| (told(view, &id) == ["offline", "online"]).then_some(())).await;
    chat.agent
        .until("the visitor is back", |view| (told(view, &id) == ["online", "offline", "online"]).then_some(()))
        .await;

    // Nobody else learned anything of customers.
    let overheard = |client: &Client| client.look(|view| view.frames.iter().filter(|frame| of_customer(frame)).count());
    assert_eq!([overheard(&stranger), overheard(&chat.visitor), overheard(&other), overheard(&tab)], [0; 4]);
}

/// What was told of a customer, in order.
fn told(view: &View, customer: &str) -> Vec<String> {
    let of = view.frames.iter().filter(|frame| of_customer(frame) && frame["user"]["id"] == customer);
    of.filter_map(|frame| frame["status"].as_str().map(str::to_owned)).collect()
}

fn of_customer(frame: &Value) -> bool {
    frame["t"] == "presence" && frame["user"]["type"] == "kehu"
}
