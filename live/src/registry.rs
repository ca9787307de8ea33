//! The registry of connections.

use std::fmt;
use std::sync::Arc;

use kefu_model::{At, TenantId, User};

use crate::error::LiveError;
use crate::limits::TEXT_BYTES;

/// One life of an edge: its name changes with every start. It contains no NUL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeId(Arc<str>);

impl EdgeId {
    /// Wraps a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EdgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A connection of a client. Each text is at most [`crate::limits::TEXT_BYTES`] bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The tenant.
    pub tenant: TenantId,
    /// Unique in the tenant.
    pub id: String,
    /// Whose.
    pub user: User,
    /// Where.
    pub edge: EdgeId,
    /// The client instance.
    pub device: String,
    /// Since when.
    pub connected_at: At,
    /// `websocket` or `sse`.
    pub transport: String,
    /// What the client says it is.
    pub client: Option<String>,
    /// From which address. Personal data: never in a log line.
    pub address: Option<String>,
}

impl Connection {
    pub(crate) fn check(&self) -> Result<(), LiveError> {
        let required = [self.id.as_str(), self.edge.as_str(), &self.device, &self.transport];
        let optional = [self.client.as_deref(), self.address.as_deref()];
        let longest = required.into_iter().chain(optional.into_iter().flatten()).map(str::len).max().unwrap_or(0);
        LiveError::check("bytes of a connection's text", longest, TEXT_BYTES)
    }
}

/// A page of connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectionPage {
    /// By id.
    pub connections: Vec<Connection>,
    /// The last id, when there are more.
    pub next: Option<String>,
}

/// How much is connected in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionCounts {
    /// Connections.
    pub connections: usize,
    /// Agents with at least one.
    pub agents: usize,
    /// Customers with at least one.
    pub customers: usize,
}

/// What became of an edge's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeLease {
    /// It was there; its connections live on.
    Renewed,
    /// Nothing was known of this edge: it has no connections here.
    New,
}
