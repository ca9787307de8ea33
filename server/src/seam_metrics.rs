//! What is counted of the backends: how long calls of the store and of live state take, and whether the broker is connected.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::Live;
use kefu_nats::Broker;
use kefu_nats::transport::ConnectionState;
use kefu_store::Store;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry};

/// From the embedded ones' microseconds to a server that hangs, in seconds.
const BUCKETS_S: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Measures a store's calls.
///
/// # Errors
/// When the metric is registered already.
pub fn measured_store(store: Arc<dyn Store>, registry: &Registry) -> Result<Arc<dyn Store>, prometheus::Error> {
    Ok(Arc::new(kefu_store::Measured::new(store, observe("store", "the store", registry)?)))
}

/// Measures live state's calls.
///
/// # Errors
/// When the metric is registered already.
pub fn measured_live(live: Arc<dyn Live>, registry: &Registry) -> Result<Arc<dyn Live>, prometheus::Error> {
    Ok(Arc::new(kefu_live::Measured::new(live, observe("live", "what is true right now", registry)?)))
}

/// Watches the connection to the broker.
///
/// # Errors
/// When a metric is registered already.
pub fn watch_broker(broker: &Broker, registry: &Registry) -> Result<(), prometheus::Error> {
    let connected = IntGauge::new("kefu_broker_connected", "Whether the broker is connected: 1 or 0")?;
    let connects = IntCounter::new("kefu_broker_connects_total", "How often the broker was connected to")?;
    registry.register(Box::new(connected.clone()))?;
    registry.register(Box::new(connects.clone()))?;
    let mut state = broker.transport().connection();
    tokio::spawn(async move {
        loop {
            let now = *state.borrow_and_update() == ConnectionState::Connected;
            if now && connected.get() == 0 {
                connects.inc();
            }
            connected.set(now.into());
            if state.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn observe(
    name: &str,
    of: &str,
    registry: &Registry,
) -> Result<impl Fn(&'static str, Duration, bool) + Send + Sync + use<>, prometheus::Error> {
    let options = HistogramOpts::new(format!("kefu_{name}_seconds"), format!("Duration of calls of {of}"));
    let seconds = HistogramVec::new(options.buckets(BUCKETS_S.to_vec()), &["call", "result"])?;
    registry.register(Box::new(seconds.clone()))?;
    Ok(move |call: &'static str, took: Duration, ok: bool| {
        seconds.with_label_values(&[call, if ok { "ok" } else { "error" }]).observe(took.as_secs_f64());
    })
}
