//! Users: agents are administered here, customers are looked up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kefu_live::Presence;
use kefu_model::allocation::AgentStatus as ModelStatus;
use kefu_model::{At, Conversation, Refusal, Role as ModelRole, TenantId, User, UserId};
use kefu_store::{CustomerQuery, UserQuery, UserRecord};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::ask::paging;
use super::login::revoke_all;
use super::shapes::{List, UserInfo};
use crate::auth::check_new;
use crate::directory::{NewAgent, PasswordRule, create_with};
use crate::frame::{AgentStatus, Code, Role, UserType};
use crate::http::{Access, Admins, Agents, BodyOf, PathOf, Problem, ProblemBody, QueryOf, given_id, given_name};
use crate::presence::from_live;
use crate::services::Services;

/// A new agent.
#[derive(Deserialize, garde::Validate, ToSchema)]
pub(crate) struct CreateRequest {
    /// What they log in with; also their id.
    #[garde(length(min = 1, max = 64))]
    username: String,
    #[garde(length(min = 1, max = 128))]
    name: String,
    #[garde(skip)]
    role: Role,
    /// At least 8 characters.
    #[garde(length(chars, min = 8, max = 1_024))]
    password: String,
    /// Most sessions at a time.
    #[garde(range(max = 1_000))]
    capacity: Option<u16>,
}

/// Creates an agent.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = CreateRequest,
    responses((status = 201, body = UserInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    access: Access<Admins>,
    BodyOf(request): BodyOf<CreateRequest>,
) -> Result<(StatusCode, Json<UserInfo>), Problem> {
    let agent = NewAgent {
        tenant: access.tenant.clone(),
        name: given_name("name", &request.name)?,
        username: request.username,
        role: request.role.into(),
        capacity: request.capacity.unwrap_or(services.config.default_capacity),
    };
    let passwords = &services.auth.passwords;
    let user = create_with(&services.store, passwords, agent, &request.password, PasswordRule::Checked).await?;
    Ok((StatusCode::CREATED, Json(agent_info(&user, Some(ModelStatus::Offline), Some(false)))))
}

/// Which users.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsersParams {
    /// `kefu` (agents, the default) or `kehu` (customers, who wrote last first).
    #[garde(skip)]
    #[param(inline)]
    r#type: Option<UserType>,
    /// Agents with this role.
    #[garde(skip)]
    #[param(inline)]
    role: Option<Role>,
    /// Agents whose name or user name contains this.
    #[garde(length(max = 128))]
    q: Option<String>,
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
    #[garde(length(max = 128))]
    cursor: Option<String>,
}

/// Users. Customers are listed for overseers.
#[utoipa::path(get, path = "/api/users", tag = "users", params(UsersParams),
    responses((status = 200, body = List<UserInfo>), (status = "default", body = ProblemBody)))]
pub(crate) async fn users(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    QueryOf(params): QueryOf<UsersParams>,
) -> Result<Json<List<UserInfo>>, Problem> {
    if params.r#type == Some(UserType::Kehu) {
        return customers(&services, &access, &params).await;
    }
    let page = paging(params.page, params.page_size, params.limit)?;
    let query = UserQuery {
        role: params.role.map(Into::into),
        text: params.q.filter(|text| !text.is_empty()),
        after: params.cursor,
        skip: page.skip,
        limit: page.limit,
    };
    let found = services.store.users(&access.tenant, &query).await?;
    let ids: Vec<UserId> = found.users.iter().map(|user| user.id.clone()).collect();
    let presence = services.live.presence(&access.tenant, &ids).await.ok();
    let items = found.users.iter().enumerate().map(|(index, user)| {
        let here = presence.as_ref().map(|presence| presence.get(index).and_then(Option::as_ref));
        agent_with_presence(user, here)
    });
    Ok(Json(List { items: items.collect(), total: Some(found.total), next: found.next }))
}

