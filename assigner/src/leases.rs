//! Agents whose lease ran out are gone; unknown is not gone while the memory of leases is younger than a lease.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::limits::{KEYS, LEASE};
use kefu_live::{Incarnation, Live, LiveError};
use kefu_model::allocation::{Allocation, AllocationCommand};
use kefu_model::{TenantId, UserId};
use kefu_nats::engine::Route;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::domain::Ask;

/// Pause after leases could not be read.
const PAUSE: Duration = Duration::from_secs(2);

/// Compares who is said to be present with the leases.
#[derive(Clone)]
pub(crate) struct Leases {
    live: Arc<dyn Live>,
    commands: mpsc::Sender<(Route, Ask)>,
    /// Held by the round that runs.
    pace: Arc<Mutex<Pace>>,
}

/// When the next round may begin.
#[derive(Default)]
struct Pace {
    not_before: Option<Instant>,
    /// Rounds that failed in a row.
    failures: u64,
}

/// The agents of a tenant, and whether they are said to be here.
pub(crate) struct Said {
    tenant: TenantId,
    agents: Vec<(UserId, bool)>,
}

impl From<&Allocation> for Said {
    fn from(state: &Allocation) -> Self {
        let agents = state.agents.iter().map(|(id, agent)| (id.clone(), agent.present)).collect();
        Self { tenant: state.tenant.clone(), agents }
    }
}

impl Leases {
    pub(crate) fn new(live: Arc<dyn Live>, commands: mpsc::Sender<(Route, Ask)>) -> Self {
        Self { live, commands, pace: Arc::default() }
    }

    /// Tells allocation who has gone and who is here after all, unless a round still runs or the last one just failed.
    pub(crate) fn check(&self, said: impl Iterator<Item = Said>) {
        let Ok(mut pace) = Arc::clone(&self.pace).try_lock_owned() else { return };
        if pace.not_before.is_some_and(|time| Instant::now() < time) {
            return;
        }
        let (leases, said) = (self.clone(), said.collect::<Vec<_>>());
        tokio::spawn(async move {
            let result = leases.compare_all(&said).await;
            pace.note(result);
        });
    }

    async fn compare_all(&self, said: &[Said]) -> Result<(), LiveError> {
        for said in said {
            self.compare(said).await?;
        }
        Ok(())
    }

    async fn compare(&self, said: &Said) -> Result<(), LiveError> {
        let before = self.live.incarnation().await?;
        for chunk in said.agents.chunks(KEYS) {
            let ids: Vec<UserId> = chunk.iter().map(|(id, _)| id.clone()).collect();
            let leases = self.live.presence(&said.tenant, &ids).await?;
            let found = chunk.iter().zip(leases.iter().map(Option::is_some));
            let (here, gone): (Vec<_>, Vec<_>) =
                found.filter(|((_, said), found)| said != found).partition(|(_, found)| *found);
            let trusted = !gone.is_empty() && before.age >= LEASE && self.is_still(before).await?;
            for ((agent, _), found) in here.into_iter().chain(gone.into_iter().filter(|_| trusted)) {
                self.tell(&said.tenant, agent, found).await;
            }
        }
        Ok(())
    }

    /// Whether the memory is still the same one: otherwise it was lost, perhaps before leases were looked up in it.
    async fn is_still(&self, before: Incarnation) -> Result<bool, LiveError> {
        let now = self.live.incarnation().await?;
        Ok(now.id == before.id && now.age >= LEASE)
    }

    async fn tell(&self, tenant: &TenantId, agent: &UserId, present: bool) {
        let command = AllocationCommand::Agent {
            agent: agent.clone(),
            name: None,
            status: None,
            capacity: None,
            present: Some(present),
        };
        // Nobody listens while the owner hands over; its successor compares again.
        let _ = self.commands.send((Route::Nobody, Ask::Write(tenant.clone(), command))).await;
    }
}

impl Pace {
    /// A round ended. An outage is logged when it begins and when it is over.
    fn note(&mut self, result: Result<(), LiveError>) {
        match result {
            Ok(()) => {
                self.not_before = None;
                let failures = std::mem::take(&mut self.failures);
                if failures > 0 {
                    tracing::info!(failures, "leases are read again");
                }
            }
            Err(error) => {
                self.not_before = Some(Instant::now() + PAUSE);
                if self.failures == 0 {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "leases cannot be read; it is tried again");
                }
                self.failures += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
