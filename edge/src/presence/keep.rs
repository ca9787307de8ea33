//! Making it so: leases, allocation, announcements.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kefu_live::PresenceLease;
use kefu_model::User;
use kefu_model::allocation::{AgentStatus, AllocationAnswer, AllocationCommand};
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

/// What is to be done for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Tell everyone, and renew the lease.
    Tell,
    /// Renew the lease.
    Renew,
    /// They are gone.
    Release,
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
            } else if now_ms >= agent.leased_at_ms + config.presence_ttl_ms / 3 {
                Work::Renew
            } else {
                continue;
            };
            if !agent.busy {
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
    fn done(&self, key: &Key, version: u64, work: Work, ok: bool) {
        let now_ms = clock::steady_ms();
        let mut agents = self.agents.lock();
        let Some(agent) = agents.get_mut(key) else { return };
        agent.busy = false;
        match work {
            Work::Release if agent.is_kept(now_ms) => {
                agent.version += 1;
                self.changed.notify_one();
            }
            Work::Release if ok => {
                agents.remove(key);
            }
            Work::Tell if ok => {
                agent.told = version;
                agent.leased_at_ms = now_ms;
            }
            Work::Renew if ok => agent.leased_at_ms = now_ms,
            _ => {}
        }
    }
}

async fn settle(services: &Services, key: Key, agent: Agent, work: Work) {
    let ok = match work {
        Work::Tell => renew_lease(services, &key, &agent).await && tell(services, &key, &agent).await,
        Work::Renew => renew_lease(services, &key, &agent).await,
        Work::Release => release(services, &key).await,
    };
    services.presence.done(&key, agent.version, work, ok);
}

async fn renew_lease(services: &Services, (tenant, id): &Key, agent: &Agent) -> bool {
    let lease = PresenceLease {
        tenant: tenant.clone(),
        agent: id.clone(),
        edge: services.edge_id.clone(),
        status: to_live(agent.status),
        status_at_ms: agent.status_at_ms,
        ttl: millis(services.config.presence_ttl_ms),
    };
    let renewed = services.live.renew_presence(lease).await;
    if let Err(error) = &renewed {
        tracing::warn!(%error, "an agent's lease could not be renewed");
    }
    renewed.is_ok()
}

async fn tell(services: &Services, (tenant, id): &Key, agent: &Agent) -> bool {
    let command = AllocationCommand::Agent {
        agent: id.clone(),
        name: agent.name.clone(),
        status: Some(agent.status),
        capacity: agent.capacity,
        present: Some(true),
    };
    let answer = services.upstream.allocation(tenant, &command).await;
    services.hub.agent_presence(tenant, &User::agent(id.clone()), agent.status);
    !matches!(answer, AllocationAnswer::Refused(refusal) if refusal.is_retryable())
}

async fn release_lease(services: &Services, (tenant, id): Key) -> bool {
    let released = services.live.release_presence(&tenant, &id, &services.edge_id).await;
    if let Err(error) = &released {
        tracing::warn!(%error, "an agent's lease could not be released");
    }
    released.is_ok()
}

/// The lease ends; if it was the last one, the agent is gone.
async fn release(services: &Services, key: &Key) -> bool {
    if !release_lease(services, key.clone()).await {
        return false;
    }
    let (tenant, id) = key;
    let elsewhere = services.live.presence(tenant, std::slice::from_ref(id)).await;
    if elsewhere.is_ok_and(|found| found.iter().any(Option::is_some)) {
        return true;
    }
    let command =
        AllocationCommand::Agent { agent: id.clone(), name: None, status: None, capacity: None, present: Some(false) };
    let answer = services.upstream.allocation(tenant, &command).await;
    services.hub.agent_presence(tenant, &User::agent(id.clone()), AgentStatus::Offline);
    !matches!(answer, AllocationAnswer::Refused(refusal) if refusal.is_retryable())
}
