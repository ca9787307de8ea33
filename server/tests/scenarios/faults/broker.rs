//! NATS that goes away, or comes back empty.

use std::time::Duration;

use super::{history, is_refused_for_now, readiness};
use crate::client::message;
use crate::harness;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::{eventually, eventually_within};

/// How long NATS is away.
const AWAY: Duration = Duration::from_secs(22);

#[test]
fn a_broker_that_is_away_for_a_while_costs_nothing() {
    harness::run(Broker::Nats, async |broker| {
        let mut scene = Scene::start(broker).await;
        let mut nats = scene.nats.take().expect("the broker is a process of its own");
        let chat = scene.chat().await;
        let (agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
        let mut said = vec!["hello".to_owned()];
        for number in 0..20 {
            visitor.command(&id, message(&format!("{number}")));
            said.push(number.to_string());
        }
        nats.kill();
        let back = tokio::time::Instant::now() + AWAY;
        eventually("it is not ready", async || {
            let (ready, why) = readiness(&scene.api()).await;
            (!ready && why.contains("link: the broker is not connected")).then_some(())
        })
        .await;
        is_refused_for_now(&mut visitor, &id, "meanwhile").await;
        said.push("meanwhile".to_owned());
        tokio::time::sleep_until(back).await;
        for client in [&agent, &visitor] {
            assert_eq!(client.look(|view| view.closed), None, "clients stay connected");
        }
        nats.restart();
        eventually_within(Duration::from_secs(10), "it is ready", async || {
            readiness(&scene.api()).await.0.then_some(())
        })
        .await;
        visitor.until_answered().await;
        let texts: Vec<&str> = said.iter().map(String::as_str).collect();
        for client in [&agent, &visitor] {
            client.until_texts(&id, &texts).await;
        }
        assert_eq!(history(&visitor.person.api, &id, said.len()).await, said);
        assert!(scene.kefu.own_mut().runs());
    });
}

#[test]
fn a_broker_that_comes_back_empty_is_noticed_and_the_next_epoch_goes_on() {
    harness::run(Broker::Nats, async |broker| {
        let mut scene = Scene::start(broker).await;
        let mut nats = scene.nats.take().expect("the broker is a process of its own");
        let chat = scene.chat().await;
        let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
        visitor.say(&id, "before").await;
        assert_eq!(history(&visitor.person.api, &id, 2).await, ["hello", "before"]);
        nats.restart_empty();
        // The process that runs ends by itself.
        let status = scene.kefu.own_mut().ended().await;
        assert!(!status.success() && !scene.kefu.output().contains("panicked"), "{status}");
        for client in [&agent, &visitor] {
            client.until_closed().await;
        }
        let said = scene.kefu.own_mut().fails_to_start().await;
        assert!(said.contains("the log has another id") && said.contains("\"Epochs\""), "{said}");
        let done = scene.kefu.own().command(&["epoch", "next", "--yes"]).await;
        assert!(done.success && done.stdout.contains("Epoch 2 is open"), "{}{}", done.stdout, done.stderr);
        scene.kefu.own_mut().start_again().await;
        assert_eq!(history(&visitor.person.api, &id, 2).await, ["hello", "before"]);
        for client in [&mut agent, &mut visitor] {
            client.cut().await;
            client.reconnect().await;
            let attached = client.attach(&id).await;
            assert_eq!(attached["recovered"], false, "{attached}");
            client.attach_from_history(&id).await;
        }
        agent.say(&id, "after").await;
        for client in [&agent, &visitor] {
            client.until_texts(&id, &["hello", "before", "after"]).await;
        }
    });
}
