//! Warm start: before an edge says that it is ready, it follows the conversations whose sessions are open. Who comes to it
//! then is answered from memory, and owners that are new have read those conversations before anybody waits for them.
//!
//! Nobody follows them here yet: those who are not wanted are let go again after the usual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kefu_model::{At, ConversationId, TenantId};
use kefu_nats::view::AllocationView;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::services::Services;

/// Most conversations, of all tenants together; those whose sessions were opened last.
const CONVERSATIONS: usize = 2_000;
/// It takes no longer: a cold start is slow, not wrong.
const WITHIN: Duration = Duration::from_secs(2);
/// Tenants that are asked for at a time.
const TENANTS_AT_A_TIME: usize = 16;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Whether an edge is warm.
#[derive(Debug, Default)]
pub(crate) struct Warmth(AtomicBool);

impl Warmth {
    /// Whether it has been complete once: every log had an owner, and what is open was loaded.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn complete(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Key = (TenantId, ConversationId);

/// Waits until every log has an owner, then loads what is open.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    tokio::select! {
        () = warm_up(&services) => {}
        () = shutdown.cancelled() => {}
    }
}

async fn warm_up(services: &Services) {
    while services.upstream.status().owned < services.upstream.status().logs {
        sleep(LOOK_EVERY).await;
    }
    let began = Instant::now();
    let result = timeout(WITHIN, load(services)).await;
    services.warmth.complete();
    let seconds = began.elapsed().as_secs_f64();
    services.metrics.warm_seconds.set(seconds);
    match result {
        Ok(conversations) => tracing::info!(conversations, seconds, "open conversations are loaded"),
        Err(_) => {
            tracing::warn!(seconds, "open conversations could not all be loaded in time; the others are when needed")
        }
    }
}

/// Follows what is open and waits until it is here; answers how many conversations there are.
async fn load(services: &Services) -> usize {
    let tenants: Vec<_> = services.config.tenants.iter().map(|tenant| tenant.tenant.clone()).collect();
    let asked = futures::stream::iter(tenants).map(|tenant| open_of(services, tenant));
    let open: Vec<_> = asked.buffer_unordered(TENANTS_AT_A_TIME).collect().await;
    let keys = newest(open.into_iter().flatten().collect());
    services.hub.follow(&keys);
    while !keys.iter().all(|key| services.hub.knows(key)) {
        sleep(LOOK_EVERY).await;
    }
    keys.len()
}

async fn open_of(services: &Services, tenant: TenantId) -> Vec<(At, Key)> {
    let view = services.upstream.allocation_view(&tenant).await.unwrap_or_default();
    open_in(&tenant, &view)
}

/// A tenant's conversations with an open session, and when that was opened.
fn open_in(tenant: &TenantId, view: &AllocationView) -> Vec<(At, Key)> {
    let held = view.held.iter().map(|held| (held.opened_at, held.conversation));
    let waiting = view.waiting.iter().map(|waiting| (waiting.opened_at, waiting.conversation));
    held.chain(waiting).map(|(at, conversation)| (at, (tenant.clone(), conversation))).collect()
}

fn newest(mut open: Vec<(At, Key)>) -> Vec<Key> {
    open.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(at.0));
    open.truncate(CONVERSATIONS);
    open.into_iter().map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use kefu_model::UserId;
    use kefu_nats::link::LinkEvent;
    use kefu_nats::view::{HeldView, Snapshot};

    use super::*;
    use crate::testing::{TestEdge, config, tenant};

    fn held(customer: &str, opened_at: u64) -> HeldView {
        let customer = UserId::new(customer).unwrap();
        HeldView {
            conversation: ConversationId::support(&tenant(), &customer),
            session: 1,
            customer,
            name: None,
            agent: UserId::new("a1").unwrap(),
            opened_at: At(opened_at),
            active: true,
            reason: None,
        }
    }

    #[tokio::test]
    async fn what_is_open_is_here_before_the_edge_is_ready() {
        let edge = TestEdge::cold(config());
        let open = held("c1", 7);
        *edge.upstream.view.lock() = Ok(AllocationView { held: vec![open.clone()], ..AllocationView::default() });
        let services = Arc::clone(&edge.services);
        let warming = tokio::spawn(run(services, CancellationToken::new()));
        let asked = loop {
            if let Some(request) = edge.upstream.attached.lock().pop() {
                break request;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        assert_eq!((asked.conversation, asked.cursor), (open.conversation, None));
        assert!(!edge.services.warmth.is_complete());
        let conversation = kefu_model::Conversation::absent(tenant(), open.conversation);
        let snapshot = Arc::new(Snapshot { epoch: 1, conversation });
        edge.services.hub.take(LinkEvent::Attached {
            token: asked.token,
            tenant: tenant(),
            snapshot,
            recovered: false,
            missed: Vec::new(),
        });
        warming.await.unwrap();
        assert!(edge.services.warmth.is_complete());
        assert!(edge.services.hub.peek(&tenant(), open.conversation).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_does_not_wait_for_ever() {
        let edge = TestEdge::cold(config());
        *edge.upstream.view.lock() = Ok(AllocationView { held: vec![held("c1", 7)], ..AllocationView::default() });
        run(Arc::clone(&edge.services), CancellationToken::new()).await;
        assert!(edge.services.warmth.is_complete(), "nobody answered");
    }

    #[test]
    fn the_newest_are_loaded() {
        let open = (0..3_000).map(|at| (At(at), (tenant(), held(&format!("c{at}"), at).conversation))).collect();
        let kept = newest(open);
        assert_eq!(kept.len(), CONVERSATIONS);
        assert_eq!(kept[0].1, held("c2999", 0).conversation);
    }
}
