//! Connections are seen and closed by supervisors.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Protocol};
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

pub async fn connections_are_listed_and_closed(broker: Broker) {
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let second = Client::connect(&scene.kefu.address(), &chat.visitor.person, Protocol::Sse).await;
    let api = &scene.staff("sup", "supervisor", 0).await.api;
    let of_visitor = format!("/api/connections?user_id={}&user_type=kehu", chat.visitor.person.id);
    let listed = eventually("both are listed", async || {
        let page = api.get(&of_visitor).await.ok();
        (page["total"] == 2).then_some(page)
    })
    .await;
    let mut transports: Vec<_> = items(&listed).iter().filter_map(|item| item["transport"].as_str()).collect();
    transports.sort_unstable();
    assert_eq!(transports, ["sse", "websocket"]);
    let all = api.get("/api/connections?limit=2").await.ok();
    assert_eq!((&all["total"], items(&all).len()), (&json!(3), 2));
    let rest =
        api.get(&format!("/api/connections?limit=2&cursor={}", all["next"].as_str().expect("a cursor"))).await.ok();
    assert_eq!(items(&rest).len(), 1);

    let id = connection_id(&chat.visitor);
    let one = api.get(&format!("/api/connections/{id}")).await.ok();
    assert_eq!((&one["user"]["id"], &one["device"]), (&json!(chat.visitor.person.id), &json!(chat.visitor.device)));
    assert_eq!(api.delete(&format!("/api/connections/{id}")).await.status, 204);
    assert_eq!(chat.visitor.until_closed().await, 4004);
    eventually("it is listed no more", async || {
        let reply = api.get(&format!("/api/connections/{id}")).await;
        (reply.status == 404 && reply.code() == 2018).then_some(())
    })
    .await;
    api.delete(&format!("/api/connections/{id}")).await.refused(StatusCode::NOT_FOUND, 2018);
    assert_eq!(second.look(|view| view.closed), None);

    // By user; who was closed so may come back.
    let mut visitor = chat.visitor;
    visitor.cut().await;
    visitor.resume().await;
    eventually("both are listed", async || (api.get(&of_visitor).await.ok()["total"] == 2).then_some(())).await;
    assert_eq!(api.delete(&of_visitor).await.status, 204);
    assert_eq!(visitor.until_closed().await, 4004);
    second.until_closed().await;
    assert!(second.look(|view| view.current().iter().any(|frame| frame["code"] == 4004)));
    assert_eq!(chat.agent.look(|view| view.closed), None);
    api.delete("/api/connections").await.refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
    let agent = scene.agent("ann", 5).await;
    agent.api.get("/api/connections").await.refused(StatusCode::FORBIDDEN, 1103);
    agent
        .api
        .delete(&format!("/api/connections/{}", connection_id(&chat.agent)))
        .await
        .refused(StatusCode::FORBIDDEN, 1103);
}

pub async fn who_is_here_is_known(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let customer = format!("/api/users/{}?type=kehu", chat.visitor.person.id);
    let online = async |path: &str, wanted: bool| {
        eventually("who is here", async || {
            let reply = scene.admin.api.get(path).await;
            (reply.status == 200 && reply.json()["online"] == wanted).then_some(())
        })
        .await;
    };
    online(&customer, true).await;
    online("/api/users/mei", true).await;
    let here = scene.admin.api.get("/api/system/online-users").await.ok();
    assert_eq!(here["customers"], 1, "{here}");
    chat.visitor.cut().await;
    online(&customer, false).await;
    let left =
        |frame: &Value| frame["t"] == "presence" && frame["user"]["type"] == "kehu" && frame["status"] == "offline";
    chat.agent.until("the visitor left", |view| view.current().iter().any(left).then_some(())).await;
    let info = scene.admin.api.get("/api/system/info").await.ok();
    assert_eq!((&info["name"], &info["demo"]), (&json!("Kefu"), &json!(false)));
    let health = scene.api().get("/api/system/health").await.ok();
    assert_eq!(health["status"], "ok", "{health}");
    // Of the edge that answers: where there are several, one of them has the socket.
    eventually("the socket is counted", async || {
        let stats = scene.admin.api.get("/api/stats/websocket").await.ok();
        (stats["edge_websocket"] == 1).then_some(())
    })
    .await;
    let metrics = scene.api().get("/metrics").await;
    assert!(metrics.status == 200 && metrics.text.contains("# TYPE"), "{}", metrics.text);
    assert!(!metrics.text.contains(&chat.visitor.person.id), "no names in metrics");
}

pub async fn a_user_has_so_many_connections(broker: Broker) {
    let scene = Scene::start_with(broker, &[("KEFU_LIMITS__CONNECTIONS_PER_USER", "3")]).await;
    let visitor = scene.visitor().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(scene.connect(&visitor).await);
    }
    let mut fourth = Client::new(&scene.kefu.address(), &visitor, Protocol::Json);
    fourth.dial().await;
    assert_eq!(fourth.until_closed().await, 4304);
    open[0].cut().await;
    eventually("there is room again", async || {
        let mut next = Client::new(&scene.kefu.address(), &visitor, Protocol::Json);
        next.dial().await;
        next.until("an answer", |view| view.welcome.is_some().then_some(Some(())).or(view.closed.map(|_| None))).await
    })
    .await;
    let stranger = scene.connected_visitor().await;
    assert_eq!(stranger.look(|view| view.closed), None);
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().expect("items")
}

fn connection_id(client: &Client) -> String {
    client.look(|view| view.welcome.clone()).expect("welcome")["connection_id"].as_str().expect("an id").to_owned()
}
