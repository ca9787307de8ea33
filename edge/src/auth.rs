//! Who somebody is: one function for REST, WebSockets and SSE.

mod attempts;
mod identity;
mod login;
mod password;
mod token;
mod visitor;

use std::sync::Arc;

use kefu_live::Live;
use kefu_model::{Actor, At, Name, Role, TenantId, User, UserKind};
use kefu_store::{Store, StoreError};

use crate::config::EdgeConfig;
use crate::frame::Code;

pub(crate) use attempts::Attempts;
pub(crate) use identity::{host_user, is_anonymous, new_visitor};
pub(crate) use login::LoggedIn;
pub(crate) use password::{PasswordError, Passwords, check_new};
pub(crate) use token::{hash_token, hex, new_token};
pub(crate) use visitor::VisitorKeys;

/// Who asks: all that may be known of them comes from the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) user: User,
    pub(crate) role: Role,
    pub(crate) name: Option<Name>,
    /// An agent's capacity.
    pub(crate) capacity: Option<u16>,
    pub(crate) credential: Credential,
}

/// What proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A login, by its token's hash.
    Login {
        hash: [u8; 32],
        /// When it ends unless it is used.
        expires_at: At,
        remember: bool,
        last_seen_at: At,
    },
    /// A visitor's signed token.
    Visitor { issued_at: At, expires_at: At },
}

impl Caller {
    /// As commands name them.
    pub(crate) fn actor(&self) -> Actor {
        Actor::User { user: self.user.clone(), role: self.role, name: self.name.clone() }
    }

    /// Whether it is an agent of any role.
    pub(crate) fn is_agent(&self) -> bool {
        self.user.kind == UserKind::Agent
    }
}

/// A checked credential on its way into a connection.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    pub(crate) caller: Caller,
    pub(crate) connection_id: String,
    /// An agent's status.
    pub(crate) status: Option<crate::presence::Chosen>,
    /// A visitor's renewed token.
    pub(crate) renewed: Option<String>,
}

/// Why a credential is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// Unknown, or not ours.
    #[error("the credential is not valid")]
    Invalid,
    /// It ran out.
    #[error("the credential expired")]
    Expired,
    /// It was revoked, or its user was disabled.
    #[error("the credential was revoked")]
    Revoked,
    /// It cannot be checked now.
    #[error("the credential cannot be checked now")]
    Store(#[from] StoreError),
}

impl AuthError {
    /// Its number.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Invalid => Code::NoCredential,
            Self::Expired => Code::Expired,
            Self::Revoked => Code::Revoked,
            Self::Store(_) => Code::Unchecked,
        }
    }

    /// Whether trying again is useless.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Store(_))
    }

    /// For metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Store(_) => "unavailable",
        }
    }
}

/// Longest credential that is looked at, in bytes.
const TOKEN_BYTES: usize = 2_048;

/// Checks credentials.
pub(crate) struct Auth {
    store: Arc<dyn Store>,
    live: Arc<dyn Live>,
    pub(crate) visitors: VisitorKeys,
    pub(crate) passwords: Passwords,
    tenants: Vec<TenantId>,
    login_ttl_ms: u64,
    remember_ttl_ms: u64,
}

impl Auth {
    /// Checks credentials against that store; visitors' tokens are signed with the deployment's secret.
    pub(crate) fn new(config: &EdgeConfig, store: Arc<dyn Store>, live: Arc<dyn Live>, secret: &[u8]) -> Self {
        Self {
            store,
            live,
            visitors: VisitorKeys::new(secret, config.visitor_ttl_ms),
            passwords: Passwords::new(config.password_jobs, config.password_wait_ms),
            tenants: config.tenants.iter().map(|tenant| tenant.tenant.clone()).collect(),
            login_ttl_ms: config.login_ttl_ms,
            remember_ttl_ms: config.login_remember_ttl_ms,
        }
    }

    /// Who presents this credential: an agent's opaque token or a visitor's signed one.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Caller, AuthError> {
        if token.is_empty() || token.len() > TOKEN_BYTES {
            return Err(AuthError::Invalid);
        }
        // A signed token has two dots, an opaque one none.
        let caller = if token.contains('.') { self.visitors.verify(token)? } else { self.login_of(token).await? };
        // A tenant that was taken out of the configuration has no users any more.
        if self.tenants.contains(&caller.tenant) { Ok(caller) } else { Err(AuthError::Invalid) }
    }

    /// A visitor's token anew, when it is old enough.
    pub(crate) fn renewed(&self, caller: &Caller, config: &EdgeConfig) -> Option<String> {
        let Credential::Visitor { issued_at, .. } = caller.credential else { return None };
        let now = crate::clock::now();
        let old = now.millis_since(issued_at) >= config.visitor_renew_ms;
        old.then(|| self.visitors.issue(&caller.tenant, &caller.user.id, caller.name.as_ref(), now))?.ok().map(|t| t.0)
    }
}

#[cfg(test)]
mod tests;
