//! What an owner asks for, and what it lets out.

use std::sync::Arc;

use bytes::Bytes;

use crate::engine::domain::{Domain, Logged, Want};

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// To an edge or worker that sent the command under that token.
    Peer {
        /// Its incarnation.
        peer: Arc<str>,
        /// Its number for the command.
        token: u64,
    },
    /// To a question that the host keeps under that number.
    Question(u64),
    /// Nowhere.
    Nobody,
}

/// What counts now, in order.
pub struct Counted<D: Domain> {
    /// The record's position, or the last one when only answers were waiting.
    pub position: u64,
    /// Its outcomes, each with the answers that are true right after it and not before.
    pub entries: Vec<CountedEntry<D>>,
    /// Answers that are true after all of them.
    pub answers: Vec<(Route, D::Answer)>,
}

/// An outcome that counts.
pub struct CountedEntry<D: Domain> {
    /// Of which aggregate.
    pub id: D::Id,
    /// The outcome.
    pub logged: Arc<Logged<D::Outcome>>,
    /// Answers that are true right after it.
    pub answers: Vec<(Route, D::Answer)>,
}

/// What the owner asks its driver to do, in order.
pub enum Effect<D: Domain> {
    /// Append this record; tell the result by [`super::Owner::appended`].
    Append {
        /// Which of ours; 0 is the claim.
        ordinal: u64,
        /// The record.
        payload: Bytes,
    },
    /// Load this; tell the result by [`super::Owner::loaded`].
    Load {
        /// Of which aggregate.
        id: D::Id,
        /// What.
        want: Want<D::Extra>,
    },
    /// The claim counts: read IN from after this position.
    Owning {
        /// The generation.
        generation: u64,
        /// The last position of IN that is known to be decided.
        in_position: u64,
    },
    /// Deliver.
    Counted(Counted<D>),
}
