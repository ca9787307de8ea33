//! Sessions: ends, ratings, lists, assigning, numbers.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

pub async fn a_session_ends_is_rated_and_counted(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let (id, session) = (chat.id.clone(), format!("/api/sessions/{}.1", chat.id));
    chat.agent.say(&id, "solved").await;
    let rate = |session: u64, score: u8| json!({"type": "rate", "session": session, "score": score, "comment": "fine"});
    assert_eq!(chat.visitor.ask(&id, rate(1, 5)).await["code"], 1206, "it has not ended");
    let ended = chat.agent.person.api.post(&format!("{session}/end"), json!({"reason": "done"})).await.ok();
    assert_eq!((&ended["status"], &ended["ended_by"]["id"]), (&json!("ended"), &json!("mei")));
    for client in [&chat.visitor, &chat.agent] {
        let event =
            client.until("the end", |view| view.conversations[&id].of_type("session_ended").next().cloned()).await;
        assert_eq!(
            (&event["session"], &event["by"]["id"], &event["reason"]),
            (&json!(1), &json!("mei"), &json!("done"))
        );
    }
    chat.agent.person.api.post(&format!("{session}/end"), json!({})).await.code();
    assert_eq!(chat.visitor.ask(&id, json!({"type": "end_session"})).await["code"], 1205);

    assert_eq!(chat.visitor.ask(&id, rate(2, 5)).await["code"], 1205);
    assert_eq!(chat.visitor.ask(&id, rate(1, 4)).await["t"], "ack");
    assert_eq!(chat.visitor.ask(&id, rate(1, 1)).await["code"], 1209);
    let rated = scene.admin.api.get(&session).await.ok();
    assert_eq!(rated["rating"], 4);
    // Who served it follows it to its rating, and until another agent has the next one.
    let seen =
        chat.agent.until("the rating", |view| view.conversations[&id].of_type("session_rated").next().cloned()).await;
    assert_eq!((&seen["score"], &seen["comment"]), (&json!(4), &json!("fine")));
    chat.agent.set_status("busy").await;
    let counted = eventually("it is counted", async || {
        let numbers = scene.admin.api.get("/api/sessions/statistics").await.ok();
        (numbers["rated"] == 1).then_some(numbers)
    })
    .await;
    for (field, value) in [("opened", 1), ("ended", 1), ("waiting", 0), ("active", 0)] {
        assert_eq!(counted[field], value, "{field} in {counted}");
    }
    assert_eq!(counted["mean_rating"], 4.0);
    assert!(counted["mean_duration_s"].is_number() && counted["mean_first_response_s"].is_number(), "{counted}");

    // The next message opens the next session, in the same conversation.
    chat.visitor.say(&id, "another question").await;
    let opened = |view: &crate::client::View| {
        let known = &view.conversations[&id];
        known.of_type("session_opened").any(|event| event["session"] == 2).then_some(())
    };
    chat.visitor.until("the second session", opened).await;
    let other = scene.online_agent("ann", 5).await;
    chat.visitor.until("another agent", |view| view.agent_of(&id).filter(|agent| *agent == other.person.id)).await;
    assert_eq!(chat.agent.ask(&id, crate::client::message("and I?")).await["code"], 1101);
    let first = scene.admin.api.get(&session).await.ok();
    assert_eq!((&first["ordinal"], &first["status"], &first["rating"]), (&json!(1), &json!("ended"), &json!(4)));
}

