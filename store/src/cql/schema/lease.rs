//! Who may migrate: a row that expires by itself, taken and renewed by conditional writes.

use std::time::{Duration, Instant};

use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use super::run;
use crate::cql::client::{rows_of, was_applied};
use crate::error::StoreError;

/// After this the lease of a process that died is free. It is renewed before every statement, so one statement may take as
/// long.
const LEASE_SECONDS: i32 = 60;
const POLL: Duration = Duration::from_millis(200);

/// The right to migrate.
pub(super) struct Lease<'a> {
    session: &'a Session,
    owner: Uuid,
}

impl<'a> Lease<'a> {
    /// Waits for it, so long.
    pub(super) async fn take(session: &'a Session, wait: Duration) -> Result<Self, StoreError> {
        let lease = Self { session, owner: Uuid::new_v4() };
        let started = Instant::now();
        loop {
            let waits = started.elapsed() < wait;
            match lease.try_take().await {
                Ok(true) => return Ok(lease),
                // Of many who ask at once some run out of time.
                Ok(false) | Err(StoreError::Timeout) if waits => tokio::time::sleep(POLL).await,
                Ok(false) => {
                    let text = format!("another process has been migrating the schema for {} s", wait.as_secs());
                    return Err(StoreError::Unavailable(text));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_take(&self) -> Result<bool, StoreError> {
        let take = "INSERT INTO schema_lock (name, owner) VALUES ('migration', ?) IF NOT EXISTS USING TTL ?";
        if was_applied(run(self.session, once(take), (self.owner, LEASE_SECONDS)).await?)? {
            return Ok(true);
        }
        // It may be ours already: an earlier attempt whose answer was lost.
        let holder = "SELECT owner FROM schema_lock WHERE name = 'migration'";
        let rows = rows_of::<(Uuid,)>(run(self.session, holder.into(), ()).await?)?;
        Ok(rows.first().is_some_and(|(owner,)| *owner == self.owner))
    }

    /// Keeps it for as long again.
    ///
    /// # Errors
    /// When it was lost: somebody else migrates then.
    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        let renew = "UPDATE schema_lock USING TTL ? SET owner = ? WHERE name = 'migration' IF owner = ?";
        if was_applied(run(self.session, once(renew), (LEASE_SECONDS, self.owner, self.owner)).await?)? {
            return Ok(());
        }
        Err(StoreError::Unavailable("the right to migrate the schema was lost to another process".into()))
    }

    /// Gives it back. Should that fail, it expires.
    pub(super) async fn release(self) {
        let release = "DELETE FROM schema_lock WHERE name = 'migration' IF owner = ?";
        if let Err(error) = run(self.session, once(release), (self.owner,)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the right to migrate expires by itself");
        }
    }
}

/// The driver does not repeat it.
fn once(cql: &str) -> Statement {
    let mut statement = Statement::new(cql);
    statement.set_is_idempotent(false);
    statement
}
