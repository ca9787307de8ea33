//! Who is connected to this edge.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kefu_model::{TenantId, User, UserKind};

use crate::auth::Caller;
use crate::connection::Connection;
use crate::frame::Code;

/// Connections by user.
#[derive(Default)]
pub(super) struct People {
    by_user: HashMap<(TenantId, User), Vec<Arc<Connection>>>,
}

impl People {
    pub(super) fn join(&mut self, connection: &Arc<Connection>, caller: &Caller, limit: usize) -> Result<(), Code> {
        let key = (caller.tenant.clone(), caller.user.clone());
        // One, as a rule.
        let own = self.by_user.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if own.len() >= limit {
            return Err(Code::TooManyConnections);
        }
        own.push(Arc::clone(connection));
        Ok(())
    }

    pub(super) fn leave(&mut self, connection: &Arc<Connection>, caller: &Caller) -> bool {
        let key = (caller.tenant.clone(), caller.user.clone());
        let Some(own) = self.by_user.get_mut(&key) else { return false };
        let before = own.len();
        own.retain(|other| other.number != connection.number);
        let removed = own.len() < before;
        if own.is_empty() {
            self.by_user.remove(&key);
        }
        removed
    }

    /// A user's connections.
    pub(super) fn of(&self, tenant: &TenantId, user: &User) -> Vec<Arc<Connection>> {
        self.by_user.get(&(tenant.clone(), user.clone())).cloned().unwrap_or_default()
    }

    /// How many connections a user has.
    pub(super) fn count(&self, tenant: &TenantId, user: &User) -> usize {
        self.by_user.get(&(tenant.clone(), user.clone())).map_or(0, Vec::len)
    }

    /// Connections of a tenant's agents.
    pub(super) fn agents(&self, tenant: &TenantId) -> Vec<Arc<Connection>> {
        let of_agents = |key: &(TenantId, User)| key.1.kind == UserKind::Agent && key.0 == *tenant;
        self.by_user.iter().filter(|(key, _)| of_agents(key)).flat_map(|(_, own)| own.iter().cloned()).collect()
    }

    pub(super) fn tenants_with_agents(&self) -> HashSet<TenantId> {
        let of_agents = self.by_user.keys().filter(|(_, user)| user.kind == UserKind::Agent);
        of_agents.map(|(tenant, _)| tenant.clone()).collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        self.by_user.values().flatten().cloned().collect()
    }
}