pub async fn sessions_are_listed_by_what_is_asked(broker: Broker) {
    let scene = Scene::start(broker).await;
    let ann = scene.online_agent("ann", 1).await;
    let mut visitors = Vec::new();
    for _ in 0..3 {
        let mut visitor = scene.connected_visitor().await;
        let support = visitor.support();
        visitor.say(&support, "hello").await;
        visitors.push(visitor);
    }
    let (one, two) = (&visitors[0].person, &visitors[1].person);
    assert_eq!(visitors[0].until_assigned(&one.support).await, "ann");
    let admin = &scene.admin.api;
    let listed = eventually("2 wait", async || {
        let page = admin.get("/api/sessions?status=waiting").await.ok();
        (page["waiting"] == 2 && page["active"] == 1).then_some(page)
    })
    .await;
    assert_eq!(customers(&listed), [two.id.clone(), visitors[2].person.id.clone()]);
    assert_eq!(customers(&admin.get("/api/sessions?status=active").await.ok()), [one.id.as_str()]);
    assert_eq!(customers(&admin.get("/api/sessions?status=active&agent_id=ann").await.ok()), [one.id.as_str()]);
    assert!(customers(&admin.get("/api/sessions?status=active&agent_id=bob").await.ok()).is_empty());
    let page = admin.get("/api/sessions?status=waiting&page=2&page_size=1").await.ok();
    assert_eq!((customers(&page), &page["total"]), (vec![visitors[2].person.id.clone()], &json!(2)));
    let of_two = format!("/api/sessions?status=waiting&customer_id={}", two.id);
    assert_eq!(customers(&admin.get(&of_two).await.ok()), [two.id.as_str()]);

    // The ended ones and all of them come from the archive.
    admin.post(&format!("/api/sessions/{}.1/end", one.support), json!({})).await.ok();
    until_listed(admin, "/api/sessions?status=ended", &[&one.id]).await;
    until_listed(admin, "/api/sessions?status=ended&agent_id=ann", &[&one.id]).await;
    until_listed(admin, &format!("/api/sessions?customer_id={}", two.id), &[&two.id]).await;
    let all = eventually("all are archived", async || {
        let page = admin.get("/api/sessions").await.ok();
        (page["total"] == 3).then_some(page)
    })
    .await;
    assert_eq!(customers(&all).len(), 3);
    // An agent sees their own and who waits.
    visitors[1].until_assigned(&two.support).await;
    let own = ann.person.api.get("/api/sessions?status=active&agent_id=admin").await.ok();
    assert_eq!(customers(&own), [two.id.as_str()]);
    let waiting = ann.person.api.get("/api/sessions?status=waiting").await.ok();
    assert_eq!(customers(&waiting), [visitors[2].person.id.clone()]);
    admin.get("/api/sessions?status=none").await.refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
    admin.get("/api/sessions?page_size=201").await.refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
    admin.get("/api/sessions/nothing").await.refused(StatusCode::CONFLICT, 1205);
}

pub async fn a_session_is_opened_once(broker: Broker) {
    let scene = Scene::start(broker).await;
    let visitor = scene.visitor().await;
    let opened = visitor.api.post("/api/sessions", json!({})).await.ok();
    assert_eq!((&opened["status"], &opened["ordinal"]), (&json!("waiting"), &json!(1)));
    assert_eq!(visitor.api.post("/api/sessions", json!({})).await.ok()["id"], opened["id"]);
    let customer = json!({"customer_id": visitor.id});
    assert_eq!(scene.admin.api.post("/api/sessions", customer.clone()).await.ok()["id"], opened["id"]);
    let position = eventually("its place is known", async || {
        let session = visitor.api.get(&format!("/api/sessions/{}.1", visitor.support)).await.ok();
        session["position"].as_u64()
    })
    .await;
    assert_eq!(position, 1);
    let ended = visitor.api.post(&format!("/api/sessions/{}.1/end", visitor.support), json!({})).await.ok();
    assert_eq!(ended["status"], "ended");
    let second = scene.admin.api.post("/api/sessions", customer).await.ok();
    assert_eq!((&second["ordinal"], &second["status"]), (&json!(2), &json!("waiting")));
    let stranger = json!({"customer_id": "nobody"});
    scene.admin.api.post("/api/sessions", stranger).await.refused(StatusCode::NOT_FOUND, 1201);
}

