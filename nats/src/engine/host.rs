//! What a role does around the decisions of a log, and where it loads from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kefu_model::reader::LogCursor;
use tokio::sync::mpsc;

use super::domain::{Domain, Row, Want};
use super::owner::{Counted, Owner, Route};
use crate::transport::CoreMessage;

/// Where the store stands, for a start behind it.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// The log's epoch, from 1.
    pub epoch: u64,
    /// The log's id when the checkpoint was written.
    pub log_id: Option<[u8; 16]>,
    /// The last record that the store includes.
    pub cursor: LogCursor,
}

impl Default for Start {
    fn default() -> Self {
        Self { epoch: 1, log_id: None, cursor: LogCursor::default() }
    }
}

/// Loads rows for an owner.
#[async_trait]
pub trait Loader<D: Domain>: Send + Sync {
    /// Loads a state or an extra. An aggregate or extra without a row is in its first state at position 0.
    async fn load(&self, id: &D::Id, want: &Want<D::Extra>) -> Result<Row<D>, LoadError>;
}

/// A load failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store is away; whoever watches it says so.
    #[error("a row could not be loaded: the store is away")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else, a row that is damaged for one.
    #[error("a row could not be loaded")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl LoadError {
    /// Of the store, which says whether it may answer later.
    pub fn of_store(error: impl std::error::Error + Send + Sync + 'static, is_away: bool) -> Self {
        if is_away { Self::Away(error.into()) } else { Self::Failed(error.into()) }
    }
}

/// What a role does around the decisions of one log.
#[async_trait]
pub trait Host<D: Domain>: Send + 'static {
    /// Where the store stands.
    async fn start(&mut self) -> Result<Start, LoadError>;
    /// Loads rows.
    fn loader(&self) -> Arc<dyn Loader<D>>;
    /// The claim counts.
    async fn owning(&mut self, generation: u64);
    /// Outcomes count, and answers are true: deliver them.
    async fn counted(&mut self, owner: &Owner<D>, counted: Counted<D>);
    /// A core message on the log's attach or ask subject.
    async fn message(&mut self, owner: &Owner<D>, message: CoreMessage) -> Vec<(Route, D::Command)>;
    /// Called every [`TICK`].
    async fn tick(&mut self, owner: &Owner<D>) -> Vec<(Route, D::Command)>;
    /// Commands of the host's own, from tasks that it runs beside the owner.
    fn take_inbox(&mut self) -> Option<mpsc::Receiver<(Route, D::Command)>> {
        None
    }
    /// The last delivery numbers per edge, for the heartbeat.
    fn numbers(&self) -> Vec<(String, u64)>;
}

/// How often a host is ticked.
pub const TICK: Duration = Duration::from_millis(100);
