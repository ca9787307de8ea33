//! A transport that fails the way brokers and networks do, by a script or by chance from a seed.
//!
//! The worst are the half-failures: it happened but the caller was told "perhaps"; it did not, and the caller was told
//! "perhaps"; it happened twice; another writer came in between.

mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

pub use self::plan::{AppendFault, FaultControls, FaultRates};
use crate::transport::{
    AppendTicket, ConnectionState, Position, StreamInfo, StreamReader, StreamRecord, StreamSpec, Subscription,
    Transport, TransportError,
};

/// A transport with faults in front of it; without any, it behaves as the one behind it.
pub struct Faulty<T> {
    inner: Arc<T>,
    controls: FaultControls,
    met: AtomicUsize,
}

impl<T: Transport> Faulty<T> {
    /// Wraps `inner`; `seed` decides what the rates of the controls hit, so that a run can be repeated.
    pub fn new(inner: Arc<T>, seed: u64) -> Self {
        Self { inner, controls: FaultControls::new(seed), met: AtomicUsize::new(0) }
    }

    /// What makes it fail; may be used from anywhere at any time.
    pub fn controls(&self) -> FaultControls {
        self.controls.clone()
    }

    /// How many appends met a fault so far.
    pub fn faults_met(&self) -> usize {
        self.met.load(Ordering::Relaxed)
    }

    async fn fail_append(
        &self,
        fault: AppendFault,
        stream: &str,
        payload: Bytes,
        msg_id: Option<&str>,
    ) -> Result<AppendTicket, TransportError> {
        let perhaps = || TransportError::ambiguous("an injected fault took the answer");
        match fault {
            AppendFault::LostAck => {
                let ticket = self.inner.append(stream, payload, msg_id).await?;
                Ok(AppendTicket::from_future(async move {
                    let _ = ticket.await;
                    Err(perhaps())
                }))
            }
            AppendFault::NotSent => Ok(AppendTicket::ready(Err(perhaps()))),
            AppendFault::Refused => Err(TransportError::unavailable("an injected fault")),
            AppendFault::Duplicate => {
                let ticket = self.inner.append(stream, payload.clone(), msg_id).await?;
                let second = self.inner.append(stream, payload, None).await?;
                drop(second);
                Ok(ticket)
            }
            AppendFault::Delay(delay) => {
                tokio::time::sleep(delay).await;
                self.inner.append(stream, payload, msg_id).await
            }
            AppendFault::LateAck(delay) => {
                let ticket = self.inner.append(stream, payload, msg_id).await?;
                Ok(AppendTicket::from_future(async move {
                    tokio::time::sleep(delay).await;
                    ticket.await
                }))
            }
            AppendFault::Stall => {
                let ticket = self.inner.append(stream, payload, msg_id).await?;
                Ok(AppendTicket::from_future(async move {
                    let _ = ticket.await;
                    std::future::pending().await
                }))
            }
            AppendFault::SecondWriter(foreign) => {
                drop(self.inner.append(stream, foreign, None).await?);
                self.inner.append(stream, payload, msg_id).await
            }
        }
    }
}

#[async_trait]
impl<T: Transport> Transport for Faulty<T> {
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        self.controls.check()?;
        self.inner.open_stream(spec).await
    }

    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError> {
        self.controls.check()?;
        match self.controls.next_append(stream) {
            None => self.inner.append(stream, payload, msg_id).await,
            Some(fault) => {
                self.met.fetch_add(1, Ordering::Relaxed);
                self.fail_append(fault, stream, payload, msg_id).await
            }
        }
    }

    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        self.controls.check()?;
        let inner = self.inner.read(stream, from).await?;
        Ok(Box::new(PausingReader { inner, controls: self.controls.clone() }))
    }

    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError> {
        self.controls.check()?;
        self.inner.info(stream).await
    }

    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError> {
        self.controls.check()?;
        self.inner.read_one(stream, position).await
    }

    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError> {
        self.controls.check()?;
        self.inner.purge_below(stream, position).await
    }

    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        self.controls.check()?;
        if self.controls.drops_core(subject) {
            return Ok(());
        }
        self.inner.publish(subject, payload).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError> {
        self.controls.check()?;
        self.inner.subscribe(subject).await
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        self.controls.check()?;
        if self.controls.drops_core(subject) {
            tokio::time::sleep(timeout).await;
            return Err(TransportError::Timeout);
        }
        self.inner.request(subject, payload, timeout).await
    }

    async fn flush(&self) -> Result<(), TransportError> {
        self.controls.check()?;
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), TransportError> {
        self.controls.show_disconnected();
        self.inner.close().await
    }

    fn trouble(&self) -> Option<&'static str> {
        self.inner.trouble()
    }

    /// The wrapper's view: disconnected by the controls. Of the transport behind it nothing is known here.
    fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.controls.connection()
    }
}

/// A reader that yields nothing while the controls say disconnected.
struct PausingReader {
    inner: Box<dyn StreamReader>,
    controls: FaultControls,
}

#[async_trait]
impl StreamReader for PausingReader {
    async fn next(&mut self) -> Result<StreamRecord, TransportError> {
        // Waits before taking a record, never after, so that cancelling loses nothing.
        self.controls.connected().await;
        self.inner.next().await
    }

    fn has_more(&self) -> bool {
        self.inner.has_more()
    }

    fn stream_id(&self) -> uuid::Uuid {
        self.inner.stream_id()
    }
}
