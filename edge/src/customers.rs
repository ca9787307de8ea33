//! Customers who come and go: told to the agents who follow their conversation.
//!
//! A customer is online while they have a connection at any edge. The edge of their first connection says that they
//! came, the edge of their last that they left, once that has lasted: a page that reloads leaves nobody. What is said
//! goes to all edges in few notices; an edge whose agents know it already shows them nothing ([`crate::hub`]). Notices may
//! get lost and edges may die: so an agent who attaches is told what `live` knows, and what agents were told is looked at
//! again now and then.

mod changes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::{TenantId, User, UserId};
use kefu_nats::notice::Notice;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::services::Services;

use changes::{Changes, Due};

/// How often something is told, and questions are answered.
const EVERY: Duration = Duration::from_millis(250);
/// How often what agents were told is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What is still to be told.
#[derive(Default)]
pub(crate) struct CustomerKeeper {
    changes: Mutex<Changes>,
}

impl CustomerKeeper {
    /// A customer has a connection here.
    pub(crate) fn came(&self, tenant: &TenantId, customer: &UserId) {
        self.changes.lock().came(tenant, customer);
    }

    /// A customer has no connection here any more.
    pub(crate) fn left(&self, tenant: &TenantId, customer: &UserId) {
        self.changes.lock().left(tenant, customer, clock::steady_ms());
    }

    /// Whether a customer just came, or left so recently that they still count as online.
    fn is_untold(&self, tenant: &TenantId, customer: &UserId) -> bool {
        self.changes.lock().contains(tenant, customer)
    }
}

/// Another edge says that customers left. Whoever is here came meanwhile.
pub(crate) fn contradict(services: &Services, tenant: &TenantId, left: &[UserId]) {
    for customer in left {
        if services.hub.connections_of(tenant, &User::customer(customer.clone())) > 0 {
            services.customers.came(tenant, customer);
        }
    }
}

/// Tells and answers until the edge stops.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look_again_at = Instant::now() + LOOK_AGAIN;
    while shutdown.run_until_cancelled(interval.tick()).await.is_some() {
        let due = services.customers.changes.lock().due(clock::steady_ms(), services.config.customer_linger_ms);
        tell(&services, due).await;
        if Instant::now() >= look_again_at {
            look_again_at = Instant::now() + LOOK_AGAIN;
            services.hub.ask_again();
        }
        answer(&services).await;
    }
}

async fn tell(services: &Services, due: Due) {
    let mut told: HashMap<TenantId, (Vec<UserId>, Vec<UserId>)> = HashMap::new();
    for (tenant, customer) in due.came {
        told.entry(tenant).or_default().0.push(customer);
    }
    for (tenant, left) in by_tenant(due.left, |(tenant, _)| tenant.clone()) {
        let users: Vec<User> = left.iter().map(|(_, customer)| User::customer(customer.clone())).collect();
        match services.live.online(&tenant, &users).await {
            Ok(online) => {
                let gone = left.into_iter().zip(online).filter(|(_, online)| !online);
                told.entry(tenant).or_default().1.extend(gone.map(|((_, customer), _)| customer));
            }
            Err(error) => {
                tracing::warn!(%error, "whether customers are elsewhere could not be looked up; again soon");
                let mut changes = services.customers.changes.lock();
                left.iter().for_each(|(tenant, customer)| changes.left_still(tenant, customer, clock::steady_ms()));
            }
        }
    }
    for (tenant, (online, offline)) in told {
        if !online.is_empty() || !offline.is_empty() {
            services.hub.publish(Notice::Customers { tenant, online, offline });
        }
    }
}

/// Answers what the hub asked: one look-up for many.
async fn answer(services: &Services) {
    let asked = services.hub.asked();
    for (tenant, asked) in by_tenant(asked, |asked| asked.tenant.clone()) {
        for asked in asked.chunks(kefu_live::limits::KEYS) {
            let users: Vec<User> = asked.iter().map(|asked| asked.customer.clone()).collect();
            match services.live.online(&tenant, &users).await {
                Ok(online) => {
                    for (asked, online) in asked.iter().zip(online) {
                        let untold = services.customers.is_untold(&tenant, &asked.customer.id);
                        services.hub.found(asked, online || untold);
                    }
                }
                Err(error) => tracing::warn!(%error, "whether customers are online could not be looked up"),
            }
        }
    }
}

fn by_tenant<T>(items: Vec<T>, tenant: impl Fn(&T) -> TenantId) -> HashMap<TenantId, Vec<T>> {
    let mut grouped: HashMap<TenantId, Vec<T>> = HashMap::new();
    for item in items {
        grouped.entry(tenant(&item)).or_default().push(item);
    }
    grouped
}

#[cfg(test)]
mod tests;
