//! Sessions: opening, listing, ending, numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_model::conversation::SessionStatus;
use kefu_model::{At, Body, Conversation, ConversationId, Parties, Refusal, User};
use kefu_nats::view::{AllocationView, HeldView, WaitingView};
use kefu_store::{SessionCursor, SessionQuery, SessionRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ask::{Asking, ask, current, may_look, paging};
use super::shapes::{CustomerRef, SessionInfo};
use crate::auth::Caller;
use crate::frame::{self, CommandBody, hash_of};
use crate::http::{Access, Agents, AnyUser, BodyOf, PathOf, Problem, ProblemBody, QueryOf, given_id};
use crate::services::Services;

/// Which sessions.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionParams {
    /// `waiting`, `active` or `ended`.
    #[garde(skip)]
    #[param(inline)]
    status: Option<frame::SessionStatus>,
    /// Of this agent; agents see their own and those who wait.
    #[garde(length(max = 64))]
    agent_id: Option<String>,
    /// Of this customer.
    #[garde(length(max = 64))]
    customer_id: Option<String>,
    /// From 1.
    #[garde(skip)]
    page: Option<u32>,
    /// 50 unless given, at most 200.
    #[garde(skip)]
    page_size: Option<u32>,
    /// The same as `page_size`.
    #[garde(skip)]
    limit: Option<u32>,
    /// `next` of the answer before.
    #[garde(length(max = 96))]
    cursor: Option<String>,
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsAnswer {
    items: Vec<SessionInfo>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Sessions with an agent, of the whole tenant.
    active: u64,
    /// Sessions that wait, of the whole tenant.
    waiting: u64,
}

/// Sessions. Those that wait or are active come from the assigner, exact; ended ones from the archive.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(SessionParams),
    responses((status = 200, body = SessionsAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn sessions(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    QueryOf(params): QueryOf<SessionParams>,
) -> Result<Json<SessionsAnswer>, Problem> {
    let view = services.upstream.allocation_view(&access.tenant).await?;
    let (waiting, active) = (view.waiting.len() as u64, view.held.iter().filter(|held| held.active).count() as u64);
    let mut answer = match params.status {
        Some(frame::SessionStatus::Waiting) => waiting_page(&view, &params)?,
        Some(frame::SessionStatus::Active) => active_page(&access, &view, &params)?,
        Some(frame::SessionStatus::Ended) | None => archived_page(&services, &access, &params).await?,
    };
    answer.waiting = waiting;
    answer.active = active;
    Ok(Json(answer))
}

fn waiting_page(view: &AllocationView, params: &SessionParams) -> Result<SessionsAnswer, Problem> {
    let of_customer =
        |waiting: &&WaitingView| params.customer_id.as_deref().is_none_or(|id| waiting.customer.as_str() == id);
    cut(view.waiting.iter().filter(of_customer).map(waiting_info).collect(), params)
}

fn active_page(
    access: &Access<Agents>,
    view: &AllocationView,
    params: &SessionParams,
) -> Result<SessionsAnswer, Problem> {
    let agent = agent_filter(access, params);
    let wanted = |held: &&HeldView| {
        agent.as_deref().is_none_or(|id| held.agent.as_str() == id)
            && params.customer_id.as_deref().is_none_or(|id| held.customer.as_str() == id)
    };
    let name = |held: &HeldView| view.agents.iter().find(|agent| agent.id == held.agent)?.name.clone();
    let infos = view.held.iter().filter(|held| held.active).filter(wanted);
    cut(infos.map(|held| held_info(held, name(held).map(|name| name.to_string()))).collect(), params)
}

/// Agents see their own sessions, overseers everyone's.
fn agent_filter(access: &Access<Agents>, params: &SessionParams) -> Option<String> {
    if access.role.oversees() { params.agent_id.clone() } else { Some(access.user.id.as_str().to_owned()) }
}

fn cut(all: Vec<SessionInfo>, params: &SessionParams) -> Result<SessionsAnswer, Problem> {
    let page = paging(params.page, params.page_size, params.limit)?;
    let total = all.len() as u64;
    let items = all.into_iter().skip(page.skip as usize).take(page.limit as usize).collect();
    Ok(SessionsAnswer { items, total, next: None, active: 0, waiting: 0 })
}

async fn archived_page(
    services: &Services,
    access: &Access<Agents>,
    params: &SessionParams,
) -> Result<SessionsAnswer, Problem> {
    let page = paging(params.page, params.page_size, params.limit)?;
    let id = |name: &str, text: Option<&String>| text.map(|text| given_id(name, text)).transpose();
    let cursor = match &params.cursor {
        Some(text) => Some(parse_cursor(text).ok_or_else(|| Problem::field("cursor", "is no cursor"))?),
        None => None,
    };
    let query = SessionQuery {
        status: params.status.map(|_| SessionStatus::Ended),
        agent: id("agent_id", agent_filter(access, params).as_ref())?,
        customer: id("customer_id", params.customer_id.as_ref())?,
        cursor,
        skip: page.skip,
        limit: page.limit,
        ..SessionQuery::default()
    };
    let found = services.store.sessions(&access.tenant, &query).await?;
    let next = found.next.map(|next| format!("{}.{}.{}", next.opened_at.0, next.conversation, next.ordinal));
    let items = found.sessions.iter().map(row_info).collect();
    Ok(SessionsAnswer { items, total: found.total, next, active: 0, waiting: 0 })
}

fn parse_cursor(text: &str) -> Option<SessionCursor> {
    let mut parts = text.splitn(3, '.');
    let opened_at = At(parts.next()?.parse().ok()?);
    let conversation = ConversationId::parse(parts.next()?).ok()?;
    Some(SessionCursor { opened_at, conversation, ordinal: parts.next()?.parse().ok()? })
}

/// A session to be opened.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct OpenRequest {
    /// Whose; a customer's own unless given.
    #[garde(length(max = 64))]
    customer_id: Option<String>,
}

/// Opens a session, or answers the open one.
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", request_body = OpenRequest,
    responses((status = 200, body = SessionInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn open(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    BodyOf(request): BodyOf<OpenRequest>,
) -> Result<Json<SessionInfo>, Problem> {
    let customer = if access.is_agent() {
        let id = request.customer_id.as_deref().ok_or_else(|| Problem::field("customer_id", "is missing"))?;
        User::customer(given_id("customer_id", id)?)
    } else {
        access.user.clone()
    };
    let conversation = ConversationId::support(&access.tenant, &customer.id);
    let name = if access.is_agent() { None } else { access.name.clone() };
    let asking = Asking {
        conversation,
        // An agent opens sessions of customers who wrote before; who never did is not known here.
        parties: (!access.is_agent()).then_some(Parties::Support { customer, name }),
        key: None,
        hash: hash_of(&"open_session"),
        body: Body::OpenSession,
    };
    ask(&services, &access, asking).await?;
    let (_, state) = current(&services, &access, conversation).await?;
    info_from(&state).map(Json).ok_or_else(|| Problem::refusal(Refusal::NoSession))
}

/// One session.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = SessionInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn session(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
) -> Result<Json<SessionInfo>, Problem> {
    let (conversation, ordinal) = session_id(&id)?;
    let (_, state) = current(&services, &access, conversation).await?;
    may_look_or_waits(&access, &state)?;
    if let Some(info) = info_from(&state).filter(|info| info.ordinal == ordinal) {
        return Ok(Json(with_place(&services, &access, info).await));
    }
    let row = services.store.session(&access.tenant, conversation, ordinal).await?;
    row.map(|row| Json(row_info(&row))).ok_or_else(|| Problem::refusal(Refusal::NoSession))
}

/// Agents may look at a session that waits: they are to pick it.
fn may_look_or_waits(caller: &Caller, state: &Conversation) -> Result<(), Refusal> {
    let waits = state.open_session().is_some_and(|session| session.status == SessionStatus::Waiting);
    if caller.is_agent() && waits { Ok(()) } else { may_look(caller, state) }
}

async fn with_place(services: &Services, caller: &Caller, mut info: SessionInfo) -> SessionInfo {
    if info.status == frame::SessionStatus::Waiting
        && let Some(view) = services.glance(&caller.tenant).await
        && let Some(place) = view.waiting.iter().find(|place| place.conversation.to_string() == info.conversation_id)
    {
        info.position = Some(place.position);
        info.estimate_s = place.estimate_s;
    }
    info
}

/// Why a session ends.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct EndRequest {
    #[garde(length(chars, max = 200))]
    reason: Option<String>,
}

/// Ends a session: its agent, its customer, or a supervisor.
#[utoipa::path(post, path = "/api/sessions/{id}/end", tag = "sessions", params(("id" = String, Path)),
    request_body = EndRequest,
    responses((status = 200, body = SessionInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn end(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
    BodyOf(request): BodyOf<EndRequest>,
) -> Result<Json<SessionInfo>, Problem> {
    let (conversation, ordinal) = session_id(&id)?;
    let (_, state) = current(&services, &access, conversation).await?;
    may_look(&access, &state)?;
    if state.open_session().is_none_or(|session| session.ordinal != ordinal) {
        return Err(Problem::refusal(Refusal::NoSession));
    }
    let body = CommandBody::EndSession { reason: request.reason };
    let asking = Asking { conversation, parties: None, key: None, hash: hash_of(&body), body: body.into() };
    ask(&services, &access, asking).await?;
    let (_, state) = current(&services, &access, conversation).await?;
    info_from(&state).map(Json).ok_or_else(|| Problem::refusal(Refusal::NoSession))
}

/// The id of a session: its conversation and ordinal.
pub(super) fn session_id(text: &str) -> Result<(ConversationId, u64), Problem> {
    let parsed = text
        .split_once('.')
        .and_then(|(conversation, ordinal)| Some((ConversationId::parse(conversation).ok()?, ordinal.parse().ok()?)));
    parsed.ok_or_else(|| Problem::refusal(Refusal::NoSession))
}

/// The last session of a conversation.
pub(super) fn info_from(state: &Conversation) -> Option<SessionInfo> {
    let session = state.session.as_ref()?;
    let customer = state.customer()?;
    let name = |user: &User| state.members.get(user).and_then(|member| member.name.as_ref()).map(ToString::to_string);
    let party = |user: &User| CustomerRef { id: user.id.as_str().to_owned(), name: name(user) };
    Some(SessionInfo {
        ended_at: session.ended_at.map(Into::into),
        ended_by: session.ended_by.as_ref().map(Into::into),
        assigned_at: session.assigned_at.map(Into::into),
        agent: session.agent.as_ref().map(party),
        rating: session.rating,
        ..blank(state.id, session.ordinal, party(customer), session.status, session.opened_at)
    })
}

fn waiting_info(waiting: &WaitingView) -> SessionInfo {
    let customer = customer_ref(waiting.customer.as_str(), waiting.name.as_ref());
    SessionInfo {
        position: Some(waiting.position),
        estimate_s: waiting.estimate_s,
        ..blank(waiting.conversation, waiting.session, customer, SessionStatus::Waiting, waiting.opened_at)
    }
}

fn held_info(held: &HeldView, agent_name: Option<String>) -> SessionInfo {
    let customer = customer_ref(held.customer.as_str(), held.name.as_ref());
    SessionInfo {
        agent: Some(CustomerRef { id: held.agent.as_str().to_owned(), name: agent_name }),
        ..blank(held.conversation, held.session, customer, SessionStatus::Active, held.opened_at)
    }
}

fn row_info(row: &SessionRow) -> SessionInfo {
    let party = |(user, name): &(User, Option<kefu_model::Name>)| customer_ref(user.id.as_str(), name.as_ref());
    let customer = row.customer.as_ref().map_or_else(|| customer_ref("", None), party);
    SessionInfo {
        agent: row.agent.as_ref().map(party),
        assigned_at: row.assigned_at.map(Into::into),
        ended_at: row.ended_at.map(Into::into),
        ended_by: row.ended_by.as_ref().map(Into::into),
        rating: row.rating,
        comment: row.comment.clone(),
        ..blank(row.conversation.conversation, row.ordinal, customer, row.status, row.opened_at)
    }
}

fn customer_ref(id: &str, name: Option<&kefu_model::Name>) -> CustomerRef {
    CustomerRef { id: id.to_owned(), name: name.map(ToString::to_string) }
}

fn blank(
    conversation: ConversationId,
    ordinal: u64,
    customer: CustomerRef,
    status: SessionStatus,
    opened_at: At,
) -> SessionInfo {
    SessionInfo {
        id: format!("{conversation}.{ordinal}"),
        conversation_id: conversation.to_string(),
        ordinal,
        customer,
        status: status.into(),
        agent: None,
        opened_at: opened_at.into(),
        assigned_at: None,
        ended_at: None,
        ended_by: None,
        position: None,
        estimate_s: None,
        rating: None,
        comment: None,
    }
}