async fn customers(
    services: &Services,
    access: &Access<Agents>,
    params: &UsersParams,
) -> Result<Json<List<UserInfo>>, Problem> {
    if !access.role.oversees() {
        return Err(Problem::refusal(Refusal::RoleMayNot));
    }
    let page = paging(params.page, params.page_size, params.limit)?;
    let cursor = match &params.cursor {
        Some(text) => Some(parse_cursor(text).ok_or_else(|| Problem::field("cursor", "is no cursor"))?),
        None => None,
    };
    let query = CustomerQuery { cursor, skip: page.skip, limit: page.limit };
    let found = services.store.customers(&access.tenant, &query).await?;
    let users: Vec<User> = found.customers.iter().map(|customer| User::customer(customer.id.clone())).collect();
    let online = services.live.online(&access.tenant, &users).await.ok();
    let items = found.customers.iter().enumerate().map(|(index, customer)| UserInfo {
        online: online.as_ref().and_then(|online| online.get(index).copied()),
        ..unnamed_customer(&customer.id, customer.name.as_ref().map(ToString::to_string))
    });
    let next = found.next.map(|(at, id)| format!("{}.{id}", at.0));
    Ok(Json(List { items: items.collect(), total: Some(found.total), next }))
}

fn parse_cursor(text: &str) -> Option<(At, UserId)> {
    let (at, id) = text.split_once('.')?;
    Some((At(at.parse().ok()?), UserId::new(id).ok()?))
}

/// One of two types of user.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserParams {
    /// `kefu` (an agent, the default) or `kehu` (a customer).
    #[garde(skip)]
    #[param(inline)]
    r#type: Option<UserType>,
}

/// One user.
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", params(("id" = String, Path), UserParams),
    responses((status = 200, body = UserInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn user(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(id): PathOf<String>,
    QueryOf(params): QueryOf<UserParams>,
) -> Result<Json<UserInfo>, Problem> {
    let id = given_id("id", &id)?;
    if params.r#type == Some(UserType::Kehu) {
        return customer_info(&services, &access.tenant, &id, None).await.map(Json);
    }
    let user = services.store.user(&access.tenant, &id).await?.ok_or_else(|| Problem::of(Code::NoUser))?;
    Ok(Json(with_presence(&services, &user).await))
}

async fn with_presence(services: &Services, user: &UserRecord) -> UserInfo {
    let found = services.live.presence(&user.tenant, std::slice::from_ref(&user.id)).await.ok();
    agent_with_presence(user, found.as_ref().map(|found| found.first().and_then(Option::as_ref)))
}

/// An agent with what is known of their presence, if anything is.
fn agent_with_presence(user: &UserRecord, known: Option<Option<&Presence>>) -> UserInfo {
    let status = known.map(|here| here.map_or(ModelStatus::Offline, |here| from_live(here.status)));
    agent_info(user, status, known.map(|here| here.is_some()))
}

/// A change of an agent.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct UpdateRequest {
    #[garde(length(min = 1, max = 128))]
    name: Option<String>,
    #[garde(skip)]
    role: Option<Role>,
    #[garde(range(max = 1_000))]
    capacity: Option<u16>,
    /// Ends all their logins, and none is made any more.
    #[garde(skip)]
    disabled: Option<bool>,
}

/// Changes an agent. Another role or being disabled ends their logins.
#[utoipa::path(put, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), request_body = UpdateRequest,
    responses((status = 200, body = UserInfo), (status = "default", body = ProblemBody)))]
pub(crate) async fn update(
    State(services): State<Arc<Services>>,
    access: Access<Admins>,
    PathOf(id): PathOf<String>,
    BodyOf(request): BodyOf<UpdateRequest>,
) -> Result<Json<UserInfo>, Problem> {
    let id = given_id("id", &id)?;
    let mut user = services.store.user(&access.tenant, &id).await?.ok_or_else(|| Problem::of(Code::NoUser))?;
    let (role, disabled) = (user.role, user.disabled);
    if let Some(name) = request.name.as_deref() {
        user.name = given_name("name", name)?;
    }
    user.role = request.role.map_or(user.role, Into::into);
    user.capacity = request.capacity.unwrap_or(user.capacity);
    user.disabled = request.disabled.unwrap_or(user.disabled);
    let loses_admin = role == ModelRole::Admin && (user.role != ModelRole::Admin || user.disabled);
    if loses_admin && id == access.user.id {
        return Err(Problem::refusal(Refusal::RoleMayNot).detail("admins cannot take the role from themselves"));
    }
    user.version = services.store.update_user(&user).await?;
    if user.role != role || (user.disabled && !disabled) {
        revoke_all(&services, &access, &User::agent(id.clone())).await?;
    }
    tell_allocation(&services, &user).await;
    Ok(Json(with_presence(&services, &user).await))
}

