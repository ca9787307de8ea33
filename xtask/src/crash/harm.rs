//! What is done to the target.

use std::fmt;

use crate::cluster::Role;

/// One incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// `kill -9` of the one process that there is.
    KillAll,
    /// `kill -9` of a process with that role, and a start.
    Kill(Role),
    /// SIGSTOP for seconds.
    Hold(Role),
    /// `kill -9` of a server, and a start.
    Restart(Server),
    /// The same, and a process with that role is killed while the server is away. Its pauses are counted as its own kind:
    /// which of the two a message waited for cannot be told.
    RestartAndKill(Server, Role),
    /// SIGTERM of a process with that role, its end, and a start.
    Planned(Role),
}

/// A server beneath kefu's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// The NATS server that leads the log of some conversations.
    NatsLeader,
    /// Valkey, which forgets everything.
    Valkey,
    /// Cassandra.
    Cassandra,
}

/// All of them.
pub const SERVERS: [Server; 3] = [Server::NatsLeader, Server::Valkey, Server::Cassandra];

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NatsLeader => "the NATS leader",
            Self::Valkey => "Valkey, empty",
            Self::Cassandra => "Cassandra",
        })
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillAll => write!(f, "kill"),
            Self::Kill(role) => write!(f, "kill of a process: {}", role.name()),
            Self::Hold(role) => write!(f, "hold of a process: {}", role.name()),
            Self::Restart(server) => write!(f, "restart of {server}"),
            Self::RestartAndKill(server, role) => {
                write!(f, "restart of {server}, and meanwhile kill of a process: {}", role.name())
            }
            Self::Planned(role) => write!(f, "planned restart: {}", role.name()),
        }
    }
}
