//! Agents who were given a session and were not told, because the notice of it was lost on its way to this edge.
//!
//! The link says that notices may be missing, not which ([`kefu_nats::link::LinkEvent::NewcomersMissed`]). So allocation is
//! asked which sessions the agents have who are connected here, and `added` goes to each of their connections that does not
//! follow such a conversation. One that knew it already loads its list once more; that is all it costs.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kefu_model::{Refusal, TenantId, User};
use kefu_nats::view::HeldView;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::retry::pause;
use crate::services::Services;

/// Tenants that are asked for at a time.
const TENANTS_AT_A_TIME: usize = 16;
/// Pause between two looks. What is missed meanwhile is looked for in one.
const EVERY: Duration = Duration::from_millis(500);

/// Whether somebody may not have been told.
#[derive(Debug, Default)]
pub(crate) struct Newcomers(Notify);

impl Newcomers {
    /// Notices may have been missed.
    pub(crate) fn missed(&self) {
        self.0.notify_one();
    }
}

/// Tells again what was missed, until the edge stops.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    shutdown.run_until_cancelled(watch(&services)).await;
}

async fn watch(services: &Services) {
    let mut failures = 0;
    loop {
        services.newcomers.0.notified().await;
        if tell_all(services).await {
            failures = 0;
            sleep(EVERY).await;
        } else {
            failures += 1;
            services.newcomers.missed();
            sleep(pause(failures)).await;
        }
    }
}

/// Looks for every tenant with agents here; false when of some nobody answered.
async fn tell_all(services: &Services) -> bool {
    let tenants = services.hub.tenants_with_agents();
    let told = futures::stream::iter(tenants).map(|tenant| tell(services, tenant)).buffer_unordered(TENANTS_AT_A_TIME);
    told.fold(true, |all, told| async move { all && told }).await
}

/// A tenant whose allocation is too large to be shown is passed over: asking again would not help.
async fn tell(services: &Services, tenant: TenantId) -> bool {
    let view = match services.upstream.allocation_view(&tenant).await {
        Ok(view) => view,
        Err(refusal) => return refusal != Refusal::NoAnswer,
    };
    let mut all = true;
    for held in view.held {
        let agent = User::agent(held.agent.clone());
        if !services.hub.is_unaware(&tenant, &agent, held.conversation) {
            continue;
        }
        match is_in(services, &tenant, &agent, &held).await {
            Some(true) => services.hub.remind(&tenant, &agent, held.conversation),
            Some(false) => {}
            None => all = false,
        }
    }
    all
}

/// Whether the agent is in the conversation; none when nobody answers. While allocation waits for it to confirm, its owner
/// knows; if it did not yet, the notice is still to come.
async fn is_in(services: &Services, tenant: &TenantId, agent: &User, held: &HeldView) -> Option<bool> {
    if held.active {
        return Some(true);
    }
    let snapshot = services.upstream.snapshot(tenant, held.conversation).await.ok()?;
    Some(snapshot.conversation.has_active(agent))
}

#[cfg(test)]
mod tests;
