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

use kefu_live::{LiveError, limits};
use kefu_model::{TenantId, User, UserId};
use kefu_nats::notice::Notice;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::hub::Asked;
use crate::retry::{Outage, pause};
use crate::services::Services;

use changes::{Changes, Due};

/// How often something is told, and questions are answered.
const EVERY: Duration = Duration::from_millis(250);
/// How often what agents were told is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Questions that have no answer yet are asked again after the pause of so many failures.
const UNKNOWN_PAUSE: usize = 2;

/// What is still to be told.
#[derive(Default)]
pub(crate) struct CustomerKeeper {
    changes: Mutex<Changes>,
    /// Of looking up who is online.
    outage: Outage,
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
    let mut answer_at = Instant::now();
    while shutdown.run_until_cancelled(interval.tick()).await.is_some() {
        let due = services.customers.changes.lock().due(clock::steady_ms(), services.config.customer_linger_ms);
        tell(&services, due).await;
        if Instant::now() >= look_again_at {
            look_again_at = Instant::now() + LOOK_AGAIN;
            services.hub.ask_again();
        }
        if Instant::now() >= answer_at && !answer(&services).await {
            answer_at = Instant::now() + pause(UNKNOWN_PAUSE);
        }
    }
}

/// Whether customers are online; none for those of whom a memory that was lost does not know yet.
async fn look_up(services: &Services, tenant: &TenantId, users: &[User]) -> Result<Vec<Option<bool>>, LiveError> {
    let online = services.live.online(tenant, users).await?;
    let all_online = online.iter().all(|online| *online);
    // Read afterwards: a memory that was lost before the look-up is young now.
    let knows = all_online || services.live.incarnation().await?.knows_leases_of(limits::LEASE);
    Ok(online.into_iter().map(|online| (online || knows).then_some(online)).collect())
}

/// The same; of nobody it is known when it cannot be looked up. An outage is logged when it begins and when it is over.
async fn known(services: &Services, tenant: &TenantId, users: &[User]) -> Vec<Option<bool>> {
    match look_up(services, tenant, users).await {
        Ok(known) => {
            if let Some(failed) = services.customers.outage.ends() {
                tracing::info!(failed, "whether customers are online is known again");
            }
            known
        }
        Err(error) => {
            if services.customers.outage.begins() {
                tracing::warn!(%error, "whether customers are online cannot be looked up; it is tried again");
            }
            vec![None; users.len()]
        }
    }
}

async fn tell(services: &Services, due: Due) {
    // Who came needs no look-up, and does not wait for those of the others.
    for (tenant, came) in by_tenant(due.came, |(tenant, _)| tenant.clone()) {
        let online = came.into_iter().map(|(_, customer)| customer).collect();
        services.hub.publish(Notice::Customers { tenant, online, offline: Vec::new() });
    }
    for (tenant, left) in by_tenant(due.left, |(tenant, _)| tenant.clone()) {
        let users: Vec<User> = left.iter().map(|(_, customer)| User::customer(customer.clone())).collect();
        let mut offline = Vec::new();
        for ((_, customer), known) in left.into_iter().zip(known(services, &tenant, &users).await) {
            match known {
                Some(true) => {}
                Some(false) => offline.push(customer),
                None => services.customers.changes.lock().left_still(&tenant, &customer, clock::steady_ms()),
            }
        }
        if !offline.is_empty() {
            services.hub.publish(Notice::Customers { tenant, online: Vec::new(), offline });
        }
    }
}

/// Answers what the hub asked: one look-up for many. Questions without an answer wait; then it answers false.
async fn answer(services: &Services) -> bool {
    let asked = services.hub.asked();
    let mut unanswered = Vec::new();
    for (tenant, mut asked) in by_tenant(asked, |asked| asked.tenant.clone()) {
        while !asked.is_empty() {
            let some: Vec<Asked> = asked.split_off(asked.len().saturating_sub(limits::KEYS));
            let users: Vec<User> = some.iter().map(|asked| asked.customer.clone()).collect();
            for (asked, known) in some.into_iter().zip(known(services, &tenant, &users).await) {
                let untold = services.customers.is_untold(&tenant, &asked.customer.id);
                match known {
                    Some(online) => services.hub.found(&asked, online || untold),
                    None if untold => services.hub.found(&asked, true),
                    None => unanswered.push(asked),
                }
            }
        }
    }
    let all = unanswered.is_empty();
    services.hub.unanswered(unanswered);
    all
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
