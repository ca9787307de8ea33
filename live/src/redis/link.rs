//! The connection: made when it is needed, dropped when it fails, never waited for longer than its limits.
//!
//! Calls share one connection and do not wait for one another. Whoever finds none makes one, for at most the connect timeout.
//! Those who come meanwhile wait for that, unless the attempt before failed: then they fail at once, as everybody does for
//! [`PAUSE`] after an attempt. So a server that is away costs one caller a wait now and then, and the others nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, FromRedisValue, RedisError};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout};

use super::config::RedisConfig;
use super::dial::{Connection, Dialer};
use super::script::Call;
use crate::error::LiveError;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// A connection that finds its way again by itself is dropped when nothing was answered for so long.
const HEALING: Duration = Duration::from_secs(5);

/// A connection that is made when it is needed.
pub(super) struct Link {
    dialer: Dialer,
    connect_timeout: Duration,
    response_timeout: Duration,
    current: Mutex<Option<Numbered>>,
    last: tokio::sync::Mutex<Attempt>,
    is_away: AtomicBool,
    connects: AtomicU64,
}

/// A connection and which one it is, so that who saw one fail does not drop the next.
#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: Connection,
    answered_at: Arc<Mutex<Instant>>,
}

/// The last attempt to connect.
#[derive(Default)]
struct Attempt {
    number: u64,
    ended_at: Option<Instant>,
    failure: Option<String>,
}

impl Link {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, LiveError> {
        Ok(Self {
            dialer: Dialer::new(config)?,
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            current: Mutex::default(),
            last: tokio::sync::Mutex::default(),
            is_away: AtomicBool::new(false),
            connects: AtomicU64::new(0),
        })
    }

    /// How often a connection was made.
    pub(super) fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.current.lock().is_some()
    }

    /// Calls a script; a server that does not have it gets it.
    pub(super) async fn run<T: FromRedisValue>(&self, call: Call) -> Result<T, LiveError> {
        let found = self.found().await?;
        match self.ask(&found, &call.by_hash()).await {
            Err(Failure::Server(error)) if error.code() == Some("NOSCRIPT") => {
                self.ask(&found, &call.in_full()).await.map_err(Failure::told)
            }
            answer => answer.map_err(Failure::told),
        }
    }

    /// Sends a command.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, LiveError> {
        let found = self.found().await?;
        self.ask(&found, command).await.map_err(Failure::told)
    }

    async fn ask<T: FromRedisValue>(&self, found: &Numbered, command: &Cmd) -> Result<T, Failure> {
        let mut connection = found.connection.clone();
        let failure = match timeout(self.response_timeout, connection.query(command)).await {
            Ok(Ok(answer)) => {
                *found.answered_at.lock() = Instant::now();
                return T::from_redis_value(answer).map_err(|error| Failure::Nonsense(error.to_string()));
            }
            Ok(Err(error)) if is_about_the_command(&error) => return Err(Failure::Server(error)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", self.response_timeout.as_millis()),
        };
        self.lost(found, &failure);
        Err(Failure::Connection(failure))
    }

    async fn found(&self) -> Result<Numbered, LiveError> {
        if let Some(found) = self.current.lock().clone() {
            return Ok(found);
        }
        let last = self.turn().await?;
        if let Some(found) = self.current.lock().clone() {
            return Ok(found);
        }
        if last.ended_at.is_some_and(|at| at.elapsed() < PAUSE) {
            let reason = last.failure.as_deref().unwrap_or("the connection was lost");
            return Err(LiveError::Unavailable(reason.to_owned()));
        }
        self.connect(last).await
    }

    /// The right to connect.
    async fn turn(&self) -> Result<MutexGuard<'_, Attempt>, LiveError> {
        if !self.is_away.load(Ordering::Relaxed) {
            return Ok(self.last.lock().await);
        }
        self.last.try_lock().map_err(|_| LiveError::Unavailable("it is being connected to".to_owned()))
    }

    async fn connect(&self, mut last: MutexGuard<'_, Attempt>) -> Result<Numbered, LiveError> {
        let made = timeout(self.connect_timeout, self.dialer.connect()).await;
        let made =
            made.unwrap_or_else(|_| Err(format!("not connected within {} ms", self.connect_timeout.as_millis())));
        let number = last.number + 1;
        *last = Attempt { number, ended_at: Some(Instant::now()), failure: made.as_ref().err().cloned() };
        let was_away = self.is_away.swap(made.is_err(), Ordering::Relaxed);
        match made {
            Ok(connection) => {
                tracing::info!("connected to Redis");
                self.connects.fetch_add(1, Ordering::Relaxed);
                let answered_at = Arc::new(Mutex::new(Instant::now()));
                let found = Numbered { number, connection, answered_at };
                *self.current.lock() = Some(found.clone());
                Ok(found)
            }
            Err(reason) => {
                if !was_away {
                    tracing::warn!(reason, "cannot connect to Redis; it is tried again whenever it is needed");
                }
                Err(LiveError::Unavailable(reason))
            }
        }
    }

    fn lost(&self, failed: &Numbered, reason: &str) {
        if failed.connection.heals_itself() && failed.answered_at.lock().elapsed() < HEALING {
            return;
        }
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|found| found.number == failed.number) {
            *current = None;
            tracing::warn!(reason, "lost the connection to Redis");
        }
    }
}

/// Whether the server understood and refused, and would understand the next command. One that may not write any more is not
/// the one to ask; before Redis 7 that stands somewhere in the text when a script was refused.
fn is_about_the_command(error: &RedisError) -> bool {
    let may_not_write = error.detail().is_some_and(|detail| detail.contains("READONLY"));
    error.code().is_some_and(|code| !matches!(code, "READONLY" | "MASTERDOWN")) && !may_not_write
}

enum Failure {
    Server(RedisError),
    Connection(String),
    Nonsense(String),
}

impl Failure {
    fn told(self) -> LiveError {
        match self {
            Self::Server(error) => LiveError::Unavailable(error.to_string()),
            Self::Connection(reason) => LiveError::Unavailable(reason),
            Self::Nonsense(reason) => nonsense(&reason),
        }
    }
}

/// An answer that a script of this release does not give.
pub(super) fn nonsense(about: &str) -> LiveError {
    LiveError::Unavailable(format!("Redis answered what cannot be read: {about}"))
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    #[test]
    fn a_server_that_may_not_write_is_left() {
        let answered = |code: &str, text: &str| make_extension_error(code.to_owned(), Some(text.to_owned()));
        assert!(is_about_the_command(&answered("OOM", "command not allowed")));
        assert!(is_about_the_command(&answered("LOADING", "the dataset in memory")));
        assert!(!is_about_the_command(&answered("READONLY", "You can't write against a read only replica.")));
        assert!(!is_about_the_command(&answered(
            "ERR",
            "Error running script: @user_script:7: -READONLY You can't write"
        )));
        assert!(!is_about_the_command(&std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()));
    }
}
