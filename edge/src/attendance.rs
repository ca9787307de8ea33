//! Whether anybody takes chats now, as visitors are told.
//!
//! Allocation knows; it is asked at most once in [`FRESH`] per tenant, however many visitors want to know.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::TenantId;
use kefu_model::allocation::AgentStatus;
use kefu_nats::view::AllocationView;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::services::Services;

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(2);

/// Whether anybody takes chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Service {
    /// At least one agent with capacity is online or busy. Also said while nobody knows: whoever writes then waits in
    /// the queue.
    #[default]
    Online,
    /// Nobody is.
    Away,
}

impl Service {
    fn of(view: &AllocationView) -> Self {
        let takes_chats = |status| matches!(status, AgentStatus::Online | AgentStatus::Busy);
        let attended = view.agents.iter().any(|agent| agent.capacity > 0 && takes_chats(agent.status));
        if attended { Self::Online } else { Self::Away }
    }
}

#[derive(Default)]
struct Known {
    service: Service,
    asked_at: Option<Instant>,
}

/// What is known, by tenant; as many as are configured.
#[derive(Default)]
pub(crate) struct AttendanceKeeper {
    tenants: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<Known>>>>,
}

impl AttendanceKeeper {
    fn of(&self, tenant: &TenantId) -> Arc<tokio::sync::Mutex<Known>> {
        Arc::clone(self.tenants.lock().entry(tenant.clone()).or_default())
    }
}

/// Whether anybody takes chats of that tenant. Who asks while allocation is being asked waits for that answer.
pub(crate) async fn service(services: &Services, tenant: &TenantId) -> Service {
    let known = services.attendance.of(tenant);
    let mut known = known.lock().await;
    if known.asked_at.is_some_and(|at| at.elapsed() < FRESH) {
        return known.service;
    }
    // Without an answer, what was known before counts.
    let view = services.glance(tenant).await;
    known.asked_at = Some(Instant::now());
    if let Some(view) = view {
        known.service = Service::of(&view);
    }
    known.service
}

#[cfg(test)]
mod tests;