/// Allocation learns the new name and capacity; should it not now, it does at the agent's next login.
async fn tell_allocation(services: &Services, user: &UserRecord) {
    let command = kefu_model::allocation::AllocationCommand::Agent {
        agent: user.id.clone(),
        name: Some(user.name.clone()),
        status: None,
        capacity: Some(user.capacity),
        present: None,
    };
    services.upstream.allocation(&user.tenant, &command).await;
}

/// A new password.
#[derive(Deserialize, garde::Validate, ToSchema)]
pub(crate) struct PasswordRequest {
    /// At least 8 characters.
    #[garde(length(chars, min = 8, max = 1_024))]
    password: String,
    /// Needed for one's own.
    #[garde(length(max = 1_024))]
    current_password: Option<String>,
}

/// Sets a password: one's own with the current one, any by an admin. All logins of that agent end.
#[utoipa::path(put, path = "/api/users/{id}/password", tag = "users", params(("id" = String, Path)),
    request_body = PasswordRequest,
    responses((status = 204), (status = "default", body = ProblemBody)))]
pub(crate) async fn password(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(id): PathOf<String>,
    BodyOf(request): BodyOf<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    let id = given_id("id", &id)?;
    let own = id == access.user.id;
    if !own && access.role != ModelRole::Admin {
        return Err(Problem::refusal(Refusal::RoleMayNot));
    }
    check_new(&request.password)?;
    let mut user = services.store.user(&access.tenant, &id).await?.ok_or_else(|| Problem::of(Code::NoUser))?;
    if own {
        let current = request.current_password.unwrap_or_default();
        if !services.auth.passwords.verify(current, Some(user.password_hash.clone())).await? {
            return Err(Problem::of(Code::WrongPassword));
        }
    }
    user.password_hash = services.auth.passwords.hash(request.password).await?;
    services.store.update_user(&user).await?;
    revoke_all(&services, &access, &User::agent(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An agent as the API shows them.
pub(super) fn agent_info(user: &UserRecord, status: Option<ModelStatus>, online: Option<bool>) -> UserInfo {
    UserInfo {
        id: user.id.as_str().to_owned(),
        r#type: UserType::Kefu,
        username: Some(user.username.clone()),
        name: user.name.to_string(),
        role: Role::of(user.role),
        capacity: Some(user.capacity),
        status: status.map(AgentStatus::from),
        disabled: user.disabled,
        online,
    }
}

/// A customer as the API shows them: of the archive, or of their conversation before it is archived.
pub(super) async fn customer_info(
    services: &Services,
    tenant: &TenantId,
    id: &UserId,
    state: Option<&Conversation>,
) -> Result<UserInfo, Problem> {
    let archived = services.store.customers_by_id(tenant, std::slice::from_ref(id)).await?.into_iter().next().flatten();
    let user = User::customer(id.clone());
    let member = state.and_then(|state| state.members.get(&user));
    if archived.is_none() && member.is_none() {
        return Err(Problem::of(Code::NoUser));
    }
    let name = archived.and_then(|customer| customer.name).or_else(|| member.and_then(|member| member.name.clone()));
    let online = services.live.online(tenant, std::slice::from_ref(&user)).await.ok();
    let online = online.and_then(|online| online.first().copied());
    Ok(UserInfo { online, ..unnamed_customer(id, name.map(|name| name.to_string())) })
}

fn unnamed_customer(id: &UserId, name: Option<String>) -> UserInfo {
    UserInfo {
        id: id.as_str().to_owned(),
        r#type: UserType::Kehu,
        username: None,
        name: name.unwrap_or_default(),
        role: None,
        capacity: None,
        status: None,
        disabled: false,
        online: None,
    }
}
