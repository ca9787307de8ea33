//! What a partition takes from IN.

use std::sync::Arc;

use kefu_model::ids::At;

use super::{Partition, PartitionError};
use crate::engine::domain::Domain;
use crate::engine::host::Host;
use crate::engine::owner::Route;
use crate::payload::{self, EnvelopeWire};
use crate::transport::{StreamRecord, TransportError};

impl<D: Domain, H: Host<D>> Partition<D, H> {
    pub(super) async fn take_envelope(
        &mut self,
        record: Result<StreamRecord, TransportError>,
        now: At,
    ) -> Result<(), PartitionError> {
        let record = match record {
            Ok(record) => record,
            Err(TransportError::Closed) => {
                return Err(PartitionError::Transport { log: self.log, source: TransportError::Closed });
            }
            Err(error) => {
                tracing::warn!(log = %self.log, %error, "IN is another one now; it is read from its start");
                return self.open_in(0).await;
            }
        };
        match payload::decode::<EnvelopeWire>(&record.payload) {
            Ok(envelope) => {
                let peer: Arc<str> = envelope.from.as_ref().into();
                let commands = envelope
                    .items
                    .into_iter()
                    .map(|(token, bytes)| {
                        (Route::Peer { peer: peer.clone(), token }, self.domain.decode_command(bytes))
                    })
                    .collect::<Vec<_>>();
                self.metrics.received(commands.len());
                self.owner.envelope(record.position, commands, now);
            }
            Err(error) => {
                tracing::warn!(log = %self.log, %error, position = record.position, "an envelope cannot be read");
                self.owner.envelope(record.position, Vec::new(), now);
            }
        }
        Ok(())
    }

    /// Reads IN behind what the log says of it.
    pub(super) async fn take_up_in(&mut self, received: u64) -> Result<(), PartitionError> {
        let Some(inbox) = self.inbox.take() else { return self.open_in(received).await };
        let log = self.log;
        let reader = inbox.behind(&self.broker, log, received).await;
        match reader.map_err(|source| PartitionError::of_in(log, source))? {
            Some(reader) => {
                self.owner.begin_intake(received);
                self.in_reader = Some(reader);
                Ok(())
            }
            None => self.open_in(received).await,
        }
    }

    async fn open_in(&mut self, received: u64) -> Result<(), PartitionError> {
        let log = self.log;
        let failed = |source| PartitionError::of_in(log, source);
        let info = self.broker.open_in(log).await.map_err(failed)?;
        let received = if info.last < received { 0 } else { received };
        self.owner.begin_intake(received);
        self.in_reader = Some(self.broker.read_in(log, received + 1).await.map_err(failed)?);
        Ok(())
    }
}
