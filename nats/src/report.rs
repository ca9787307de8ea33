//! What a process says of itself every few seconds: how long its work lasts, and what it takes. At most once: whoever misses
//! a report waits for the next one.

use kefu_model::At;

use crate::broker::{Broker, subject};
use crate::payload::{self, ReportWire};
use crate::transport::{Subscription, TransportError};

/// The report of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessReport {
    /// Its name, another one each time it starts.
    pub name: String,
    /// The roles that it has.
    pub roles: Vec<String>,
    /// Its release.
    pub version: String,
    /// When it started, by its own clock.
    pub started_at: At,
    /// How long it has been running, in seconds.
    pub uptime_s: u64,
    /// What it takes.
    pub resources: Resources,
    /// The time that processor time, timings and rates are of: the milliseconds before the report; 0 in the first one.
    pub window_ms: u64,
    /// How long its work lasted, at most [`Self::MOST_TIMINGS`].
    pub timings: Vec<Timing>,
    /// How many more there were.
    pub timings_left_out: u64,
    /// How often it did something.
    pub rates: Vec<Rate>,
}

impl ProcessReport {
    /// Most timings of a report.
    pub const MOST_TIMINGS: usize = 64;
    /// Most bytes of a report on the wire. A larger one is neither sent nor read.
    pub const MOST_BYTES: usize = 64 * 1024;
}

/// What a process takes. What its system does not tell is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resources {
    /// Processor time in the window, in cores: 1 is one core all the time.
    pub cpu_cores: Option<f64>,
    /// Memory that is resident, in bytes.
    pub memory_bytes: Option<u64>,
    /// Open files, sockets among them.
    pub open_files: Option<u64>,
    /// Most files that it may have open.
    pub open_files_limit: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Sockets and streams of clients, where it has any.
    pub connections: Option<u64>,
    /// Bytes that it may still write in the file system of its data folder, where it has one.
    pub data_free_bytes: Option<u64>,
}

/// How long something lasted in the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// The histogram's name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// How often.
    pub count: u64,
    /// How often a second.
    pub per_second: f64,
    /// Half of them lasted no longer.
    pub p50: Quantile,
    /// 95 of a hundred lasted no longer.
    pub p95: Quantile,
    /// 99 of a hundred lasted no longer.
    pub p99: Quantile,
}

/// An estimate from a histogram's buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// In milliseconds.
    pub ms: f64,
    /// It lies above the highest bound of the buckets, which is the number given.
    pub at_least: bool,
}

/// How often something was done in the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// The counter's name.
    pub name: String,
    /// All of its series together.
    pub per_second: f64,
}

/// What is heard of processes.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// One that is there.
    Report(Box<ProcessReport>),
    /// The one of that name stops.
    Gone(String),
}

/// Hears all processes of the deployment, this one too.
pub struct Reports {
    subscription: Box<dyn Subscription>,
}

impl Reports {
    /// What is heard next; none once the broker was closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            // Who was missed says it again soon.
            let Some(message) = self.subscription.next().await?.into_message() else { continue };
            if message.payload.len() > ProcessReport::MOST_BYTES {
                tracing::debug!(bytes = message.payload.len(), "a process's report is too large");
                continue;
            }
            match payload::decode::<ReportWire>(&message.payload) {
                Ok(wire) => return Some(wire.into()),
                Err(error) => tracing::debug!(%error, "a process's report cannot be read"),
            }
        }
    }
}

impl Broker {
    /// Tells all edges how this process is, at most once.
    pub async fn report(&self, report: ProcessReport) {
        self.tell(Heard::Report(Box::new(report))).await;
    }

    /// Tells all edges that the process of that name stops, at most once.
    pub async fn report_end(&self, name: &str) {
        self.tell(Heard::Gone(name.to_owned())).await;
    }

    /// Hears the reports of all processes from now on.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn reports(&self) -> Result<Reports, TransportError> {
        Ok(Reports { subscription: self.transport().subscribe(subject::REPORT).await? })
    }

    async fn tell(&self, what: Heard) {
        let payload = payload::encode(&ReportWire::from(what));
        if payload.len() > ProcessReport::MOST_BYTES {
            tracing::warn!(bytes = payload.len(), "this process's report is too large to be sent");
            return;
        }
        if let Err(error) = self.transport().publish(subject::REPORT, payload).await {
            tracing::debug!(%error, "a process's report was not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::BrokerSettings;
    use crate::embedded::{Embedded, EmbeddedConfig};
    use crate::testing::TempDir;

    fn report(name: &str) -> ProcessReport {
        ProcessReport {
            name: name.to_owned(),
            roles: vec!["edge".to_owned()],
            version: "1.2.3".to_owned(),
            started_at: At(1),
            uptime_s: 2,
            resources: Resources { memory_bytes: Some(3), ..Resources::default() },
            window_ms: 5_000,
            timings: Vec::new(),
            timings_left_out: 0,
            rates: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_neither_sent_nor_read() {
        let folder = TempDir::new();
        let embedded = Embedded::open(EmbeddedConfig::new(folder.path().to_owned())).await.unwrap();
        let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(embedded), settings).await.unwrap();
        let mut reports = broker.reports().await.unwrap();
        let mut sent = broker.transport().subscribe(subject::REPORT).await.unwrap();
        let large = report(&"x".repeat(ProcessReport::MOST_BYTES));
        broker.report(large.clone()).await;
        broker.transport().publish(subject::REPORT, "nonsense".into()).await.unwrap();
        let first = sent.next().await.unwrap().into_message().unwrap();
        assert_eq!(*first.payload, *b"nonsense", "nothing was sent before");
        let bytes = payload::encode(&ReportWire::from(Heard::Report(Box::new(large))));
        broker.transport().publish(subject::REPORT, bytes).await.unwrap();
        broker.report(report("a")).await;
        broker.report_end("a").await;
        assert_eq!(reports.next().await, Some(Heard::Report(Box::new(report("a")))));
        assert_eq!(reports.next().await, Some(Heard::Gone("a".to_owned())));
        broker.transport().close().await.unwrap();
        assert_eq!(reports.next().await, None);
    }
}
