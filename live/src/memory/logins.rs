//! The cache of logins.

use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::table::Table;
use crate::error::LiveError;
use crate::limits::{LOGIN_BYTES, LOGIN_TTL, LOGINS, SUBJECTS};
use crate::{CachedLogin, TokenHash};

#[derive(Debug)]
pub(super) struct Logins {
    cache: Cache<TokenHash, (CachedLogin, Instant)>,
    /// Those that may not come back yet. Its lock is held over each change of the cache, so that the two agree.
    invalid: Mutex<Table<TokenHash, ()>>,
}

impl Logins {
    pub(super) fn new() -> Self {
        Self { cache: Cache::new(LOGINS), invalid: Mutex::new(Table::new(SUBJECTS)) }
    }

    pub(super) fn put(
        &self,
        token: TokenHash,
        login: CachedLogin,
        ttl: Duration,
        now: Instant,
    ) -> Result<bool, LiveError> {
        LiveError::check("bytes of a cached login", login.value.len(), LOGIN_BYTES)?;
        let invalid = self.invalid.lock();
        if invalid.get(&token, now).is_some() {
            return Ok(false);
        }
        self.cache.insert(token, (login, now + ttl.min(LOGIN_TTL)));
        Ok(true)
    }

    pub(super) fn get(&self, token: TokenHash, now: Instant) -> Option<CachedLogin> {
        let (login, expiry) = self.cache.get(&token)?;
        if expiry > now {
            return Some(login);
        }
        let _changing = self.invalid.lock();
        if self.cache.get(&token).is_some_and(|(_, expiry)| expiry <= now) {
            self.cache.invalidate(&token);
        }
        None
    }

    pub(super) fn invalidate(&self, tokens: &[TokenHash], now: Instant) {
        let mut invalid = self.invalid.lock();
        for token in tokens {
            invalid.put(token, (), now + LOGIN_TTL, now);
            self.cache.invalidate(token);
        }
    }
}
