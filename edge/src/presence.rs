//! Agents who are here: their leases in `live`, their state in allocation, and what others are told.
//!
//! What should be so is kept per agent; one task makes it so, one agent at a time each, and again when it changed
//! meanwhile or failed. So a slow answer delays its own agent only, and the newest wish wins.

mod keep;

use std::collections::HashMap;

use kefu_live::PresenceStatus;
use kefu_model::allocation::AgentStatus;
use kefu_model::{Name, TenantId, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::auth::Caller;
use crate::clock;
use crate::retry::Outage;

pub(crate) use keep::run;

type Key = (TenantId, UserId);

/// The agents of this edge.
#[derive(Default)]
pub(crate) struct PresenceKeeper {
    agents: Mutex<HashMap<Key, Agent>>,
    changed: Notify,
    /// Of leases in `live`.
    outage: Outage,
}

/// An agent who is or was here.
#[derive(Debug, Clone)]
struct Agent {
    connections: usize,
    /// Until when heartbeats by REST keep them here, by the steady clock.
    heartbeat_until_ms: u64,
    /// Since when nothing keeps them here, by the steady clock.
    alone_since_ms: Option<u64>,
    status: AgentStatus,
    /// When they said so, by the wall clock: other edges compare it.
    status_at_ms: u64,
    name: Option<Name>,
    capacity: Option<u16>,
    /// Counts changes, so that what is done can be told from what is wanted.
    version: u64,
    /// The version that allocation and everyone were told.
    told: u64,
    /// When the lease is to be renewed, by the steady clock.
    lease_due_ms: u64,
    /// Until when nothing is tried again that failed, by the steady clock.
    pause_until_ms: u64,
    /// Somebody is at it.
    busy: bool,
}

impl PresenceKeeper {
    /// An agent's connection was opened.
    pub(crate) fn connected(&self, caller: &Caller, status: AgentStatus) {
        self.change(caller, |agent, fresh| {
            agent.connections += 1;
            if fresh {
                agent.status = status;
            }
        });
    }

    /// An agent's connection was closed.
    pub(crate) fn disconnected(&self, tenant: &TenantId, agent: &UserId) {
        let mut agents = self.agents.lock();
        if let Some(agent) = agents.get_mut(&(tenant.clone(), agent.clone())) {
            agent.connections = agent.connections.saturating_sub(1);
            agent.note_alone(clock::steady_ms());
        }
    }

    /// An agent said how they are; REST calls count as heartbeats.
    pub(crate) fn set_status(&self, caller: &Caller, status: AgentStatus, capacity: Option<u16>) {
        self.change(caller, |agent, _| {
            agent.status = status;
            agent.status_at_ms = clock::now().0;
            agent.capacity = capacity.or(agent.capacity);
        });
    }

    /// A heartbeat by REST.
    pub(crate) fn heartbeat(&self, caller: &Caller, status: AgentStatus, until_ms: u64) {
        self.change(caller, |agent, fresh| {
            agent.heartbeat_until_ms = until_ms;
            if fresh {
                agent.status = status;
            }
        });
    }

    /// An agent logged out: heartbeats count no more.
    pub(crate) fn logged_out(&self, tenant: &TenantId, agent: &UserId) {
        let mut agents = self.agents.lock();
        if let Some(agent) = agents.get_mut(&(tenant.clone(), agent.clone())) {
            agent.heartbeat_until_ms = 0;
            agent.note_alone(clock::steady_ms());
        }
    }

    /// Another edge says how an agent is. Whoever said it has told everyone already.
    pub(crate) fn learned(&self, tenant: &TenantId, agent: &UserId, status: AgentStatus) {
        if let Some(agent) = self.agents.lock().get_mut(&(tenant.clone(), agent.clone()))
            && agent.told == agent.version
        {
            agent.status = status;
        }
    }

    /// The status that an agent of this edge chose.
    pub(crate) fn status(&self, tenant: &TenantId, agent: &UserId) -> Option<AgentStatus> {
        self.agents.lock().get(&(tenant.clone(), agent.clone())).map(|agent| agent.status)
    }

    fn change(&self, caller: &Caller, change: impl FnOnce(&mut Agent, bool)) {
        let now_ms = clock::steady_ms();
        let key = (caller.tenant.clone(), caller.user.id.clone());
        let mut agents = self.agents.lock();
        let fresh = !agents.contains_key(&key);
        let agent = agents.entry(key).or_insert_with(|| Agent::new(caller));
        let before = (agent.status, agent.capacity, agent.name.clone());
        agent.name.clone_from(&caller.name);
        change(agent, fresh);
        agent.note_alone(now_ms);
        if before != (agent.status, agent.capacity, agent.name.clone()) {
            agent.version += 1;
            agent.pause_until_ms = 0;
        }
        if agent.version != agent.told {
            self.changed.notify_one();
        }
    }
}

impl Agent {
    fn new(caller: &Caller) -> Self {
        Self {
            connections: 0,
            heartbeat_until_ms: 0,
            alone_since_ms: None,
            status: AgentStatus::Online,
            status_at_ms: clock::now().0,
            name: caller.name.clone(),
            capacity: caller.capacity,
            version: 1,
            told: 0,
            lease_due_ms: 0,
            pause_until_ms: 0,
            busy: false,
        }
    }

    fn is_kept(&self, now_ms: u64) -> bool {
        self.connections > 0 || self.heartbeat_until_ms > now_ms
    }

    fn note_alone(&mut self, now_ms: u64) {
        if self.is_kept(now_ms) {
            self.alone_since_ms = None;
        } else if self.alone_since_ms.is_none() {
            self.alone_since_ms = Some(now_ms);
        }
    }
}

/// The status in the words of `live`.
pub(crate) fn to_live(status: AgentStatus) -> PresenceStatus {
    match status {
        AgentStatus::Online => PresenceStatus::Online,
        AgentStatus::Away => PresenceStatus::Away,
        AgentStatus::Busy => PresenceStatus::Busy,
        AgentStatus::Offline => PresenceStatus::Offline,
    }
}

/// The status in the words of the model.
pub(crate) fn from_live(status: PresenceStatus) -> AgentStatus {
    match status {
        PresenceStatus::Online => AgentStatus::Online,
        PresenceStatus::Away => AgentStatus::Away,
        PresenceStatus::Busy => AgentStatus::Busy,
        PresenceStatus::Offline => AgentStatus::Offline,
    }
}

#[cfg(test)]
mod tests;
