//! Messages: sending, editing, taking back, marking as read.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kefu_model::{Body, CommandHash, ConversationId, MessageId, Refusal, User, UserKind};
use kefu_store::Item;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::{Asking, ask, conversation_id, conversation_with, may_look, parties_of, stored};
use super::items::shown;
use super::shapes::MessageItem;
use crate::auth::Caller;
use crate::frame::{Audience, CommandBody, Content, Time, UserType, hash_of};
use crate::http::{Access, AnyUser, BodyOf, PathOf, Problem, ProblemBody, given_id};
use crate::services::Services;

/// How long to wait until the archive shows what was just accepted.
const ARCHIVED_WITHIN: Duration = Duration::from_millis(1_500);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A message to be sent.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct SendRequest {
    /// To whom; customers always write to their support conversation.
    #[garde(length(max = 64))]
    to_user_id: Option<String>,
    /// `kehu` unless given.
    #[garde(skip)]
    to_user_type: Option<UserType>,
    /// Or to which conversation.
    #[garde(length(max = 64))]
    conversation_id: Option<String>,
    /// A text, or content as in docs/protocol.md.
    #[garde(skip)]
    content: GivenContent,
    /// Must be the content's type, if given; for a text `text` or `system`.
    #[garde(length(max = 16))]
    msg_type: Option<String>,
    /// Makes the message unique: sending it again with the same key gets the same answer, for 72 hours.
    #[garde(length(min = 1, max = 256))]
    client_msg_id: Option<String>,
    /// `staff` for a private note between agents.
    #[garde(skip)]
    #[serde(default)]
    audience: Audience,
}

/// Content in short or in full.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum GivenContent {
    /// A text.
    Text(String),
    /// Any content.
    Full(Content),
}

/// An accepted message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SendAnswer {
    /// Absent for private notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    conversation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    rev: u64,
    at: Time,
    client_msg_id: String,
}

/// A message whose outcome is not known yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pending {
    conversation_id: String,
    /// Ask again with it.
    client_msg_id: String,
}

/// Sends a message and waits up to 2 s for its outcome.
#[utoipa::path(post, path = "/api/messages/send", tag = "messages", request_body = SendRequest,
    responses((status = 201, body = SendAnswer), (status = 202, body = Pending, description = "not known yet: ask again"),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn send(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    BodyOf(request): BodyOf<SendRequest>,
) -> Result<Response, Problem> {
    let (conversation, other) = target(&services, &access, &request).await?;
    let content = content_of(request.content, request.msg_type.as_deref())?;
    let key = request.client_msg_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let body = CommandBody::Message { content, audience: request.audience };
    let asking = Asking {
        conversation,
        parties: parties_of(&access, conversation, other.as_ref()),
        key: Some(key.clone()),
        hash: hash_of(&body),
        body: body.into(),
    };
    let conversation_id = conversation.to_string();
    match ask(&services, &access, asking).await {
        Ok(accepted) => {
            let message_id = accepted.seq.map(|seq| MessageId { conversation, seq }.to_string());
            let (seq, rev, at) = (accepted.seq, accepted.rev, accepted.at.into());
            let answer = SendAnswer { message_id, conversation_id, seq, rev, at, client_msg_id: key };
            Ok((StatusCode::CREATED, Json(answer)).into_response())
        }
        Err(Refusal::NoAnswer) => {
            Ok((StatusCode::ACCEPTED, Json(Pending { conversation_id, client_msg_id: key })).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn target(
    services: &Services,
    caller: &Caller,
    request: &SendRequest,
) -> Result<(ConversationId, Option<User>), Problem> {
    if let Some(id) = &request.conversation_id {
        return Ok((conversation_id(id)?, None));
    }
    if caller.user.kind == UserKind::Customer {
        return Ok((ConversationId::support(&caller.tenant, &caller.user.id), None));
    }
    let id = request.to_user_id.as_deref();
    let id = id.ok_or_else(|| Problem::field("to_user_id", "or conversation_id is missing"))?;
    let kind = request.to_user_type.map_or(UserKind::Customer, Into::into);
    let other = User { kind, id: given_id("to_user_id", id)? };
    if other == caller.user {
        return Err(Problem::field("to_user_id", "is the sender"));
    }
    if kind == UserKind::Agent && services.store.user(&caller.tenant, &other.id).await?.is_none() {
        return Err(Problem::of(crate::frame::Code::NoUser));
    }
    Ok((conversation_with(caller, &other), Some(other)))
}

fn content_of(given: GivenContent, kind: Option<&str>) -> Result<Content, Problem> {
    let content = match (given, kind) {
        (GivenContent::Text(text), None | Some("text")) => Content::Text { text },
        (GivenContent::Text(text), Some("system")) => Content::System { text },
        (GivenContent::Text(_), Some(_)) => {
            return Err(Problem::field("content", "must be an object for this msg_type"));
        }
        (GivenContent::Full(content), _) => content,
    };
    let own = type_of(&content);
    if kind.is_some_and(|kind| kind != own) {
        return Err(Problem::field("msg_type", "is not the content's type"));
    }
    Ok(content)
}

fn type_of(content: &Content) -> &'static str {
    match content {
        Content::Text { .. } => "text",
        Content::Image(_) => "image",
        Content::File(_) => "file",
        Content::Audio(_) => "audio",
        Content::Video(_) => "video",
        Content::Card(_) => "card",
        Content::System { .. } => "system",
    }
}

/// An edit.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct EditRequest {
    /// A text, or content as in docs/protocol.md.
    #[garde(skip)]
    content: GivenContent,
}

/// Replaces a message's content, within 15 minutes, by its author or a supervisor.
#[utoipa::path(put, path = "/api/messages/{id}", tag = "messages", request_body = EditRequest,
    params(("id" = String, Path)), responses((status = 200, body = MessageItem), (status = "default", body = ProblemBody)))]
pub(crate) async fn edit(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
    BodyOf(request): BodyOf<EditRequest>,
) -> Result<Json<MessageItem>, Problem> {
    let id = message_id(&id)?;
    let content = content_of(request.content, None)?;
    let body = CommandBody::Edit { seq: id.seq, content };
    let asking = on_message(id, hash_of(&body), body.into());
    let accepted = ask(&services, &access, asking).await?;
    let edited = |item: &Item| item.edited.as_ref().is_some_and(|edit| edit.rev >= accepted.rev);
    read_once(&services, &access, id, edited).await.map(Json)
}

/// A message that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecallAnswer {
    message_id: String,
    rev: u64,
    at: Time,
}

