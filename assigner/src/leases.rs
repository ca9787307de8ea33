//! Agents whose lease ran out are gone; unknown is not gone while the memory of leases is younger than a lease.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::{Live, LiveError};
use kefu_model::allocation::{Allocation, AllocationCommand};
use kefu_model::{TenantId, UserId};
use kefu_nats::engine::Route;
use tokio::sync::mpsc;

use crate::domain::Ask;

/// Longest lease an edge takes for an agent; a memory younger than this does not know who is here.
const LEASE: Duration = Duration::from_secs(30);

/// Compares who is said to be present with the leases.
#[derive(Clone)]
pub(crate) struct Leases {
    live: Arc<dyn Live>,
    commands: mpsc::Sender<(Route, Ask)>,
}

impl Leases {
    pub(crate) fn new(live: Arc<dyn Live>, commands: mpsc::Sender<(Route, Ask)>) -> Self {
        Self { live, commands }
    }

    /// Tells allocation who has gone and who is here after all.
    pub(crate) fn check(&self, state: &Allocation) {
        let agents: Vec<(UserId, bool)> = state.agents.iter().map(|(id, agent)| (id.clone(), agent.present)).collect();
        let (leases, tenant) = (self.clone(), state.tenant.clone());
        tokio::spawn(async move {
            if let Err(error) = leases.compare(&tenant, agents).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "leases could not be read");
            }
        });
    }

    async fn compare(&self, tenant: &TenantId, agents: Vec<(UserId, bool)>) -> Result<(), LiveError> {
        let trusted = self.live.incarnation().await?.age >= LEASE;
        for chunk in agents.chunks(kefu_live::limits::KEYS) {
            let ids: Vec<UserId> = chunk.iter().map(|(id, _)| id.clone()).collect();
            let leases = self.live.presence(tenant, &ids).await?;
            for ((agent, present), lease) in chunk.iter().zip(leases) {
                let here = lease.is_some();
                if here != *present && (here || trusted) {
                    self.tell(tenant, agent, here).await;
                }
            }
        }
        Ok(())
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
