//! Stopping, in stages.

use crate::client::message;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

pub async fn a_stop_tells_clients_and_loses_nothing(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let chat = scene.chat().await;
    let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    for number in 0..20 {
        visitor.command(&id, message(&format!("message {number}")));
    }
    scene.kefu.own().terminate();
    for client in [&agent, &visitor] {
        let goaway =
            client.until("goaway", |view| view.current().iter().find(|frame| frame["t"] == "goaway").cloned()).await;
        assert_eq!(goaway["code"], 4101);
        assert!(goaway["reconnect_after_ms"].is_u64(), "{goaway}");
    }
    // Clients do as they are told.
    agent.cut().await;
    visitor.cut().await;
    let status = scene.kefu.own_mut().ended().await;
    assert!(status.success(), "{status}");

    scene.kefu.own_mut().start_again().await;
    agent.resume().await;
    visitor.resume().await;
    visitor.until_answered().await;
    let texts: Vec<String> = (0..20).map(|number| format!("message {number}")).collect();
    let all: Vec<&str> = std::iter::once("hello").chain(texts.iter().map(String::as_str)).collect();
    agent.until_texts(&id, &all).await;
    visitor.until_texts(&id, &all).await;
    // Who had the session still has it.
    assert_eq!(visitor.look(|view| view.agent_of(&id)).as_deref(), Some("mei"));
}

pub async fn who_stays_is_closed_in_the_end(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let visitor = scene.connected_visitor().await;
    scene.kefu.own().terminate();
    assert_eq!(visitor.until_closed().await, 4101);
    assert!(scene.kefu.own_mut().ended().await.success());
}

/// One that is alone does not wait for anybody to look.
pub async fn one_of_several_serves_on_until_balancers_have_looked(broker: Broker) {
    let notice = if broker == Broker::Embedded { "60000" } else { "3000" };
    let mut scene = Scene::start_with(broker, &[("KEFU_SERVER__DRAIN_NOTICE_MS", notice)]).await;
    scene.kefu.own().terminate();
    if broker != Broker::Embedded {
        let api = scene.api();
        eventually("it is not ready", async || (api.try_get("/readyz").await == Some(503)).then_some(())).await;
        let mut visitor = scene.connected_visitor().await;
        visitor.say(&visitor.support(), "am I late?").await;
        visitor.until("goaway", |view| view.current().iter().any(|frame| frame["t"] == "goaway").then_some(())).await;
        visitor.cut().await;
    }
    assert!(scene.kefu.own_mut().ended().await.success());
}