/// Takes a message back, within 15 minutes, by its author or a supervisor.
#[utoipa::path(post, path = "/api/messages/{id}/recall", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = RecallAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn recall(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
) -> Result<Json<RecallAnswer>, Problem> {
    let id = message_id(&id)?;
    let body = CommandBody::Recall { seq: id.seq };
    let accepted = ask(&services, &access, on_message(id, hash_of(&body), body.into())).await?;
    Ok(Json(RecallAnswer { message_id: id.to_string(), rev: accepted.rev, at: accepted.at.into() }))
}

fn on_message(id: MessageId, hash: CommandHash, body: Body) -> Asking {
    Asking { conversation: id.conversation, parties: None, key: None, hash, body }
}

/// One message.
#[utoipa::path(get, path = "/api/v1/chat/messages/{message_id}", tag = "messages",
    params(("message_id" = String, Path)), responses((status = 200, body = MessageItem), (status = 404, body = ProblemBody)))]
pub(crate) async fn message(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
) -> Result<Json<MessageItem>, Problem> {
    let id = message_id(&id)?;
    read(&services, &access, id).await?.ok_or_else(|| Problem::refusal(Refusal::NoMessage)).map(|(_, item)| Json(item))
}

pub(super) fn message_id(text: &str) -> Result<MessageId, Problem> {
    MessageId::parse(text).map_err(|_| Problem::refusal(Refusal::NoMessage))
}

/// A message as the caller sees it; none if there is none for them.
async fn read(services: &Services, caller: &Caller, id: MessageId) -> Result<Option<(Item, MessageItem)>, Problem> {
    let (_, conversation) = stored(services, caller, id.conversation).await?;
    if may_look(caller, &conversation).is_err() {
        return Ok(None);
    }
    let item = services.store.message(&caller.tenant, id.conversation, id.seq).await?;
    Ok(item.and_then(|item| shown(caller, &conversation, &item).map(|shown| (item, shown))))
}

/// The message once the archive has what was accepted; as it is if that takes too long.
async fn read_once(
    services: &Services,
    caller: &Caller,
    id: MessageId,
    is_there: impl Fn(&Item) -> bool,
) -> Result<MessageItem, Problem> {
    let deadline = tokio::time::Instant::now() + ARCHIVED_WITHIN;
    loop {
        let found = read(services, caller, id).await?;
        let late = tokio::time::Instant::now() >= deadline;
        match found {
            Some((item, shown)) if late || is_there(&item) => return Ok(shown),
            None if late => return Err(Problem::refusal(Refusal::NoAnswer)),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
