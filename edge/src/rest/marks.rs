//! Marking as read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_model::{Body, CommandHash, ConversationId, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::{Asking, ask, conversation_id, current, may_look};
use super::messages::message_id;
use super::shapes::List;
use crate::auth::Caller;
use crate::http::{Access, AnyUser, BodyOf, PathOf, Problem, ProblemBody};
use crate::services::Services;

/// Up to where somebody has read.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct ReadMark {
    #[garde(length(max = 64))]
    conversation_id: String,
    #[garde(skip)]
    seq: u64,
}

/// One mark or several.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct MarkRequest {
    #[garde(length(max = 64))]
    conversation_id: Option<String>,
    #[garde(skip)]
    seq: Option<u64>,
    /// At most 200.
    #[garde(length(max = 200), dive)]
    #[serde(default)]
    items: Vec<ReadMark>,
}

/// Where a conversation stands for its reader.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadAnswer {
    conversation_id: String,
    /// Read up to this message.
    read: u64,
    /// Messages after it.
    unread: u64,
}

/// Marks messages as read: everything up to a `seq`, in one conversation or in several.
#[utoipa::path(post, path = "/api/messages/mark-read", tag = "messages", request_body = MarkRequest,
    responses((status = 200, body = List<ReadAnswer>), (status = "default", body = ProblemBody)))]
pub(crate) async fn mark_read(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    BodyOf(request): BodyOf<MarkRequest>,
) -> Result<Json<List<ReadAnswer>>, Problem> {
    let one = request.conversation_id.zip(request.seq);
    let one = one.map(|(conversation_id, seq)| ReadMark { conversation_id, seq });
    let marks: Vec<ReadMark> = one.into_iter().chain(request.items).collect();
    if marks.is_empty() {
        return Err(Problem::field("conversation_id", "and seq, or items, are missing"));
    }
    let mut items = Vec::with_capacity(marks.len());
    for mark in marks {
        items.push(mark_one(&services, &access, conversation_id(&mark.conversation_id)?, mark.seq).await?);
    }
    Ok(Json(List { items, total: None, next: None }))
}

/// Marks a message, and all before it, as read.
#[utoipa::path(put, path = "/api/v1/chat/messages/{id}/read", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = ReadAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn mark_message(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
) -> Result<Json<ReadAnswer>, Problem> {
    let id = message_id(&id)?;
    mark_one(&services, &access, id.conversation, id.seq).await.map(Json)
}

async fn mark_one(
    services: &Services,
    caller: &Caller,
    conversation: ConversationId,
    seq: u64,
) -> Result<ReadAnswer, Problem> {
    let body = Body::Mark { read: Some(seq), delivered: None };
    let asking = Asking { conversation, parties: None, key: None, hash: CommandHash([0; 16]), body };
    let marked = ask(services, caller, asking).await;
    let (_, state) = current(services, caller, conversation).await?;
    may_look(caller, &state)?;
    match marked {
        // Overseers may look without being members; they have no marks.
        Ok(_) => {}
        Err(refusal) => return Err(refusal.into()),
    }
    let read = state.members.get(&caller.user).map(|member| member.read).ok_or(Refusal::NotAMember)?;
    Ok(ReadAnswer { conversation_id: conversation.to_string(), read, unread: state.unread(&caller.user) })
}
