//! A little of everything that is counted: a metric with labels is told only once something was counted.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use crate::crash::{Kefu, Rest, Socket, agents, visitor};

/// What has to stay open while metrics are read.
pub(super) struct Traffic {
    _socket: Socket,
}

/// Makes it: somebody writes, logs in, is refused, comes and goes.
pub(super) async fn make(kefu: &Kefu) -> Result<Traffic> {
    let rest = kefu.rest();
    let visitor = visitor(rest, 1).await?;
    let agent = agents(rest).await?.remove(0);
    let (mut socket, _) = Socket::open(kefu.address(), &visitor.token, "stays").await?;
    let (left, _) = Socket::open(kefu.address(), &visitor.token, "leaves").await?;
    drop(left);

    let conversation = visitor.conversation.clone().unwrap_or_default();
    let message = json!({
        "conversation_id": conversation,
        "content": {"type": "text", "text": "hello"},
        "client_msg_id": "1",
    });
    rest.with_token(&visitor.token).expect(Method::POST, "/api/messages/send", Some(&message)).await?;
    socket.send(vec![json!({"t": "attach", "id": 1, "items": [{"conversation": conversation}]})]).await?;
    refusals(rest, &agent.token, &visitor.id, &message).await?;
    Ok(Traffic { _socket: socket })
}

/// A wrong password, a message of somebody who is no member, a session for an agent who is not here.
async fn refusals(rest: &Rest, agent: &str, visitor: &str, message: &serde_json::Value) -> Result<()> {
    let wrong = json!({"username": "kefu001", "password": "wrong"});
    let agent = rest.with_token(agent);
    let calls = [
        (rest, "/api/kefu/login".to_owned(), &wrong),
        (&agent, "/api/messages/send".to_owned(), message),
        (&agent, format!("/api/kefu/assign/{visitor}"), &json!({})),
    ];
    for (caller, path, body) in calls {
        let (status, answer) = caller.call(Method::POST, &path, Some(body)).await?;
        anyhow::ensure!(status.is_client_error(), "{path} was not refused: {status} {answer}");
    }
    Ok(())
}
