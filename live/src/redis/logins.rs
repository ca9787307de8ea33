//! The cache of logins.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::{LOGIN_BUCKETS, SUBJECT_BUCKETS, login_bucket};
use super::wire::{login_from_bytes, login_to_bytes};
use super::{RedisLive, micros, script};
use crate::error::LiveError;
use crate::limits::{LOGIN_BYTES, LOGIN_TTL, LOGINS, SUBJECTS};
use crate::{CachedLogin, TokenHash};

/// Most revoked tokens of one key.
const MOST_REVOKED: usize = SUBJECTS / SUBJECT_BUCKETS;
/// Tokens that one script invalidates.
const AT_A_TIME: usize = 500;

impl RedisLive {
    pub(super) async fn cache_login(
        &self,
        token: TokenHash,
        login: &CachedLogin,
        ttl: Duration,
    ) -> Result<bool, LiveError> {
        LiveError::check("bytes of a cached login", login.value.len(), LOGIN_BYTES)?;
        let call = script::PUT_LOGIN
            .on(self.keys.logins(login_bucket(&token)))
            .arg(token)
            .arg(login_to_bytes(login))
            .number(micros(ttl.min(LOGIN_TTL)))
            .number(LOGINS / LOGIN_BUCKETS as u64);
        self.link.run(call).await
    }

    pub(super) async fn cached_login(&self, token: TokenHash) -> Result<Option<CachedLogin>, LiveError> {
        let call = script::GET_LOGIN.on(self.keys.logins(login_bucket(&token))).arg(token);
        let found: Option<Vec<u8>> = self.link.run(call).await?;
        Ok(found.and_then(|bytes| login_from_bytes(&bytes)))
    }

    pub(super) async fn revoke_cached(&self, tokens: &[TokenHash]) -> Result<(), LiveError> {
        let mut buckets: BTreeMap<usize, Vec<&TokenHash>> = BTreeMap::new();
        for token in tokens {
            buckets.entry(login_bucket(token)).or_default().push(token);
        }
        for (bucket, tokens) in buckets {
            for tokens in tokens.chunks(AT_A_TIME) {
                let call = script::INVALIDATE_LOGINS.on(self.keys.logins(bucket));
                let call = call.number(micros(LOGIN_TTL)).number(MOST_REVOKED);
                let call = tokens.iter().fold(call, |call, token| call.arg(token));
                self.link.run::<u8>(call).await?;
            }
        }
        Ok(())
    }
}
