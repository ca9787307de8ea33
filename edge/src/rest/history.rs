//! History, by page and by cursor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_model::{Conversation, ConversationId, User, UserKind};
use kefu_store::{HistoryPage, HistoryQuery, Item, Window};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ask::{conversation_id, conversation_with, current, may_look, paging, stored};
use super::items::{cursor_of, parse_cursor, shown};
use super::shapes::HistoryAnswer;
use crate::auth::Caller;
use crate::frame::{Time, UserType, members_of, session_of};
use crate::http::{Access, AnyUser, PathOf, Problem, ProblemBody, QueryOf, given_id};
use crate::services::Services;

/// Which part of a history.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryParams {
    /// Of this conversation,
    #[garde(length(max = 64))]
    conversation_id: Option<String>,
    /// this room,
    #[garde(length(max = 64))]
    room_id: Option<String>,
    /// or with this user; for a customer it is always their support conversation.
    #[garde(length(max = 64))]
    user_id: Option<String>,
    /// The type of `user_id`, `kehu` unless given.
    #[garde(skip)]
    #[param(inline)]
    user_type: Option<UserType>,
    /// 1 is the newest.
    #[garde(skip)]
    page: Option<u32>,
    /// 50 unless given, at most 200.
    #[garde(skip)]
    page_size: Option<u32>,
    /// The same as `page_size`.
    #[garde(skip)]
    limit: Option<u32>,
    /// Items before this cursor (`prev` of an answer).
    #[garde(length(max = 64))]
    before: Option<String>,
    /// Items after this cursor (`next` of an answer).
    #[garde(length(max = 64))]
    after: Option<String>,
    /// Only items at or after this time, RFC 3339.
    #[garde(length(max = 40))]
    from: Option<String>,
    /// Only items before this time, RFC 3339.
    #[garde(length(max = 40))]
    to: Option<String>,
}

/// Messages of a conversation.
#[utoipa::path(get, path = "/api/v1/chat/messages", tag = "messages", params(HistoryParams),
    responses((status = 200, body = HistoryAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn messages(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    QueryOf(params): QueryOf<HistoryParams>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let conversation = match params.conversation_id.as_ref().or(params.room_id.as_ref()) {
        Some(id) => conversation_id(id)?,
        None => with_user(&access, params.user_id.as_deref(), params.user_type)?,
    };
    page(&services, &access, conversation, &params).await.map(Json)
}

/// Messages with another party.
#[utoipa::path(get, path = "/api/messages/history/{user_id}", tag = "messages",
    params(("user_id" = String, Path), HistoryParams),
    responses((status = 200, body = HistoryAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn with(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(user_id): PathOf<String>,
    QueryOf(params): QueryOf<HistoryParams>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let conversation = with_user(&access, Some(&user_id), params.user_type)?;
    page(&services, &access, conversation, &params).await.map(Json)
}

fn with_user(caller: &Caller, id: Option<&str>, kind: Option<UserType>) -> Result<ConversationId, Problem> {
    if caller.user.kind == UserKind::Customer {
        return Ok(ConversationId::support(&caller.tenant, &caller.user.id));
    }
    let id = id.ok_or_else(|| Problem::field("conversation_id", "or user_id is missing"))?;
    let kind = kind.map_or(UserKind::Customer, Into::into);
    Ok(conversation_with(caller, &User { kind, id: given_id("user_id", id)? }))
}

async fn page(
    services: &Services,
    caller: &Caller,
    conversation: ConversationId,
    params: &HistoryParams,
) -> Result<HistoryAnswer, Problem> {
    let query = query_of(params)?;
    // The state first: the rows read afterwards cover at least its rev.
    let (mut epoch, state) = stored(services, caller, conversation).await?;
    let mut viewed = state.clone();
    if !state.exists() || may_look(caller, &state).is_err() {
        // Not archived yet, or not there at all, or the caller came in a moment ago: the owner knows, and its epoch makes a
        // cursor. It is asked of what is there as of what is not, so that the two cannot be told apart.
        (epoch, viewed) = current(services, caller, conversation).await?;
        may_look(caller, &viewed)?;
    }
    let page = services.store.history(&caller.tenant, conversation, query).await?;
    Ok(answer(caller, epoch, &state, &viewed, &page))
}

/// A page as the caller may see it, by `viewed`; `state` is what the page covers at least.
pub(crate) fn answer(
    caller: &Caller,
    epoch: u64,
    state: &Conversation,
    viewed: &Conversation,
    page: &HistoryPage,
) -> HistoryAnswer {
    let edge = |item: Option<&Item>, more: bool| item.filter(|_| more).map(|item| cursor_of(item.key));
    HistoryAnswer {
        prev: edge(page.items.first(), page.has_older),
        next: edge(page.items.last(), page.has_newer),
        items: page.items.iter().filter_map(|item| shown(caller, viewed, item)).collect(),
        total: state.seq,
        conversation_id: state.id.to_string(),
        epoch,
        rev: state.rev,
        seq: state.seq,
        session: session_of(state),
        members: members_of(state),
    }
}

fn query_of(params: &HistoryParams) -> Result<HistoryQuery, Problem> {
    let limit = paging(None, params.page_size, params.limit)?.limit;
    let cursor = |name: &str, text: &str| parse_cursor(text).ok_or_else(|| Problem::field(name, "is no cursor"));
    let window = match (&params.before, &params.after, params.page) {
        (Some(_), Some(_), _) => return Err(Problem::field("before", "and after exclude each other")),
        (Some(before), None, _) => Window::Before(cursor("before", before)?),
        (None, Some(after), _) => Window::After(cursor("after", after)?),
        (None, None, Some(0)) => return Err(Problem::field("page", "counts from 1")),
        (None, None, page) if params.from.is_none() && params.to.is_none() => Window::Page(page.unwrap_or(1)),
        (None, None, Some(2..)) => return Err(Problem::field("page", "does not go with from and to; use cursors")),
        (None, None, _) => Window::Newest,
    };
    let time = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match Time::parse(text) {
            Some(time) => Ok(Some(time.0)),
            None => Err(Problem::field(name, "is no time in RFC 3339")),
        },
    };
    Ok(HistoryQuery { window, from: time("from", &params.from)?, to: time("to", &params.to)?, limit })
}
