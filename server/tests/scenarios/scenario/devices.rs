//! Several devices of one user see the same.

use serde_json::Value;

use crate::harness::scene::{Broker, Scene};

pub async fn two_devices_of_a_user_see_the_same(broker: Broker) {
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let (mut agent, mut phone, id) = (chat.agent, chat.visitor, chat.id);
    let mut laptop = scene.connect(&phone.person).await;
    laptop.attach_from_start(&id).await;
    let mut desk = scene.connect(&agent.person).await;
    desk.attach_from_start(&id).await;

    phone.say(&id, "from the phone").await;
    laptop.say(&id, "from the laptop").await;
    agent.say(&id, "from the agent").await;
    desk.say(&id, "from the agent's other device").await;
    let all = ["hello", "from the phone", "from the laptop", "from the agent", "from the agent's other device"];
    for client in [&phone, &laptop, &agent, &desk] {
        client.until_texts(&id, &all).await;
    }

    // Only the device that sent a message is told which of its own it is.
    for (client, text) in [(&phone, all[1]), (&laptop, all[2]), (&agent, all[3]), (&desk, all[4])] {
        for event in client.look(|view| view.conversations[&id].events.clone()) {
            let own = event["content"]["text"] == text || (event["content"]["text"] == "hello" && text == all[1]);
            assert_eq!(event["device"] == client.device.as_str(), own, "{event}");
            assert_eq!(event["n"].is_u64(), own, "{event}");
        }
    }
    let (laptop_events, desk_events) = (events(&laptop, &id), events(&desk, &id));
    let shared =
        |kind: &str, events: &[Value]| events.iter().filter(|event| event["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!(shared("message", &laptop_events), shared("message", &desk_events));

    // A mark made on one device is seen on the other.
    let read = |client: &crate::client::Client, seq: u64| {
        let user = serde_json::json!({"type": client.person.kind, "id": client.person.id});
        (user, seq)
    };
    let (user, seq) = read(&phone, 5);
    phone.send(serde_json::json!({"t": "mark", "conversation": id, "read": seq}));
    for client in [&laptop, &agent, &desk] {
        client
            .until("marks", |view| {
                let marks = view.last("marks", &id).filter(|marks| marks["user"] == user && marks["read"] == seq);
                marks.map(drop)
            })
            .await;
    }
}

/// Events without what only the sender's device sees.
fn events(client: &crate::client::Client, id: &str) -> Vec<Value> {
    let mut events = client.look(|view| view.conversations[id].events.clone());
    for event in &mut events {
        let event = event.as_object_mut().expect("an object");
        event.remove("device");
        event.remove("n");
    }
    events
}
