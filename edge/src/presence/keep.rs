//! Making it so: leases, and what allocation knows. Whoever decides in allocation announces it to everyone.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kefu_live::{LiveError, PresenceLease};
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use tokio_util::sync::CancellationToken;

use super::{Agent, Key, to_live};
use crate::clock;
use crate::config::millis;
use crate::services::Services;

/// How often agents are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Leases released at a time when the edge stops.
const AT_A_TIME: usize = 32;
/// Leases released when the edge stops may take so long.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);
/// What failed is tried again after between one and three seconds, not for all agents at once.
const AGAIN_MS: std::ops::RangeInclusive<u64> = 1_000..=3_000;

/// What is to be done for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Tell allocation, and renew the lease.
    Tell,
    /// Renew the lease.
    Renew,
    /// They are gone.
    Release,
}

/// What of it was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Done {
    /// The lease is renewed, or ended.
    leased: bool,
    /// Allocation and everyone know.
    told: bool,
}

/// Keeps agents' presence until the edge stops, then releases it: another edge has them by then, or they are gone.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        for (key, agent, work) in services.presence.due(clock::steady_ms(), &services.config) {
            let services = Arc::clone(&services);
            services.tasks.clone().spawn(async move { settle(&services, key, agent, work).await });
        }
        tokio::select! {
            () = services.presence.changed.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => {}
        }
    }
    let left = services.presence.drain();
    let releases = left.into_iter().map(|(key, _)| release_lease(&services, key));
    let all = futures::stream::iter(releases).for_each_concurrent(AT_A_TIME, |release| async {
        release.await;
    });
    if tokio::time::timeout(RELEASE_WITHIN, all).await.is_err() {
        tracing::warn!("some agents' leases were not released in time; they expire");
    }
}

impl super::PresenceKeeper {
    fn due(&self, now_ms: u64, config: &crate::config::EdgeConfig) -> Vec<(Key, Agent, Work)> {
        let mut due = Vec::new();
        for (key, agent) in &mut *self.agents.lock() {
            agent.note_alone(now_ms);
            let gone = agent.alone_since_ms.is_some_and(|since| now_ms >= since + config.presence_linger_ms);
            let work = if gone {
                Work::Release
            } else if agent.told != agent.version {
                Work::Tell
            } else if now_ms >= agent.lease_due_ms {
                Work::Renew
            } else {
                continue;
            };
            if !agent.busy && now_ms >= agent.pause_until_ms {
                agent.busy = true;
                due.push((key.clone(), agent.clone(), work));
            }
        }
        due
    }

    fn drain(&self) -> Vec<(Key, Agent)> {
        self.agents.lock().drain().collect()
    }

    /// Notes what was done. An agent who came back while being released stays.
    fn done(&self, key: &Key, version: u64, work: Work, done: Done, config: &crate::config::EdgeConfig) {
        let now_ms = clock::steady_ms();
        let mut agents = self.agents.lock();
        let Some(agent) = agents.get_mut(key) else { return };
        agent.busy = false;
        if agent.version == version && !(done.leased && (done.told || work == Work::Renew)) {
            agent.pause_until_ms = now_ms + rand::random_range(AGAIN_MS);
        }
        match work {
            Work::Release if agent.is_kept(now_ms) => {
                agent.version += 1;
                agent.pause_until_ms = 0;
                self.changed.notify_one();
            }
            Work::Release if done.told => {
                agents.remove(key);
            }
            Work::Release => {}
            Work::Tell | Work::Renew => {
                if done.told {
                    agent.told = version;
                    self.settled.notify_waiters();
                }
                if done.leased {
                    agent.lease_due_ms = now_ms + config.presence_ttl_ms / 3;
                }
            }
        }
    }
}

async fn settle(services: &Services, key: Key, agent: Agent, work: Work) {
    let done = match work {
        // Allocation is told without a lease too: nobody waits for an agent because `live` is away.
        Work::Tell => {
            Done { leased: renew_lease(services, &key, &agent).await, told: tell(services, &key, &agent).await }
        }
        Work::Renew => Done { leased: renew_lease(services, &key, &agent).await, told: false },
        Work::Release => release(services, &key).await,
    };
    services.presence.done(&key, agent.version, work, done, &services.config);
}

/// Whether a call that concerns leases succeeded. An outage is logged when it begins and when it is over.
fn note(services: &Services, result: Result<(), LiveError>) -> bool {
    let keeper = &services.presence;
    match result {
        Ok(()) => {
            if let Some(failed) = keeper.outage.ends() {
                tracing::info!(failed, "agents' leases are kept again");
            }
            true
        }
        Err(error) => {
            if keeper.outage.begins() {
                let agents = keeper.agents.lock().len();
                tracing::warn!(%error, agents, "agents' leases cannot be kept; it is tried again");
            }
            false
        }
    }
}

async fn renew_lease(services: &Services, (tenant, id): &Key, agent: &Agent) -> bool {
    let lease = PresenceLease {
        tenant: tenant.clone(),
        agent: id.clone(),
        edge: services.edge_id.clone(),
        status: to_live(agent.chosen.status),
        status_at_ms: agent.chosen.at_ms,
        ttl: millis(services.config.presence_ttl_ms),
    };
    note(services, services.live.renew_presence(lease).await)
}

async fn tell(services: &Services, (tenant, id): &Key, agent: &Agent) -> bool {
    let command = AllocationCommand::Agent {
        agent: id.clone(),
        name: agent.name.clone(),
        status: Some(agent.chosen.status),
        capacity: agent.capacity,
        present: Some(true),
    };
    let answer = services.upstream.allocation(tenant, &command).await;
    !matches!(answer, AllocationAnswer::Refused(refusal) if refusal.is_retryable())
}

async fn release_lease(services: &Services, (tenant, id): Key) -> bool {
    note(services, services.live.release_presence(&tenant, &id, &services.edge_id).await)
}

/// The lease ends; if it was the last one, the agent is gone.
async fn release(services: &Services, key: &Key) -> Done {
    if !release_lease(services, key.clone()).await {
        return Done::default();
    }
    let told = match is_elsewhere(services, key).await {
        Ok(Some(true)) => true,
        Ok(Some(false)) => tell_gone(services, key).await,
        Ok(None) => false,
        Err(error) => note(services, Err(error)),
    };
    Done { leased: true, told }
}

/// Whether an agent is at another edge; none while a memory that was lost does not know yet.
async fn is_elsewhere(services: &Services, (tenant, id): &Key) -> Result<Option<bool>, LiveError> {
    let found = services.live.presence(tenant, std::slice::from_ref(id)).await?;
    if found.iter().any(Option::is_some) {
        return Ok(Some(true));
    }
    // Read afterwards: a memory that was lost before the look-up is young now.
    let knows = services.live.incarnation().await?.knows_leases_of(millis(services.config.presence_ttl_ms));
    Ok(knows.then_some(false))
}

async fn tell_gone(services: &Services, (tenant, id): &Key) -> bool {
    let command =
        AllocationCommand::Agent { agent: id.clone(), name: None, status: None, capacity: None, present: Some(false) };
    let answer = services.upstream.allocation(tenant, &command).await;
    !matches!(answer, AllocationAnswer::Refused(refusal) if refusal.is_retryable())
}
