//! Who has which customer: picking, giving back, cleaning up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use kefu_live::LiveError;
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use kefu_model::conversation::SessionStatus;
use kefu_model::{Conversation, ConversationId, Refusal, TenantId, User, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::current;
use super::sessions::info_from;
use super::shapes::{CustomerRef, SessionInfo, UserInfo};
use super::users::customer_info;
use crate::config::millis;
use crate::http::{Access, Agents, BodyOf, Overseers, PathOf, Problem, ProblemBody, given_id};
use crate::services::Services;

/// How often to look whether a conversation shows what allocation decided.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How far back agents count as expired.
const LAPSED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// To whom.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct AssignRequest {
    /// The caller unless given; others only by supervisors.
    #[garde(length(max = 64))]
    agent_id: Option<String>,
}

/// Gives a customer's session to an agent, as far as there is room.
#[utoipa::path(post, path = "/api/kefu/assign/{customer_id}", tag = "sessions", params(("customer_id" = String, Path)),
    request_body = AssignRequest,
    responses((status = 200, body = SessionInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn assign(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(customer): PathOf<String>,
    BodyOf(request): BodyOf<AssignRequest>,
) -> Result<Json<SessionInfo>, Problem> {
    let conversation = support_of(&access, &customer)?;
    let agent = match request.agent_id.as_deref() {
        Some(id) => given_id("agent_id", id)?,
        None => access.user.id.clone(),
    };
    if agent != access.user.id && !access.role.oversees() {
        return Err(Problem::refusal(Refusal::RoleMayNot));
    }
    let (_, state) = current(&services, &access, conversation).await?;
    let holder = holder_of(&state).ok_or(Refusal::NoSession)?;
    if holder.is_some_and(|holder| holder.id != agent) && !access.role.oversees() {
        return Err(Problem::refusal(Refusal::HasAgent));
    }
    let reason = format!("picked by {}", access.name.as_ref().map_or(access.user.id.as_str(), |name| name.as_str()));
    decide(&services, &access, AllocationCommand::Pick { conversation, agent: agent.clone(), reason }).await?;
    let agent = User::agent(agent);
    once(&services, &access, conversation, |state| holder_of(state).is_some_and(|holder| holder == Some(&agent))).await
}

/// Gives a customer's session back to the queue.
#[utoipa::path(post, path = "/api/kefu/release/{customer_id}", tag = "sessions", params(("customer_id" = String, Path)),
    responses((status = 200, body = SessionInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn release(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(customer): PathOf<String>,
) -> Result<Json<SessionInfo>, Problem> {
    let conversation = support_of(&access, &customer)?;
    let agent = (!access.role.oversees()).then(|| access.user.id.clone());
    let (_, before) = current(&services, &access, conversation).await?;
    let queued_rev = before.open_session().ok_or(Refusal::NoSession)?.queued_rev;
    decide(&services, &access, AllocationCommand::Release { conversation, agent }).await?;
    // It may have an agent again by the time we look: the new queueing is what counts.
    once(&services, &access, conversation, |state| {
        state
            .open_session()
            .is_none_or(|session| session.status == SessionStatus::Waiting || session.queued_rev > queued_rev)
    })
    .await
}

fn support_of(access: &Access<Agents>, customer: &str) -> Result<ConversationId, Problem> {
    Ok(ConversationId::support(&access.tenant, &given_id("customer_id", customer)?))
}

/// Who has the open session: nobody while it waits; none without one.
fn holder_of(state: &Conversation) -> Option<Option<&User>> {
    let session = state.open_session()?;
    Some(session.agent.as_ref().filter(|_| session.status == SessionStatus::Active))
}

async fn decide(services: &Services, access: &Access<impl Sized>, command: AllocationCommand) -> Result<(), Refusal> {
    match services.upstream.allocation(&access.tenant, &command).await {
        AllocationAnswer::Done => Ok(()),
        AllocationAnswer::Refused(refusal) => Err(refusal),
    }
}

/// The session once the conversation shows what was decided.
async fn once(
    services: &Services,
    access: &Access<Agents>,
    conversation: ConversationId,
    is_so: impl Fn(&Conversation) -> bool,
) -> Result<Json<SessionInfo>, Problem> {
    let deadline = tokio::time::Instant::now() + millis(services.config.outcome_wait_ms);
    loop {
        let (_, state) = current(services, access, conversation).await?;
        if is_so(&state) {
            return info_from(&state).map(Json).ok_or_else(|| Problem::refusal(Refusal::NoSession));
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Problem::refusal(Refusal::NoAnswer));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A customer and their session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerAnswer {
    customer: UserInfo,
    conversation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<CustomerRef>,
}

/// A customer, and who has them.
#[utoipa::path(get, path = "/api/kefu/customer/{customer_id}", tag = "sessions", params(("customer_id" = String, Path)),
    responses((status = 200, body = CustomerAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn customer(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(customer): PathOf<String>,
) -> Result<Json<CustomerAnswer>, Problem> {
    let conversation = support_of(&access, &customer)?;
    let (_, state) = current(&services, &access, conversation).await?;
    let id = given_id("customer_id", &customer)?;
    let customer = customer_info(&services, &access.tenant, &id, Some(&state)).await?;
    let session = info_from(&state);
    let agent = holder_of(&state).flatten().map(|agent| CustomerRef {
        id: agent.id.as_str().to_owned(),
        name: state.members.get(agent).and_then(|member| member.name.as_ref()).map(ToString::to_string),
    });
    Ok(Json(CustomerAnswer { customer, conversation_id: conversation.to_string(), session, agent }))
}

/// What was cleaned up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CleanupAnswer {
    /// Agents who are gone.
    expired: Vec<String>,
    /// Sessions that went back to the queue.
    requeued: u64,
}

/// Tells allocation of agents whose leases ran out, at once instead of at the assigner's next look. Their sessions go back
/// to the queue after the grace time.
#[utoipa::path(post, path = "/api/kefu/cleanup", tag = "sessions",
    responses((status = 200, body = CleanupAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn cleanup(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
) -> Result<Json<CleanupAnswer>, Problem> {
    let lapsed = services.live.lapsed(&access.tenant, LAPSED_WITHIN).await?;
    let held = |view: kefu_nats::view::AllocationView, of: &BTreeSet<UserId>| {
        view.held.iter().filter(|held| held.active && of.contains(&held.agent)).count() as u64
    };
    let lapsed: Vec<UserId> = lapsed.into_iter().map(|lapsed| lapsed.agent).collect();
    let view = services.upstream.allocation_view(&access.tenant).await?;
    let gone = without_lease(&services, &access.tenant, lapsed).await?;
    let before = held(view, &gone);
    for agent in &gone {
        let command = AllocationCommand::Agent {
            agent: agent.clone(),
            name: None,
            status: None,
            capacity: None,
            present: Some(false),
        };
        decide(&services, &access, command).await?;
    }
    decide(&services, &access, AllocationCommand::Tick).await?;
    let after = held(services.upstream.allocation_view(&access.tenant).await?, &gone);
    let expired = gone.iter().map(|agent| agent.as_str().to_owned()).collect();
    Ok(Json(CleanupAnswer { expired, requeued: before.saturating_sub(after) }))
}

/// Those who have no lease now: some may have come back since they were listed.
async fn without_lease(
    services: &Services,
    tenant: &TenantId,
    agents: Vec<UserId>,
) -> Result<BTreeSet<UserId>, LiveError> {
    let mut gone = BTreeSet::new();
    for some in agents.chunks(kefu_live::limits::KEYS) {
        let found = services.live.presence(tenant, some).await?;
        gone.extend(some.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(agent, _)| agent.clone()));
    }
    Ok(gone)
}
