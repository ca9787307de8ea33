//! The reader of IN, made before the claim counts: a server takes a while to make one, and commands would wait for it.

use crate::broker::{Broker, LogName};
use crate::transport::{StreamReader, TransportError};

/// Envelopes that are read and passed over at most, because they were decided since the checkpoint.
const PASSED_OVER: u64 = 1_000;

/// IN as it was before the claim.
pub(super) struct Inbox {
    reader: Box<dyn StreamReader>,
    /// The reader begins behind this position.
    behind: u64,
    /// The last position at that time.
    last: u64,
}

impl Inbox {
    /// Reads IN from where the checkpoint's record had it. `None` when that says nothing of IN, or there is much since.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub(super) async fn prepare(
        broker: &Broker,
        log: LogName,
        received: Option<u64>,
    ) -> Result<Option<Self>, TransportError> {
        let Some(behind) = received else { return Ok(None) };
        let last = broker.open_in(log).await?.last;
        if !(behind..=behind.saturating_add(PASSED_OVER)).contains(&last) {
            return Ok(None);
        }
        Ok(Some(Self { reader: broker.read_in(log, behind + 1).await?, behind, last }))
    }

    /// The reader, if it yields all that comes behind a position; what comes before is to be passed over.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub(super) async fn behind(
        self,
        broker: &Broker,
        log: LogName,
        received: u64,
    ) -> Result<Option<Box<dyn StreamReader>>, TransportError> {
        // An IN that is shorter than the log says is another one.
        let last = if received <= self.last {
            self.last
        } else {
            match broker.in_info(log).await {
                Ok(info) => info.last,
                Err(TransportError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        Ok((self.behind..=last).contains(&received).then_some(self.reader))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use kefu_model::ids::Partition;

    use super::*;
    use crate::broker::{BrokerSettings, LogKind};
    use crate::embedded::{Embedded, EmbeddedConfig};
    use crate::testing::TempDir;

    const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

    /// A broker whose IN has so many records.
    async fn broker(dir: &TempDir, records: u64) -> Broker {
        let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
        let transport = Arc::new(Embedded::open(config).await.unwrap());
        let broker = Broker::open(transport, BrokerSettings { partitions: 1, ..BrokerSettings::default() });
        let broker = broker.await.unwrap();
        grow(&broker, records).await;
        broker
    }

    async fn grow(broker: &Broker, records: u64) {
        let mut tickets = Vec::new();
        for _ in 0..records {
            tickets.push(broker.transport().append(&LOG.in_stream(), Bytes::from_static(b"x"), None).await.unwrap());
        }
        for ticket in tickets {
            ticket.await.unwrap();
        }
    }

    #[tokio::test]
    async fn it_is_prepared_where_little_has_to_be_passed_over() {
        let dir = TempDir::new();
        let broker = broker(&dir, PASSED_OVER + 5).await;
        for (received, is_prepared) in
            [(None, false), (Some(0), false), (Some(4), false), (Some(5), true), (Some(PASSED_OVER + 6), false)]
        {
            let inbox = Inbox::prepare(&broker, LOG, received).await.unwrap();
            assert_eq!(inbox.is_some(), is_prepared, "{received:?}");
        }
    }

    #[tokio::test]
    async fn its_reader_serves_whatever_the_log_says_between_its_begin_and_the_end_of_in() {
        let dir = TempDir::new();
        let broker = broker(&dir, 10).await;
        let prepared = async || Inbox::prepare(&broker, LOG, Some(7)).await.unwrap().unwrap();
        let at_first = [prepared().await, prepared().await, prepared().await, prepared().await];
        grow(&broker, 2).await;
        for (inbox, (received, serves)) in at_first.into_iter().zip([(6, false), (7, true), (12, true), (13, false)]) {
            let reader = inbox.behind(&broker, LOG, received).await.unwrap();
            assert_eq!(reader.is_some(), serves, "{received}");
            if let Some(mut reader) = reader {
                assert_eq!(reader.next().await.unwrap().position, 8, "what was decided is passed over by its position");
            }
        }
    }
}