pub async fn sessions_are_picked_given_back_and_taken_over(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut ann = scene.online_agent("ann", 1).await;
    let bob = scene.online_agent("bob", 1).await;
    ann.set_status("busy").await;
    bob.set_status("busy").await;
    let supervisor = scene.staff("sup", "supervisor", 0).await;
    let mut visitor = scene.connected_visitor().await;
    let mut other = scene.connected_visitor().await;
    for (visitor, waiting) in [(&mut visitor, 1), (&mut other, 2)] {
        let support = visitor.support();
        visitor.say(&support, "hello").await;
        // One after the other, so that the first one was there first by the clock too.
        eventually("they wait", async || {
            let page = ann.person.api.get("/api/sessions?status=waiting").await.ok();
            (page["waiting"] == waiting).then_some(())
        })
        .await;
    }
    let id = visitor.support();
    let path = |what: &str, visitor: &crate::client::Client| format!("/api/kefu/{what}/{}", visitor.person.id);

    // Busy agents pick; as far as there is room.
    let picked = ann.person.api.post(&path("assign", &visitor), json!({})).await.ok();
    assert_eq!((&picked["agent"]["id"], &picked["status"]), (&json!("ann"), &json!("active")));
    assert_eq!(visitor.until_assigned(&id).await, "ann");
    ann.attach_added(&id).await;
    ann.person.api.post(&path("assign", &visitor), json!({})).await.ok();
    ann.person.api.post(&path("assign", &other), json!({})).await.refused(StatusCode::CONFLICT, 1210);
    bob.person.api.post(&path("assign", &visitor), json!({})).await.refused(StatusCode::CONFLICT, 1207);
    let to_bob = json!({"agent_id": "bob"});
    ann.person.api.post(&path("assign", &other), to_bob.clone()).await.refused(StatusCode::FORBIDDEN, 1103);
    bob.person.api.post(&path("release", &visitor), json!({})).await.code();

    // A supervisor takes it away and gives it to somebody else.
    let given = supervisor.api.post(&path("assign", &visitor), to_bob.clone()).await.ok();
    assert_eq!(given["agent"]["id"], "bob");
    visitor.until("the hand-over", |view| view.agent_of(&id).filter(|agent| agent == "bob")).await;
    assert_eq!(ann.ask(&id, crate::client::message("still me?")).await["code"], 1101);
    let customer = supervisor.api.get(&path("customer", &visitor)).await.ok();
    assert_eq!((&customer["agent"]["id"], &customer["conversation_id"]), (&json!("bob"), &json!(id)));
    assert_eq!(customer["customer"]["id"], visitor.person.id.as_str());
    supervisor
        .api
        .post(&path("assign", &other), json!({"agent_id": "nobody"}))
        .await
        .refused(StatusCode::NOT_FOUND, 1213);

    let released = bob.person.api.post(&path("release", &visitor), json!({})).await.ok();
    assert_eq!(released["status"], "waiting");
    let requeued = visitor
        .until("it waits again", |view| view.conversations[&id].of_type("session_requeued").next().cloned())
        .await;
    assert_eq!(requeued["reason"], "released");
    // It kept its place: it was there first.
    let both = [visitor.person.id.clone(), other.person.id.clone()];
    eventually("the queue is as it was", async || {
        let waiting = supervisor.api.get("/api/sessions?status=waiting").await.ok();
        (customers(&waiting) == both).then_some(())
    })
    .await;
    bob.set_status("online").await;
    visitor.until("served again", |view| view.agent_of(&id).filter(|agent| agent == "bob")).await;
    supervisor.api.get("/api/kefu/customer/nobody").await.refused(StatusCode::NOT_FOUND, 2017);
    supervisor.api.post("/api/kefu/assign/nobody", json!({})).await.refused(StatusCode::CONFLICT, 1205);
}

pub async fn agents_write_to_each_other(broker: Broker) {
    let scene = Scene::start(broker).await;
    let ann = scene.online_agent("ann", 5).await;
    let mut bob = scene.online_agent("bob", 5).await;
    let body = json!({"to_user_id": "bob", "to_user_type": "kefu", "content": "lunch?"});
    let sent = ann.person.api.post("/api/messages/send", body).await.ok();
    let id = sent["conversation_id"].as_str().expect("a conversation").to_owned();
    assert!(id.starts_with('d'), "{id}");
    bob.attach_added(&id).await;
    bob.until_texts(&id, &["lunch?"]).await;
    bob.say(&id, "at noon").await;
    eventually("it is in the history", async || {
        let page = ann.person.api.get("/api/v1/chat/messages?user_id=bob&user_type=kefu").await.ok();
        (page["items"].as_array().is_some_and(|items| items.iter().any(|item| item["content"]["text"] == "at noon")))
            .then_some(())
    })
    .await;
    let nobody = json!({"to_user_id": "nobody", "to_user_type": "kefu", "content": "?"});
    ann.person.api.post("/api/messages/send", nobody).await.refused(StatusCode::NOT_FOUND, 2017);
    let stranger = scene.agent("eve", 5).await;
    let path = format!("/api/v1/chat/messages?conversation_id={id}");
    stranger.api.get(&path).await.refused(StatusCode::NOT_FOUND, 1201);
    // Not even an admin reads what agents write to each other.
    scene.admin.api.get(&path).await.refused(StatusCode::NOT_FOUND, 1201);
}

fn customers(page: &Value) -> Vec<String> {
    let sessions = page["items"].as_array().expect("items");
    sessions.iter().map(|session| session["customer"]["id"].as_str().expect("a customer").to_owned()).collect()
}

async fn until_listed(api: &Api, path: &str, expected: &[&str]) {
    eventually(path, async || (customers(&api.get(path).await.ok()) == expected).then_some(())).await;
}
