//! Passwords: argon2id, off the async threads, a few at a time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::config::millis;

/// Longest password that is looked at, in bytes.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1_024;
/// Shortest password that may be chosen, in characters.
pub(crate) const MIN_PASSWORD_CHARS: usize = 8;

/// Why a password could not be hashed or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Too many at a time.
    #[error("too many passwords are being checked")]
    Busy,
    /// Shorter or longer than allowed.
    #[error("a password has 8 characters to 1024 bytes")]
    Length,
    /// The hash cannot be made or read.
    #[error("a password hash cannot be made or read")]
    Hash,
}

/// Hashes and verifies, bounded.
pub(crate) struct Passwords {
    jobs: Arc<Semaphore>,
    wait: Duration,
}

impl Passwords {
    pub(crate) fn new(jobs: usize, wait_ms: u64) -> Self {
        Self { jobs: Arc::new(Semaphore::new(jobs.max(1))), wait: millis(wait_ms) }
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::Length);
        }
        self.run(move || hash(&password)).await?
    }

    /// Whether a password fits. Without a hash the same work is done for nothing, so that time tells nobody whether there
    /// is such a user.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| decoy().to_owned());
            let parsed = PasswordHash::new(&hash).map_err(|_| PasswordError::Hash)?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.jobs).acquire_owned()).await;
        let permit = turn.ok().and_then(Result::ok).ok_or(PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = job();
            drop(permit);
            result
        });
        done.await.map_err(|_| PasswordError::Hash)
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Hash)
}

/// The hash of a password that nobody has.
fn decoy() -> &'static str {
    static DECOY: OnceLock<String> = OnceLock::new();
    DECOY.get_or_init(|| {
        let nobodys = super::token::new_token().unwrap_or_default();
        hash(&nobodys).unwrap_or_default()
    })
}

/// Whether a password may be chosen.
pub(crate) fn check_new(password: &str) -> Result<(), PasswordError> {
    if password.len() > MAX_PASSWORD_BYTES || password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(PasswordError::Length);
    }
    Ok(())
}
