//! Agents who are here: their leases in `live`, their state in allocation, and what others are told.
//!
//! What should be so is kept per agent; one task makes it so, one agent at a time each, and again when it changed
//! meanwhile or failed. So a slow answer delays its own agent only, and the newest wish wins.

mod keep;

use std::collections::HashMap;
use std::pin::pin;

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

/// The status that an agent chose, and when. Of several the latest holds, at whichever edge it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) status: AgentStatus,
    /// By the wall clock, in milliseconds: other edges compare it. Of what nobody said it is 0, of what only allocation
    /// remembers 1, so that it never wins against anything that was said.
    pub(crate) at_ms: u64,
}

impl Chosen {
    /// Of who comes without anybody remembering another status.
    pub(crate) const ONLINE: Self = Self { status: AgentStatus::Online, at_ms: 0 };

    /// As it is said right now.
    pub(crate) fn now(status: AgentStatus) -> Self {
        Self { status, at_ms: clock::now().0 }
    }

    /// As allocation remembers it.
    pub(crate) fn remembered(status: AgentStatus) -> Self {
        Self { status, at_ms: 1 }
    }
}

/// The agents of this edge.
#[derive(Default)]
pub(crate) struct PresenceKeeper {
    agents: Mutex<HashMap<Key, Agent>>,
    changed: Notify,
    /// Something was told.
    settled: Notify,
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
    chosen: Chosen,
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
    pub(crate) fn connected(&self, caller: &Caller, chosen: Chosen) {
        self.change(caller, |agent| {
            agent.connections += 1;
            agent.learn(chosen);
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
        self.change(caller, |agent| {
            agent.chosen = Chosen::now(status);
            agent.capacity = capacity.or(agent.capacity);
        });
    }

    /// A heartbeat by REST.
    pub(crate) fn heartbeat(&self, caller: &Caller, chosen: Chosen, until_ms: u64) {
        self.change(caller, |agent| {
            agent.heartbeat_until_ms = until_ms;
            agent.learn(chosen);
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
            agent.chosen.status = status;
        }
    }

    /// What an agent of this edge chose, as far as this edge knows.
    pub(crate) fn chosen(&self, tenant: &TenantId, agent: &UserId) -> Option<Chosen> {
        self.agents.lock().get(&(tenant.clone(), agent.clone())).map(|agent| agent.chosen)
    }

    /// Waits until everyone was told what an agent of this edge said last.
    pub(crate) async fn until_told(&self, tenant: &TenantId, agent: &UserId) {
        let key = (tenant.clone(), agent.clone());
        loop {
            let mut settled = pin!(self.settled.notified());
            settled.as_mut().enable();
            if self.agents.lock().get(&key).is_none_or(|agent| agent.told == agent.version) {
                return;
            }
            settled.await;
        }
    }

    fn change(&self, caller: &Caller, change: impl FnOnce(&mut Agent)) {
        let now_ms = clock::steady_ms();
        let key = (caller.tenant.clone(), caller.user.id.clone());
        let mut agents = self.agents.lock();
        let agent = agents.entry(key).or_insert_with(|| Agent::new(caller));
        let before = (agent.chosen.status, agent.capacity, agent.name.clone());
        agent.name.clone_from(&caller.name);
        change(agent);
        agent.note_alone(now_ms);
        if before != (agent.chosen.status, agent.capacity, agent.name.clone()) {
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
            chosen: Chosen::ONLINE,
            name: caller.name.clone(),
            capacity: caller.capacity,
            version: 1,
            told: 0,
            lease_due_ms: 0,
            pause_until_ms: 0,
            busy: false,
        }
    }

    /// Takes what was chosen elsewhere, unless something later was said here.
    fn learn(&mut self, chosen: Chosen) {
        if chosen.at_ms > self.chosen.at_ms {
            self.chosen = chosen;
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
