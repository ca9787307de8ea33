//! Keeps the registry of connections in `live` as the connections are: the newest wish per connection counts, failed
//! ones are repeated, and when `live` lost its memory everything is registered again.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use kefu_live::{EdgeLease, Live, LiveError};
use kefu_model::TenantId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::millis;
use crate::connection::Connection;
use crate::services::Services;

/// Calls to `live` at a time.
const AT_A_TIME: usize = 64;
/// How long the edge's lease holds, in milliseconds; it is renewed at a third of it.
const LEASE_MS: u64 = 30_000;

/// What is still to be told.
#[derive(Default)]
pub(crate) struct RegistryKeeper {
    wishes: Mutex<HashMap<String, Wish>>,
    changed: Notify,
}

enum Wish {
    Register(Box<kefu_live::Connection>),
    Unregister(TenantId),
}

impl RegistryKeeper {
    /// A connection joined.
    pub(crate) fn register(&self, connection: &Connection) {
        if let Some(entry) = entry(connection) {
            self.wish(connection.id.clone(), Wish::Register(Box::new(entry)));
        }
    }

    /// A connection left.
    pub(crate) fn unregister(&self, connection: &Connection) {
        if let Some(joining) = connection.joined() {
            self.wish(connection.id.clone(), Wish::Unregister(joining.caller.tenant.clone()));
        }
    }

    fn wish(&self, id: String, wish: Wish) {
        self.wishes.lock().insert(id, wish);
        self.changed.notify_one();
    }

    /// A wish that could not be fulfilled, unless there is a newer one.
    fn again(&self, id: String, wish: Wish) {
        self.wishes.lock().entry(id).or_insert(wish);
    }

    fn take(&self) -> Vec<(String, Wish)> {
        self.wishes.lock().drain().collect()
    }
}

/// Tells `live` until the edge stops, then takes everything back.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    let mut renew_at = Instant::now();
    while !shutdown.is_cancelled() {
        if Instant::now() >= renew_at {
            renew(&services).await;
            renew_at = Instant::now() + millis(LEASE_MS / 3);
        }
        let failed = tell_all(&services).await;
        let next = if failed { renew_at.min(Instant::now() + millis(1_000)) } else { renew_at };
        tokio::select! {
            () = services.registry.changed.notified(), if !failed => {}
            () = sleep_until(next) => {}
            () = shutdown.cancelled() => {}
        }
    }
    if let Err(error) = services.live.forget_edge(&services.edge_id).await {
        tracing::warn!(%error, "could not take the registry entries of this edge back; they expire");
    }
}

async fn renew(services: &Services) {
    match services.live.renew_edge(&services.edge_id, millis(LEASE_MS)).await {
        Ok(EdgeLease::Renewed) => {}
        Ok(EdgeLease::New) => register_all(services),
        Err(error) => tracing::warn!(%error, "could not renew the lease of this edge"),
    }
}

fn register_all(services: &Services) {
    for connection in services.hub.connections() {
        services.registry.register(&connection);
    }
}

/// Whether some could not be told.
async fn tell_all(services: &Services) -> bool {
    let told = futures::stream::iter(services.registry.take()).map(|(id, wish)| async move {
        let result = tell(&*services.live, &id, &wish).await;
        (id, wish, result)
    });
    let mut told = told.buffer_unordered(AT_A_TIME);
    let mut failed = false;
    while let Some((id, wish, result)) = told.next().await {
        match result {
            Ok(()) => {}
            Err(LiveError::UnknownEdge) => {
                services.registry.again(id, wish);
                failed = true;
            }
            Err(error) if error.is_retryable() => {
                services.registry.again(id, wish);
                failed = true;
            }
            Err(error) => tracing::warn!(%error, "a connection could not be registered"),
        }
    }
    if failed {
        renew(services).await;
    }
    failed
}

async fn tell(live: &dyn Live, id: &str, wish: &Wish) -> Result<(), LiveError> {
    match wish {
        Wish::Register(connection) => live.register((**connection).clone()).await,
        Wish::Unregister(tenant) => live.unregister(tenant, id).await,
    }
}

fn entry(connection: &Connection) -> Option<kefu_live::Connection> {
    let joining = connection.joined()?;
    Some(kefu_live::Connection {
        tenant: joining.caller.tenant.clone(),
        id: connection.id.clone(),
        user: joining.caller.user.clone(),
        edge: connection.services.edge_id.clone(),
        device: joining.device.as_str().to_owned(),
        connected_at: connection.opened_at,
        transport: connection.transport.as_str().to_owned(),
        client: joining.client.clone(),
        address: Some(connection.address.to_string()),
    })
}
