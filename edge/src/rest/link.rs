//! An anonymous visitor turns out to be somebody whom the host site vouches for (docs/adr/0007-linked-visitors.md).

use kefu_model::{Body, ConversationId, Refusal, TenantId, User, UserId};

use super::ask::{Asking, ask, stored};
use crate::auth::{AuthError, Caller, is_anonymous};
use crate::frame::hash_of;
use crate::http::Problem;
use crate::services::Services;

/// Lets the person into the conversation of the visitor whose token this is, and answers which one; none if that visitor
/// never wrote, or is no anonymous one. The person is proven already; the token proves the visitor.
pub(super) async fn link(
    services: &Services,
    tenant: &TenantId,
    visitor_token: &str,
    person: &UserId,
) -> Result<Option<ConversationId>, Problem> {
    let visitor = visitor_of(services, tenant, visitor_token).inspect_err(|error| {
        services.metrics.auth_failures.with_label_values(&[error.reason()]).inc();
    })?;
    if !is_anonymous(&visitor.user.id) {
        // Who was here before was vouched for as well: this person, or somebody else whose conversations stay theirs.
        return Ok(None);
    }
    let conversation = ConversationId::support(tenant, &visitor.user.id);
    let asking = Asking {
        conversation,
        parties: None,
        // So that coming again with the same two tokens adds nothing to the log for as long as keys are remembered.
        key: Some(format!("link:{person}")),
        hash: hash_of(&("link", person.as_str())),
        body: Body::Link { person: User::customer(person.clone()) },
    };
    match ask(services, &visitor, asking).await {
        Ok(_) => Ok(Some(conversation)),
        Err(Refusal::NoConversation) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

fn visitor_of(services: &Services, tenant: &TenantId, token: &str) -> Result<Caller, AuthError> {
    let caller = services.auth.visitors.verify(token)?;
    if caller.tenant == *tenant { Ok(caller) } else { Err(AuthError::Invalid) }
}

/// Whether a visitor was linked and their last session is over: there is nothing left that they could do. While the store
/// cannot say so, they go on.
pub(super) async fn is_over(services: &Services, visitor: &Caller) -> bool {
    if !is_anonymous(&visitor.user.id) {
        return false;
    }
    let own = ConversationId::support(&visitor.tenant, &visitor.user.id);
    let state = stored(services, visitor, own).await;
    state.is_ok_and(|(_, state)| state.linked_person().is_some() && state.open_session().is_none())
}
