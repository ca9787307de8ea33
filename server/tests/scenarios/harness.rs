//! What the scenarios stand on.

pub mod api;
pub mod cluster;
pub mod gate;
pub mod kefu;
pub mod lossy;
pub mod scene;
pub mod wait;

use std::time::Duration;

use scene::Broker;

/// No scenario takes longer.
const LIMIT: Duration = Duration::from_secs(150);

/// Runs a scenario on its own thread's runtime.
pub fn run<F: Future<Output = ()>>(broker: Broker, scenario: impl FnOnce(Broker) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let ended = tokio::time::timeout(LIMIT, scenario(broker)).await;
        ended.expect("the scenario ends in time");
    });
}
