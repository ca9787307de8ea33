//! Keeps the registry of connections in `live` as the connections are: the newest wish per connection counts, failed
//! ones are repeated, and when `live` lost its memory everything is registered again.
//!
//! The edge's lease is renewed beside that: however long the list of wishes, it does not end because of it.

mod wishes;

use std::collections::HashSet;
use std::sync::Arc;

use kefu_live::limits::{LEASE, PAGE_ITEMS};
use kefu_live::{EdgeLease, Live, LiveError};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::retry::{Outage, pause};
use crate::services::Services;

use wishes::{Wish, Wishes};

/// Calls to `live` at a time.
const AT_A_TIME: usize = 64;
/// How often it is looked whether `live` lost its memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Taking everything back when the edge stops may take so long; what is left expires.
const FORGET_WITHIN: Duration = Duration::from_secs(5);

/// What is still to be told.
#[derive(Default)]
pub(crate) struct RegistryKeeper {
    wishes: Mutex<Wishes>,
    changed: Notify,
    /// Somebody found that the edge has no lease.
    unleased: Notify,
    /// The edge got a new lease.
    leased: Notify,
    outage: Outage,
}

impl RegistryKeeper {
    /// A connection joined.
    pub(crate) fn register(&self, connection: &Connection) {
        if let Some(entry) = entry(connection) {
            self.wish(connection, Wish::Register(Box::new(entry)));
        }
    }

    /// A connection left.
    pub(crate) fn unregister(&self, connection: &Connection) {
        if let Some(joining) = connection.joined() {
            self.wish(connection, Wish::Unregister(joining.caller.tenant.clone()));
        }
    }

    fn wish(&self, connection: &Connection, wish: Wish) {
        self.wishes.lock().wish(connection.id.clone(), wish, connection.services.places.taken());
        self.changed.notify_one();
    }
}

/// Tells `live` until the edge stops, then takes everything back.
pub(crate) async fn run(services: Arc<Services>, shutdown: CancellationToken) {
    tokio::select! {
        () = keep_lease(&services) => {}
        () = keep_told(&services) => {}
        () = shutdown.cancelled() => {}
    }
    match timeout(FORGET_WITHIN, services.live.forget_edge(&services.edge_id)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not take the registry entries of this edge back; they expire");
        }
        Err(_) => tracing::warn!("the registry entries of this edge were not taken back in time; they expire"),
    }
}

/// Renews the edge's lease for ever.
async fn keep_lease(services: &Services) {
    let mut failures = 0;
    loop {
        match services.live.renew_edge(&services.edge_id, LEASE).await {
            Ok(lease) => {
                failures = 0;
                if lease == EdgeLease::New {
                    register_all(services);
                    services.registry.leased.notify_one();
                }
                let _ = timeout(LEASE / 3, until_due(services)).await;
            }
            Err(error) => {
                failures += 1;
                note_failure(services, &error);
                sleep(pause(failures)).await;
            }
        }
    }
}

/// Waits until the edge has no lease, because somebody found so or `live` lost its memory. Then agents' leases are gone too.
async fn until_due(services: &Services) {
    let lost = async {
        let mut known = None;
        loop {
            sleep(LOOK_EVERY).await;
            let Ok(incarnation) = services.live.incarnation().await else { continue };
            if *known.get_or_insert(incarnation.id) != incarnation.id {
                services.presence.renew_all();
                return;
            }
        }
    };
    tokio::select! {
        () = services.registry.unleased.notified() => {}
        () = lost => {}
    }
}

/// Tells what changed, for ever.
async fn keep_told(services: &Services) {
    let mut failures = 0;
    loop {
        match tell_all(services).await {
            Ok(()) => {
                failures = 0;
                if let Some(failed) = services.registry.outage.ends() {
                    tracing::info!(failed, "connections are registered again");
                }
                services.registry.changed.notified().await;
            }
            Err(error) => {
                failures += 1;
                if error == LiveError::UnknownEdge {
                    services.registry.unleased.notify_one();
                    let _ = timeout(pause(failures), services.registry.leased.notified()).await;
                } else {
                    note_failure(services, &error);
                    sleep(pause(failures)).await;
                }
            }
        }
    }
}

/// An outage is logged when it begins and when it is over.
fn note_failure(services: &Services, error: &LiveError) {
    if services.registry.outage.begins() {
        tracing::warn!(%error, "the registry of connections cannot be kept; it is tried again");
    }
}

/// Registers every connection, unless there is a newer wish for it.
fn register_all(services: &Services) {
    for connection in services.hub.connections() {
        if let Some(entry) = entry(&connection) {
            services.registry.wishes.lock().again(connection.id.clone(), Wish::Register(Box::new(entry)));
        }
    }
    services.registry.changed.notify_one();
}

/// Tells all that waits. At the first failure the rest is put back.
async fn tell_all(services: &Services) -> Result<(), LiveError> {
    let keeper = &services.registry;
    if keeper.wishes.lock().take_all() {
        if let Err(error) = compare(services).await {
            keeper.wishes.lock().give_up();
            return Err(error);
        }
        register_all(services);
    }
    let mut wishes = keeper.wishes.lock().take();
    while !wishes.is_empty() {
        let some = wishes.split_off(wishes.len().saturating_sub(AT_A_TIME));
        if let Err(error) = tell_some(services, some).await {
            let mut waiting = keeper.wishes.lock();
            wishes.into_iter().for_each(|(id, wish)| waiting.again(id, wish));
            return Err(error);
        }
    }
    Ok(())
}

/// Tells these at a time. Those that failed and may succeed later are put back.
async fn tell_some(services: &Services, wishes: Vec<(String, Wish)>) -> Result<(), LiveError> {
    let results = futures::future::join_all(wishes.iter().map(|(id, wish)| tell(&*services.live, id, wish))).await;
    let mut failed = Ok(());
    for ((id, wish), result) in wishes.into_iter().zip(results) {
        match result {
            Ok(()) => {}
            Err(error) if error == LiveError::UnknownEdge || error.is_retryable() => {
                services.registry.wishes.lock().again(id, wish);
                failed = Err(error);
            }
            Err(error) => tracing::warn!(%error, "a connection could not be registered"),
        }
    }
    failed
}

async fn tell(live: &dyn Live, id: &str, wish: &Wish) -> Result<(), LiveError> {
    match wish {
        Wish::Register(connection) => live.register((**connection).clone()).await,
        Wish::Unregister(tenant) => live.unregister(tenant, id).await,
    }
}

/// Takes those connections back that are registered of this edge and not here any more.
async fn compare(services: &Services) -> Result<(), LiveError> {
    let here: HashSet<String> = services.hub.connections().iter().map(|connection| connection.id.clone()).collect();
    for tenant in services.config.tenants.iter().map(|tenant| &tenant.tenant) {
        let mut after = None;
        loop {
            let page = services.live.connections(tenant, after.as_deref(), PAGE_ITEMS).await?;
            let gone =
                page.connections.iter().filter(|other| other.edge == services.edge_id && !here.contains(&other.id));
            for connection in gone {
                services.live.unregister(tenant, &connection.id).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests;
