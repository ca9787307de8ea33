//! What is counted of the backends: how long calls of the store and of live state take, and whether the broker is connected.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::{Fallback, Live, LiveError, RedisLive};
use kefu_nats::Broker;
use kefu_nats::transport::ConnectionState;
use kefu_store::{CqlStore, Store, StoreError};
use prometheus::core::{Collector, Desc, Describer as _};
use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntGauge, Opts, PullingGauge, Registry};

use crate::outage::Outage;

/// From the embedded ones' microseconds to a server that hangs, in seconds.
const BUCKETS_S: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Measures a store's calls, and logs when it is away.
///
/// # Errors
/// When the metric is registered already.
pub fn measured_store(store: Arc<dyn Store>, registry: &Registry) -> Result<Arc<dyn Store>, prometheus::Error> {
    let (seconds, outage) = (durations("store", "the store", registry)?, Outage::new("the store"));
    let observe = move |call: &'static str, took: Duration, error: Option<&StoreError>| {
        observe(&seconds, call, took, error.is_none());
        match error {
            Some(error) if error.is_retryable() => outage.failed(error),
            Some(_) => {}
            None => outage.answered(),
        }
    };
    Ok(Arc::new(kefu_store::Measured::new(store, observe)))
}

/// Measures live state's calls, and logs when it is away.
///
/// # Errors
/// When the metric is registered already.
pub fn measured_live(live: Arc<dyn Live>, registry: &Registry) -> Result<Arc<dyn Live>, prometheus::Error> {
    let (seconds, outage) = (durations("live", "what is true right now", registry)?, Outage::new("live state"));
    let observe = move |call: &'static str, took: Duration, error: Option<&LiveError>| {
        observe(&seconds, call, took, error.is_none());
        match error {
            Some(error @ LiveError::Unavailable(_)) => outage.failed(error),
            Some(_) => {}
            None => outage.answered(),
        }
    };
    Ok(Arc::new(kefu_live::Measured::new(live, observe)))
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

/// Tells how many of the nodes of a store on CQL are connected to.
///
/// # Errors
/// When a metric is registered already.
pub fn watch_nodes(store: &Arc<CqlStore>, registry: &Registry) -> Result<(), prometheus::Error> {
    let known = store.clone();
    told(registry, "kefu_store_nodes", "Nodes that the store's cluster has", move || known.nodes().known)?;
    let connected = store.clone();
    let help = "Nodes of the store's cluster that a connection is open to";
    told(registry, "kefu_store_nodes_connected", help, move || connected.nodes().connected)
}

/// Tells of the connection to Redis, and whether limits are counted without it.
///
/// # Errors
/// When a metric is registered already.
pub fn watch_redis(
    redis: &Arc<RedisLive>,
    fallback: &Arc<Fallback>,
    registry: &Registry,
) -> Result<(), prometheus::Error> {
    let connected = redis.clone();
    told(registry, "kefu_live_connected", "Whether Redis is connected: 1 or 0", move || {
        usize::from(connected.is_connected())
    })?;
    let connects = redis.clone();
    counted(registry, "kefu_live_connects_total", "How often Redis was connected to", move || connects.connects())?;
    let on = fallback.clone();
    let help = "Whether this process alone counts rate limits and failed logins: 1 or 0";
    told(registry, "kefu_live_fallback", help, move || usize::from(on.is_on()))?;
    let outages = fallback.clone();
    let help = "How often this process alone began to count rate limits and failed logins";
    counted(registry, "kefu_live_fallbacks_total", help, move || outages.outages())
}

/// A number that is asked for when metrics are.
fn told(
    registry: &Registry,
    name: &str,
    help: &str,
    ask: impl Fn() -> usize + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let gauge = PullingGauge::new(name, help, Box::new(move || ask() as f64))?;
    registry.register(Box::new(gauge))
}

/// A count that is asked for when metrics are.
struct Counted<F> {
    options: Opts,
    description: Desc,
    ask: F,
}

impl<F: Fn() -> u64 + Send + Sync> Collector for Counted<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(counter) = IntCounter::with_opts(self.options.clone()) else { return Vec::new() };
        counter.inc_by((self.ask)());
        counter.collect()
    }
}

fn counted(
    registry: &Registry,
    name: &str,
    help: &str,
    ask: impl Fn() -> u64 + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    let options = Opts::new(name, help);
    let description = options.describe()?;
    registry.register(Box::new(Counted { options, description, ask }))
}

fn durations(name: &str, of: &str, registry: &Registry) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(format!("kefu_{name}_seconds"), format!("Duration of calls of {of}"));
    let seconds = HistogramVec::new(options.buckets(BUCKETS_S.to_vec()), &["call", "result"])?;
    registry.register(Box::new(seconds.clone()))?;
    Ok(seconds)
}

fn observe(seconds: &HistogramVec, call: &'static str, took: Duration, ok: bool) {
    seconds.with_label_values(&[call, if ok { "ok" } else { "error" }]).observe(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn counts_are_asked_for_when_metrics_are() {
        let (registry, asked) = (Registry::new(), Arc::new(AtomicU64::new(0)));
        let ask = asked.clone();
        counted(&registry, "times_total", "How often", move || ask.load(Ordering::Relaxed)).unwrap();
        let read = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(read().contains("# TYPE times_total counter\ntimes_total 0\n"), "{}", read());
        asked.store(3, Ordering::Relaxed);
        assert!(read().contains("\ntimes_total 3\n"), "{}", read());
        assert!(read().contains("\ntimes_total 3\n"), "asking counts nothing: {}", read());
    }

    #[test]
    fn limits_that_count_here_alone_are_told() {
        let redis = Arc::new(RedisLive::open(&kefu_live::RedisConfig::new("redis://127.0.0.1:1")).unwrap());
        let fallback = Arc::new(Fallback::new(redis.clone()));
        let registry = Registry::new();
        watch_redis(&redis, &fallback, &registry).unwrap();
        let read = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in ["kefu_live_connected 0", "kefu_live_connects_total 0", "kefu_live_fallback 0"] {
            assert!(read.contains(line), "{line} in {read}");
        }
    }
}
