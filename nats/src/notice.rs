//! Ephemeral facts for all edges. At most once: whoever misses one learns the truth from the log or from a list. Those of
//! newcomers are numbered by their owner, so that an edge knows when it has to ask.

use kefu_model::allocation::{AgentStatus, QueuePlace};
use kefu_model::ids::{ConversationId, TenantId, User, UserId};

/// An ephemeral fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Somebody types.
    Typing {
        /// The tenant.
        tenant: TenantId,
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: User,
        /// Whether they began or stopped.
        on: bool,
        /// What they are about to send; for agents only.
        preview: Option<String>,
        /// The connection it came from, which is not told.
        connection: String,
    },
    /// An agent's status changed.
    Presence {
        /// The tenant.
        tenant: TenantId,
        /// Who.
        user: User,
        /// The status to show.
        status: AgentStatus,
    },
    /// Customers came or left; at most [`Notice::MAX_CUSTOMERS`] in all.
    Customers {
        /// The tenant.
        tenant: TenantId,
        /// Who has a connection.
        online: Vec<UserId>,
        /// Who has had none for a while.
        offline: Vec<UserId>,
    },
    /// Somebody became a member.
    Added {
        /// The tenant.
        tenant: TenantId,
        /// Who.
        user: User,
        /// Where.
        conversation: ConversationId,
    },
    /// Places in the queue changed.
    Places {
        /// The tenant.
        tenant: TenantId,
        /// The first places; at most [`Notice::MAX_PLACES`].
        places: Vec<(ConversationId, QueuePlace)>,
        /// How many wait in all.
        waiting: u64,
    },
    /// Login sessions were revoked: their sockets close.
    Revoked {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        user: User,
        /// Hex of the token's hash; none for all of them.
        session: Option<String>,
    },
    /// An administrator closes connections.
    Disconnect {
        /// The tenant.
        tenant: TenantId,
        /// This one,
        connection: Option<String>,
        /// or all of this user.
        user: Option<User>,
    },
}

impl Notice {
    /// Most places that one notice tells.
    pub const MAX_PLACES: usize = 1_000;
    /// Most customers that one notice tells of.
    pub const MAX_CUSTOMERS: usize = 1_000;
}
