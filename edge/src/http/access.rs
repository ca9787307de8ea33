//! Rights: every handler names the role it needs by the extractor it takes. Tenant and user come from the credential and
//! from nowhere else.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kefu_live::{Quota, RateDecision, RateKey};
use kefu_model::{Refusal, Role, TenantId};

use super::layer::note_limit;
use super::problem::Problem;
use super::{bearer, client_of};
use crate::auth::Caller;
use crate::frame::Code;
use crate::services::Services;

/// What a handler needs.
pub(crate) trait Needs: Send {
    /// Whether somebody with that role may.
    fn allows(role: Role) -> bool;
}

/// Anybody with a credential, customers included.
pub(crate) struct AnyUser;
/// Agents of any role.
pub(crate) struct Agents;
/// Supervisors and admins.
pub(crate) struct Overseers;
/// Admins.
pub(crate) struct Admins;

impl Needs for AnyUser {
    fn allows(_: Role) -> bool {
        true
    }
}

impl Needs for Agents {
    fn allows(role: Role) -> bool {
        role >= Role::Agent
    }
}

impl Needs for Overseers {
    fn allows(role: Role) -> bool {
        role.oversees()
    }
}

impl Needs for Admins {
    fn allows(role: Role) -> bool {
        role == Role::Admin
    }
}

/// Who asks, with a role that suffices.
pub(crate) struct Access<N> {
    pub(crate) caller: Caller,
    /// The credential itself: never logged.
    pub(crate) token: String,
    needs: PhantomData<N>,
}

/// The handler needs no credential, on purpose.
pub(crate) struct Public;

impl<N> Deref for Access<N> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<N: Needs> FromRequestParts<Arc<Services>> for Access<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Problem> {
        let count = |reason: &str| services.metrics.auth_failures.with_label_values(&[reason]).inc();
        let Some(token) = bearer(&parts.headers) else {
            count("missing");
            return Err(Problem::of(Code::NoCredential));
        };
        let token = token.to_owned();
        let caller = services.auth.authenticate(&token).await.inspect_err(|error| count(error.reason()))?;
        if !N::allows(caller.role) {
            count("role");
            return Err(Problem::refusal(Refusal::RoleMayNot));
        }
        let subject = caller.user.to_string();
        limit(services, &caller.tenant, "user", subject, services.config.requests_per_user_minute).await?;
        Ok(Self { caller, token, needs: PhantomData })
    }
}

impl FromRequestParts<Arc<Services>> for Public {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &Arc<Services>) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

/// Limits calls of the API by address.
pub(crate) async fn limit_calls(services: &Services, parts: &Parts) -> Result<(), Problem> {
    let address = client_of(&parts.extensions, &parts.headers, &services.config);
    limit_address(services, "address", address, services.config.requests_per_address_minute).await
}

/// Limits something by address.
pub(crate) async fn limit_address(
    services: &Services,
    what: &'static str,
    address: IpAddr,
    per_minute: u32,
) -> Result<(), Problem> {
    let Some(tenant) = services.config.tenants.first() else { return Ok(()) };
    limit(services, &tenant.tenant, what, address.to_string(), per_minute).await
}

/// Takes one from a quota. While nobody knows, everything is allowed: limits protect, they do not decide.
async fn limit(
    services: &Services,
    tenant: &TenantId,
    what: &'static str,
    subject: String,
    per_minute: u32,
) -> Result<(), Problem> {
    let key = RateKey { tenant: tenant.clone(), limit: what, subject };
    match services.limiter.take(&*services.live, key, Quota::per_minute(per_minute)).await {
        Some(RateDecision::Allowed { remaining, reset }) => {
            note_limit(per_minute, remaining, reset);
            Ok(())
        }
        Some(RateDecision::Limited { retry_after }) => {
            note_limit(per_minute, 0, retry_after);
            let ms = retry_after.max(Duration::from_millis(1)).as_millis();
            Err(Problem::of(Code::TooManyRequests).retry_after_ms(u64::try_from(ms).unwrap_or(u64::MAX)))
        }
        None => Ok(()),
    }
}
