//! Leases of agents, in three tables of a tenant: all pairs of agent and edge in order, when the lease of each ends, and what
//! the agent said there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use kefu_model::{TenantId, UserId};

use super::wire::Word;
use super::{RedisLive, micros, script};
use crate::error::LiveError;
use crate::limits::{LAPSED_KEPT, LEASE_TTL, LEASES};
use crate::presence::{Lapsed, Presence, PresenceLease};
use crate::registry::EdgeId;

/// Agents that one script looks up.
const AT_A_TIME: usize = 500;
/// Leases that one script looks at.
const SCANNED: usize = 2_000;

/// A lease that has not ended: µs left, and what was said.
type Held = (u64, Word);

impl RedisLive {
    pub(super) async fn renew_lease(&self, lease: PresenceLease) -> Result<(), LiveError> {
        let mut keys = self.keys.presence(&lease.tenant);
        keys.extend([self.keys.tenants_of(&lease.edge), self.keys.incarnation()]);
        let call = script::RENEW_PRESENCE
            .on(keys)
            .arg(pair(&lease.agent, &lease.edge))
            .arg(Word::said(lease.status, lease.status_at_ms))
            .number(micros(lease.ttl.min(LEASE_TTL)))
            .arg(lease.tenant.as_str())
            .number(LEASES)
            .number(micros(LAPSED_KEPT));
        let made: u8 = self.link.run(super::with_incarnation(call.number(super::KEPT.as_millis()))).await?;
        if made == 0 { Err(LiveError::Full { what: "leases", limit: LEASES }) } else { Ok(()) }
    }

    pub(super) async fn release_lease(
        &self,
        tenant: &TenantId,
        agent: &UserId,
        edge: &EdgeId,
    ) -> Result<(), LiveError> {
        let call = script::RELEASE_PRESENCE.on(self.keys.presence(tenant)).arg(pair(agent, edge));
        self.link.run::<u8>(call).await.map(drop)
    }

    /// Ends all leases of a tenant that were made through an edge.
    pub(super) async fn release_leases_of(&self, tenant: &TenantId, edge: &EdgeId) -> Result<(), LiveError> {
        let (first, last) = super::members_of(edge.as_str());
        loop {
            let keys = self.keys.presence(tenant);
            let call = script::RELEASE_EDGE.on(keys).arg(&first).arg(&last).number(AT_A_TIME);
            if self.link.run::<usize>(call).await? < AT_A_TIME {
                return Ok(());
            }
        }
    }

    pub(super) async fn presence_of(
        &self,
        tenant: &TenantId,
        agents: &[UserId],
    ) -> Result<Vec<Option<Presence>>, LiveError> {
        let mut found = Vec::with_capacity(agents.len());
        for agents in agents.chunks(AT_A_TIME) {
            let mut call = script::GET_PRESENCE.on(self.keys.presence(tenant));
            for agent in agents {
                let (first, last) = super::members_of(agent.as_str());
                call = call.arg(first).arg(last);
            }
            let leases: Vec<Vec<(u64, String)>> = self.link.run(call).await?;
            let held = leases.into_iter().map(|leases| leases.into_iter().filter_map(held).collect::<Vec<_>>());
            found.extend(agents.iter().zip(held).map(|(agent, held)| presence(agent, &held)));
        }
        Ok(found)
    }

    pub(super) async fn list_present(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Presence>, LiveError> {
        let mut from = after.map_or_else(|| "-".to_owned(), |agent| super::after_members_of(agent.as_str()));
        let mut agents: Vec<(UserId, Vec<Held>)> = Vec::new();
        // One more than asked for: the leases of the last one may go on in the next batch.
        while agents.len() <= limit {
            let call = script::LIST_PRESENCE.on(self.keys.presence(tenant)).arg(&from).number(SCANNED);
            let (scanned, last, leases): (usize, String, Vec<(String, u64, String)>) = self.link.run(call).await?;
            for (pair, left, word) in leases {
                let Some((agent, lease)) = agent_of(&pair).zip(held((left, word))) else { continue };
                match agents.last_mut().filter(|(last, _)| *last == agent) {
                    Some((_, leases)) => leases.push(lease),
                    None => agents.push((agent, vec![lease])),
                }
            }
            if scanned < SCANNED {
                break;
            }
            from = format!("({last}");
        }
        Ok(agents.iter().take(limit).filter_map(|(agent, leases)| presence(agent, leases)).collect())
    }

    /// Whose leases ended, the latest first, without those who have another.
    pub(super) async fn list_lapsed(&self, tenant: &TenantId, within: Duration) -> Result<Vec<Lapsed>, LiveError> {
        let mut ended: Vec<Lapsed> = Vec::new();
        let mut seen = HashSet::new();
        let mut passed = 0;
        loop {
            let mut keys = self.keys.presence(tenant);
            keys.push(self.keys.incarnation());
            let within = micros(within.min(LAPSED_KEPT));
            let call = script::ENDED_PRESENCE.on(keys).number(within).number(passed).number(SCANNED);
            let found: Vec<(String, u64, String)> = self.link.run(call).await?;
            passed += found.len();
            let is_last = found.len() < SCANNED || passed >= LEASES;
            ended.extend(found.iter().filter_map(lapse).filter(|lapsed| seen.insert(lapsed.agent.clone())));
            if is_last {
                break;
            }
        }
        self.without_present(tenant, ended).await
    }

    async fn without_present(&self, tenant: &TenantId, mut ended: Vec<Lapsed>) -> Result<Vec<Lapsed>, LiveError> {
        let agents: Vec<UserId> = ended.iter().map(|lapsed| lapsed.agent.clone()).collect();
        let found = self.presence_of(tenant, &agents).await?;
        let here: HashMap<&UserId, bool> = agents.iter().zip(found.iter().map(Option::is_some)).collect();
        ended.retain(|lapsed| !here.get(&lapsed.agent).copied().unwrap_or(false));
        Ok(ended)
    }
}

fn pair(agent: &UserId, edge: &EdgeId) -> String {
    format!("{agent}\0{edge}")
}

fn agent_of(pair: &str) -> Option<UserId> {
    UserId::new(pair.split_once('\0')?.0).ok()
}

fn held((left, word): (u64, String)) -> Option<Held> {
    Some((left, Word::parse(&word)?))
}

fn lapse((pair, ago, word): &(String, u64, String)) -> Option<Lapsed> {
    let released = Word::parse(word)?.released;
    Some(Lapsed { agent: agent_of(pair)?, ago: Duration::from_micros(*ago), released })
}

/// An agent with these leases: the latest word counts, and the last end.
fn presence(agent: &UserId, leases: &[Held]) -> Option<Presence> {
    let (_, last_word) = leases.iter().max_by_key(|(_, word)| word.status_at_ms)?;
    let left = leases.iter().map(|(left, _)| *left).max()?;
    Some(Presence {
        agent: agent.clone(),
        status: last_word.status,
        status_at_ms: last_word.status_at_ms,
        expires_in: Duration::from_micros(left),
        edges: leases.len(),
    })
}
