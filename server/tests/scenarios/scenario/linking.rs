//! Visitors who log in at the host site.

use jsonwebtoken::{EncodingKey, Header};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, message};
use crate::harness::api::Api;
use crate::harness::scene::{Broker, Person, Scene, text};
use crate::harness::wait::eventually;

const SECRET: &str = "the host site and kefu know this one";

/// What the host site says of its user.
fn vouched(user: &str, secret: &str) -> String {
    let claims = json!({"sub": user, "name": "小红", "aud": "kefu", "exp": 4_000_000_000_u64});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
}

/// The host's user comes, with what the browser kept of an earlier visit.
async fn come(scene: &Scene, user: &str, visitor_token: Option<&str>) -> Value {
    let body = json!({"identity_token": vouched(user, SECRET), "visitor_token": visitor_token});
    scene.api().post("/api/kehu/session", body).await.ok()
}

fn person_of(scene: &Scene, session: &Value) -> Person {
    let token = text(session, "visitor_token");
    Person {
        id: text(session, "user_id"),
        kind: "kehu",
        api: scene.api().with(&token),
        support: text(session, "support_conversation"),
        token,
    }
}

async fn until_history(api: &Api, conversation: &str, expected: &[&str]) {
    eventually("the whole history", async || {
        let items = api.whole_history(conversation).await;
        let texts: Vec<&str> = items.iter().filter_map(|item| item["content"]["text"].as_str()).collect();
        (texts == expected).then_some(())
    })
    .await;
}

async fn until_listed(api: &Api, conversation: &str) -> Value {
    eventually("it is listed", async || {
        let page = api.get("/api/v1/chat/conversations").await.ok();
        page["items"].as_array()?.iter().find(|item| item["conversation_id"] == conversation).cloned()
    })
    .await
}

fn members_added(client: &Client, conversation: &str) -> Vec<Value> {
    let added = |event: &Value| event["user"].clone();
    client.look(|view| view.conversations[conversation].of_type("member_added").map(added).collect())
}

pub async fn an_anonymous_visitor_becomes_a_person(broker: Broker) {
    let mut scene = Scene::start_hosted(broker, SECRET).await;
    let mut chat = scene.chat().await;
    let (id, visitor_token) = (chat.id.clone(), chat.visitor.person.token.clone());
    chat.agent.say(&id, "how can I help?").await;

    let session = come(&scene, "user-7", Some(&visitor_token)).await;
    assert_eq!((&session["user_id"], &session["linked_conversation"]), (&json!("user-7"), &json!(id)));
    let person = person_of(&scene, &session);
    assert_ne!(person.support, id);
    let history = person.api.get(&format!("/api/v1/chat/messages?conversation_id={id}")).await;
    assert_eq!(history.status, 200, "at once, before the archive knows: {}", history.text);
    let mut known = scene.connect(&person).await;
    known.attach_from_start(&id).await;
    known.until_texts(&id, &["hello", "how can I help?"]).await;
    until_history(&person.api, &id, &["hello", "how can I help?"]).await;
    let listed = until_listed(&person.api, &id).await;
    assert_eq!(
        (&listed["kind"], &listed["other"]["id"], &listed["unread"]),
        (&json!("support"), &json!("mei"), &json!(1))
    );

    // The open session goes on, whoever of the two writes.
    known.say(&id, "it is me").await;
    chat.visitor.say(&id, "from the other tab").await;
    let texts = ["hello", "how can I help?", "it is me", "from the other tab"];
    for client in [&known, &chat.visitor, &chat.agent] {
        client.until_texts(&id, &texts).await;
    }
    assert_eq!(members_added(&chat.agent, &id), [json!({"type": "kehu", "id": "user-7"})]);

    // Again changes nothing; another person is refused and changes nothing.
    assert_eq!(come(&scene, "user-7", Some(&visitor_token)).await["linked_conversation"], json!(id));
    let second = json!({"identity_token": vouched("user-8", SECRET), "visitor_token": visitor_token});
    scene.api().post("/api/kehu/session", second).await.refused(StatusCode::CONFLICT, 1214);
    let other = person_of(&scene, &come(&scene, "user-8", None).await);
    other.api.get(&format!("/api/v1/chat/messages?conversation_id={id}")).await.refused(StatusCode::NOT_FOUND, 1201);

    // The person ends and rates it; the next session is in their own conversation.
    known.person.api.post(&format!("/api/sessions/{id}.1/end"), json!({})).await.ok();
    assert_eq!(known.ask(&id, json!({"type": "rate", "session": 1, "score": 5})).await["t"], "ack");
    for client in [&mut known, &mut chat.visitor] {
        assert_eq!(client.ask(&id, message("once more")).await["code"], 1215);
    }
    known.attach(&person.support).await;
    known.say(&person.support, "another question").await;
    chat.agent.attach_added(&person.support).await;
    chat.agent.until_texts(&person.support, &["another question"]).await;
    until_history(&person.api, &person.support, &["another question"]).await;
    until_listed(&person.api, &person.support).await;

    // Of the anonymous visitor nothing is left to do: who comes with their token alone is a new one.
    eventually("a new visitor", async || {
        let again = scene.api().post("/api/kehu/session", json!({"visitor_token": visitor_token})).await.ok();
        (again["user_id"] != chat.visitor.person.id.as_str()).then_some(())
    })
    .await;

    scene.kefu.own_mut().kill();
    scene.kefu.own_mut().start_again().await;
    until_history(&person.api, &id, &texts).await;
    known.cut().await;
    known.resume().await;
    known.until_texts(&id, &texts).await;
    assert_eq!(members_added(&chat.agent, &id).len(), 1);
}

