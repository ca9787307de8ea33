//! Logins of agents: opaque tokens, hashed at rest, cached in `live`, with an expiry that moves while they are used.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::CachedLogin;
use kefu_live::limits::LOGIN_TTL;
use kefu_model::{At, Name, Role, TenantId, User, UserId};
use kefu_store::{LoginSession, TokenHash, UserRecord};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::token::{hash_token, new_token};
use super::{Auth, AuthError, Caller, Credential};
use crate::clock;

/// A used login is written at most this often, in milliseconds.
const TOUCH_MS: u64 = 60_000;
/// Pause before revoked logins are dropped from the cache again.
const FORGET_AGAIN: Duration = Duration::from_secs(1);
/// Longest description of a device, in bytes.
const DEVICE_BYTES: usize = 256;

/// A login that was just made.
pub(crate) struct LoggedIn {
    /// Tell it to the agent once; only its hash is kept.
    pub(crate) token: String,
    pub(crate) expires_at: At,
    pub(crate) caller: Caller,
}

/// What the cache keeps of a login.
#[derive(Serialize, Deserialize)]
struct Cached {
    role: String,
    name: String,
    capacity: u16,
    expires_at_ms: u64,
    last_seen_at_ms: u64,
    remember: bool,
}

impl Auth {
    /// Logs an agent in whose password was checked.
    pub(crate) async fn log_in(&self, user: &UserRecord, remember: bool, device: &str) -> Result<LoggedIn, AuthError> {
        let token = new_token().map_err(|_| AuthError::Invalid)?;
        let now = clock::now();
        let login = LoginSession {
            token_hash: TokenHash(hash_token(&token)),
            tenant: user.tenant.clone(),
            user: User::agent(user.id.clone()),
            created_at: now,
            expires_at: At(now.0 + self.ttl_ms(remember)),
            last_seen_at: now,
            remember,
            device: device[..device.floor_char_boundary(DEVICE_BYTES)].to_owned(),
        };
        self.store.put_login(&login).await?;
        let caller = caller_of(user, &login);
        self.cache(&caller).await;
        Ok(LoggedIn { token, expires_at: login.expires_at, caller })
    }

    /// Ends a login everywhere.
    pub(crate) async fn log_out(&self, hash: [u8; 32]) -> Result<(), AuthError> {
        self.store.revoke_login(TokenHash(hash)).await?;
        self.forget(&[hash]).await;
        Ok(())
    }

    /// Ends all logins of an agent, and answers their hashes.
    pub(crate) async fn log_out_all(&self, tenant: &TenantId, agent: &UserId) -> Result<(), AuthError> {
        let hashes = self.store.revoke_logins_of(tenant, &User::agent(agent.clone())).await?;
        let hashes: Vec<[u8; 32]> = hashes.into_iter().map(|hash| hash.0).collect();
        self.forget(&hashes).await;
        Ok(())
    }

    /// Drops revoked logins from the cache. Should that fail, it is tried again until they have expired there.
    async fn forget(&self, hashes: &[[u8; 32]]) {
        let Err(error) = self.live.invalidate_logins(hashes).await else { return };
        tracing::warn!(%error, "revoked logins could not be dropped from the cache; it is tried again");
        let (live, hashes) = (Arc::clone(&self.live), hashes.to_vec());
        tokio::spawn(async move {
            let until = Instant::now() + LOGIN_TTL;
            while Instant::now() < until {
                tokio::time::sleep(FORGET_AGAIN).await;
                if live.invalidate_logins(&hashes).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Whose login a token is; using it moves its expiry.
    pub(super) async fn login_of(&self, token: &str) -> Result<Caller, AuthError> {
        let hash = hash_token(token);
        let caller = match self.cached(hash).await {
            Some(caller) => caller,
            None => self.look_up(hash).await?,
        };
        let Credential::Login { expires_at, last_seen_at, .. } = caller.credential else {
            return Err(AuthError::Invalid);
        };
        let now = clock::now();
        if now >= expires_at {
            return Err(AuthError::Expired);
        }
        if now.millis_since(last_seen_at) >= TOUCH_MS {
            return self.touch(&caller).await;
        }
        Ok(caller)
    }

    /// Moves a login's expiry. A revoked one stays revoked.
    pub(crate) async fn touch(&self, caller: &Caller) -> Result<Caller, AuthError> {
        let Credential::Login { hash, remember, .. } = caller.credential else { return Ok(caller.clone()) };
        let now = clock::now();
        let expires_at = At(now.0 + self.ttl_ms(remember));
        if !self.store.touch_login(TokenHash(hash), expires_at, now).await? {
            return Err(AuthError::Revoked);
        }
        let credential = Credential::Login { hash, expires_at, remember, last_seen_at: now };
        let touched = Caller { credential, ..caller.clone() };
        self.cache(&touched).await;
        Ok(touched)
    }

    async fn look_up(&self, hash: [u8; 32]) -> Result<Caller, AuthError> {
        let login = self.store.login(TokenHash(hash)).await?.ok_or(AuthError::Invalid)?;
        if clock::now() >= login.expires_at {
            return Err(AuthError::Expired);
        }
        let user = self.store.user(&login.tenant, &login.user.id).await?.ok_or(AuthError::Invalid)?;
        if user.disabled {
            return Err(AuthError::Revoked);
        }
        let caller = caller_of(&user, &login);
        self.cache(&caller).await;
        Ok(caller)
    }

    fn ttl_ms(&self, remember: bool) -> u64 {
        if remember { self.remember_ttl_ms } else { self.login_ttl_ms }
    }

    async fn cached(&self, hash: [u8; 32]) -> Option<Caller> {
        let cached = self.live.login(hash).await.ok().flatten()?;
        let value: Cached = rmp_serde::from_slice(&cached.value).ok()?;
        Some(Caller {
            tenant: cached.tenant,
            user: cached.user,
            role: Role::parse(&value.role)?,
            name: Name::new(&value.name).ok(),
            capacity: Some(value.capacity),
            credential: Credential::Login {
                hash,
                expires_at: At(value.expires_at_ms),
                remember: value.remember,
                last_seen_at: At(value.last_seen_at_ms),
            },
        })
    }

    /// The cache only saves time: a failure is no error.
    async fn cache(&self, caller: &Caller) {
        let Credential::Login { hash, expires_at, remember, last_seen_at } = caller.credential else { return };
        let value = Cached {
            role: caller.role.as_str().to_owned(),
            name: caller.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            capacity: caller.capacity.unwrap_or_default(),
            expires_at_ms: expires_at.0,
            last_seen_at_ms: last_seen_at.0,
            remember,
        };
        let Ok(value) = rmp_serde::to_vec(&value) else { return };
        let login = CachedLogin { tenant: caller.tenant.clone(), user: caller.user.clone(), value };
        let _ = self.live.put_login(hash, login, LOGIN_TTL).await;
    }
}

fn caller_of(user: &UserRecord, login: &LoginSession) -> Caller {
    Caller {
        tenant: login.tenant.clone(),
        user: login.user.clone(),
        role: user.role,
        name: Some(user.name.clone()),
        capacity: Some(user.capacity),
        credential: Credential::Login {
            hash: login.token_hash.0,
            expires_at: login.expires_at,
            remember: login.remember,
            last_seen_at: login.last_seen_at,
        },
    }
}
