//! Customers' ids: random ones for visitors, and those that a host site vouches for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use kefu_model::{Name, UserId};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::config::TenantConfig;

/// Ids of visitors begin so; a host site may not vouch for one, so nobody can take one over.
const VISITOR_PREFIX: &str = "v_";
/// Shortest secret that is trusted, in bytes.
const MIN_SECRET_BYTES: usize = 32;

#[derive(Deserialize)]
struct HostClaims {
    sub: String,
    #[serde(default)]
    name: Option<String>,
}

/// A new visitor's id: 128 random bits.
pub(crate) fn new_visitor() -> Option<UserId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    UserId::new(&format!("{VISITOR_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))).ok()
}

/// Whether it is the id of a visitor whom nobody vouches for.
pub(crate) fn is_anonymous(id: &UserId) -> bool {
    id.as_str().starts_with(VISITOR_PREFIX)
}

/// The user whom a host site vouches for: JWT HS256 with the tenant's secret; `sub`, `aud` and `exp` are required.
pub(crate) fn host_user(tenant: &TenantConfig, token: &str) -> Option<(UserId, Option<Name>)> {
    let secret = tenant.identity_secret.as_ref()?.expose_secret();
    if secret.len() < MIN_SECRET_BYTES || token.len() > super::TOKEN_BYTES {
        return None;
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[&tenant.identity_audience]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    validation.validate_nbf = true;
    let claims = decode::<HostClaims>(token, &DecodingKey::from_secret(secret.as_bytes()), &validation).ok()?.claims;
    let id = UserId::new(&claims.sub).ok().filter(|id| !is_anonymous(id))?;
    Some((id, claims.name.and_then(|name| Name::new(&name).ok())))
}
