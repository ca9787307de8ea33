//! Visitors: first contact.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_model::{ConversationId, Name, TenantId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attendance::{Service, service};
use crate::auth::{host_user, new_visitor};
use crate::clock;
use crate::frame::{Code, Time};
use crate::http::{BodyOf, Client, Problem, Public, given_name, limit_address};
use crate::services::Services;

use super::link::{is_over, link};

/// Who comes.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct VisitorRequest {
    /// Names the tenant; needed where there are several.
    #[garde(length(max = 128))]
    site_key: Option<String>,
    /// Display name.
    #[garde(length(max = 128))]
    name: Option<String>,
    /// A token from before: the same visitor comes back. With `identity_token` it is the token of the anonymous visitor whom
    /// that user was: what they said so far becomes theirs. Then it must be valid.
    #[garde(length(max = 2_048))]
    visitor_token: Option<String>,
    /// A token with which the host site vouches for its user.
    #[garde(length(max = 2_048))]
    identity_token: Option<String>,
}

/// A visitor's credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VisitorAnswer {
    user_id: String,
    /// Keep it: it is what makes the visitor the same one next time.
    visitor_token: String,
    expires_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Their one support conversation; it exists from the first message on.
    support_conversation: String,
    /// The conversation of the visitor whom this call linked to the user: go on there while its session is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    linked_conversation: Option<String>,
    /// Whether anybody takes chats now.
    service: Service,
}

/// First contact, or coming back. Nothing is stored before the first message.
#[utoipa::path(post, path = "/api/kehu/session", tag = "visitors", security(()), request_body = VisitorRequest,
    responses((status = 200, body = VisitorAnswer), (status = "default", body = crate::http::ProblemBody)))]
pub(crate) async fn session(
    State(services): State<Arc<Services>>,
    _: Public,
    Client(address): Client,
    BodyOf(request): BodyOf<VisitorRequest>,
) -> Result<Json<VisitorAnswer>, Problem> {
    limit_address(&services, "visitors", address, services.config.visitors_per_address_minute).await?;
    let site = services.config.tenant_of_site(request.site_key.as_deref());
    let site = site.ok_or_else(|| Problem::of(Code::UnknownSite))?;
    let given = request.name.as_deref().filter(|name| !name.trim().is_empty());
    let given = given.map(|name| given_name("name", name)).transpose()?;
    let visitor_token = request.visitor_token.as_deref();
    let mut linked = None;
    let (id, name) = match &request.identity_token {
        Some(token) => {
            let (id, name) = host_user(site, token).ok_or_else(|| {
                services.metrics.auth_failures.with_label_values(&["identity"]).inc();
                Problem::of(Code::BadIdentity)
            })?;
            if let Some(token) = visitor_token {
                linked = link(&services, &site.tenant, token, &id).await?;
            }
            (id, name.or(given))
        }
        None => match known(&services, &site.tenant, visitor_token).await {
            Some((id, name)) => (id, given.or(name)),
            None => (new_visitor().ok_or_else(|| Problem::of(Code::Internal))?, given),
        },
    };
    let (token, expires_at) = services.auth.visitors.issue(&site.tenant, &id, name.as_ref(), clock::now())?;
    Ok(Json(VisitorAnswer {
        support_conversation: ConversationId::support(&site.tenant, &id).to_string(),
        service: service(&services, &site.tenant).await,
        user_id: id.as_str().to_owned(),
        visitor_token: token,
        expires_at: expires_at.into(),
        name: name.map(|name| name.to_string()),
        linked_conversation: linked.map(|conversation| conversation.to_string()),
    }))
}

/// The visitor of a token that is still valid for that tenant. With any other the visitor is a new one, and so they are once
/// they were linked to a person and nothing of theirs is open any more.
async fn known(services: &Services, tenant: &TenantId, token: Option<&str>) -> Option<(UserId, Option<Name>)> {
    let caller = services.auth.visitors.verify(token?).ok().filter(|caller| caller.tenant == *tenant)?;
    if is_over(services, &caller).await {
        return None;
    }
    Some((caller.user.id, caller.name))
}
