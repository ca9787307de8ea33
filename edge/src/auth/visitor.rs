//! Visitors' tokens: JWT HS256, signed with the deployment's secret.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use kefu_model::{At, Name, Role, TenantId, User, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AuthError, Caller, Credential};

/// Tells our tokens from whatever else may be signed.
const AUDIENCE: &str = "kefu-visitor";

/// Signs and verifies visitors' tokens.
pub(crate) struct VisitorKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The customer.
    sub: String,
    /// The tenant.
    ten: String,
    aud: String,
    /// Seconds since the Unix epoch.
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl VisitorKeys {
    /// Keys from the deployment's secret; its other uses get other keys.
    pub(crate) fn new(secret: &[u8], ttl_ms: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"kefu visitor token\0");
        hasher.update(secret);
        let key = hasher.finalize();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        Self { encoding: EncodingKey::from_secret(&key), decoding: DecodingKey::from_secret(&key), validation, ttl_ms }
    }

    /// A token for a customer, and when it expires.
    pub(crate) fn issue(
        &self,
        tenant: &TenantId,
        customer: &UserId,
        name: Option<&Name>,
        now: At,
    ) -> Result<(String, At), AuthError> {
        let expires_at = At(now.0 + self.ttl_ms);
        let claims = Claims {
            sub: customer.as_str().to_owned(),
            ten: tenant.as_str().to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now.0 / 1_000,
            exp: expires_at.0 / 1_000,
            name: name.map(ToString::to_string),
        };
        let token = encode(&Header::default(), &claims, &self.encoding).map_err(|_| AuthError::Invalid)?;
        Ok((token, expires_at))
    }

    /// Who has that token.
    pub(crate) fn verify(&self, token: &str) -> Result<Caller, AuthError> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            _ => AuthError::Invalid,
        })?;
        let claims = claims.claims;
        Ok(Caller {
            tenant: TenantId::new(&claims.ten).map_err(|_| AuthError::Invalid)?,
            user: User::customer(UserId::new(&claims.sub).map_err(|_| AuthError::Invalid)?),
            role: Role::Customer,
            name: claims.name.and_then(|name| Name::new(&name).ok()),
            capacity: None,
            credential: Credential::Visitor {
                issued_at: At(claims.iat.saturating_mul(1_000)),
                expires_at: At(claims.exp.saturating_mul(1_000)),
            },
        })
    }
}