pub async fn nobody_is_linked_without_both_proofs(broker: Broker) {
    let scene = Scene::start_hosted(broker, SECRET).await;
    let chat = scene.chat().await;
    let visitor_token = chat.visitor.person.token.clone();
    let refused = async |identity: String, visitor: &str, code: u64| {
        let body = json!({"identity_token": identity, "visitor_token": visitor});
        scene.api().post("/api/kehu/session", body).await.refused(StatusCode::UNAUTHORIZED, code);
    };
    let forged = format!("{}AAAA", &visitor_token[..visitor_token.len() - 4]);
    refused(vouched("user-7", SECRET), &forged, 4201).await;
    refused(vouched("user-7", SECRET), "nonsense", 4201).await;
    refused(vouched("user-7", "a secret that the host site never had"), &visitor_token, 2014).await;
    refused(vouched(&chat.visitor.person.id, SECRET), &visitor_token, 2014).await;

    // The host's word alone is worth the person's own conversation and no other.
    let session = come(&scene, "user-7", None).await;
    assert_eq!(session["linked_conversation"], Value::Null);
    let person = person_of(&scene, &session);
    let mut known = scene.connect(&person).await;
    assert_eq!(known.attach(&chat.id).await["error"], 1201);
    assert_eq!(known.ask(&chat.id, message("let me in")).await["code"], 1201);

    // Somebody else's session before, on the same machine, is not the next one's.
    let next = come(&scene, "user-8", Some(&person.token)).await;
    assert_eq!((&next["user_id"], &next["linked_conversation"]), (&json!("user-8"), &Value::Null));

    // Of a visitor who never wrote there is nothing to link, and nothing comes to be.
    let silent = scene.visitor().await;
    assert_eq!(come(&scene, "user-7", Some(&silent.token)).await["linked_conversation"], Value::Null);
    let path = format!("/api/v1/chat/messages?conversation_id={}", silent.support);
    scene.admin.api.get(&path).await.refused(StatusCode::NOT_FOUND, 1201);

    assert_eq!(members_added(&chat.agent, &chat.id), Vec::<Value>::new());
    let listed = person.api.get("/api/v1/chat/conversations").await.ok();
    assert_eq!(listed["items"], json!([]));
}
