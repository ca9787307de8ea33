//! One timer for all connections: silence, credentials that ran out, readers that are stuck.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::connection::Connection;
use crate::machine::Input;
use crate::services::Services;

/// How often connections are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Connections looked at before others get a turn.
const AT_A_TIME: usize = 500;

/// Every connection of the edge, also those that did not say hello yet.
#[derive(Default)]
pub(crate) struct Opened {
    connections: parking_lot::Mutex<std::collections::HashMap<u64, std::sync::Weak<Connection>>>,
}

impl Opened {
    /// A connection was opened.
    pub(crate) fn add(&self, connection: &Arc<Connection>) {
        self.connections.lock().insert(connection.number, Arc::downgrade(connection));
    }

    /// It ended.
    pub(crate) fn remove(&self, connection: &Connection) {
        self.connections.lock().remove(&connection.number);
    }

    /// All that are open.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.connections.lock().values().filter_map(std::sync::Weak::upgrade).collect()
    }
}

/// Looks at all connections until the edge has stopped.
pub(crate) async fn run(services: Arc<Services>, stopped: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopped.run_until_cancelled(interval.tick()).await.is_some() {
        for connections in services.opened.all().chunks(AT_A_TIME) {
            for connection in connections {
                connection.input(Input::Tick);
                connection.check_stall(clock::steady_ms(), services.config.write_timeout_ms);
            }
            tokio::task::yield_now().await;
        }
        services.hub.sweep(clock::steady_ms());
    }
}
