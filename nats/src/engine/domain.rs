//! What the engine needs to know of what it decides.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use kefu_model::ids::At;

use crate::payload::PayloadError;

/// A kind of aggregate that an owner decides: conversations, or allocation.
///
/// `decide` and `apply` are pure. A state may lack **extras**, rows that are kept apart from it because they are many and
/// seldom needed (the answers to one device, to one key); a command that needs one waits until it is loaded.
pub trait Domain: Send + Sync + 'static {
    /// Names an aggregate.
    type Id: Clone + Eq + Hash + Ord + Debug + Send + Sync;
    /// Names an extra of an aggregate.
    type Extra: Clone + Eq + Hash + Debug + Send + Sync;
    /// An extra as it is loaded.
    type ExtraRow: Send + Sync;
    /// What is wanted; questions about the state are commands too.
    type Command: Send + Sync + Debug;
    /// What was decided.
    type Outcome: Send + Sync + Debug;
    /// What the sender is told.
    type Answer: Send + Sync + Debug;
    /// The hot state of an aggregate.
    type State: Send + Sync;

    /// Reads a command from an envelope.
    ///
    /// # Errors
    /// When it is malformed or of a version not known here.
    fn decode_command(&self, bytes: &[u8]) -> Result<Self::Command, PayloadError>;
    /// Writes an outcome for the log.
    fn encode_outcome(&self, outcome: &Self::Outcome) -> Bytes;
    /// Reads an outcome from the log.
    ///
    /// # Errors
    /// When it is malformed or of a kind not known here: the reader stops.
    fn decode_outcome(&self, bytes: &[u8]) -> Result<Self::Outcome, PayloadError>;
    /// Whom a command is for.
    fn command_id(&self, command: &Self::Command) -> Self::Id;
    /// Whom an outcome is of.
    fn outcome_id(&self, outcome: &Self::Outcome) -> Self::Id;
    /// When an outcome was decided.
    fn outcome_at(&self, outcome: &Self::Outcome) -> At;
    /// The extra that must be loaded before the command can be decided, if any.
    fn missing(&self, state: &Self::State, command: &Self::Command) -> Option<Self::Extra>;
    /// Decides.
    fn decide(&self, state: &Self::State, command: &Self::Command, now: At) -> Step<Self::Outcome, Self::Answer>;
    /// Applies an outcome, to the extras that the state has too.
    ///
    /// # Errors
    /// A text that says why the outcome does not follow from the state: the owner stops.
    fn apply(&self, state: &mut Self::State, outcome: &Self::Outcome) -> Result<(), String>;
    /// Takes an extra into the state.
    fn adopt(&self, state: &mut Self::State, extra: &Self::Extra, row: Self::ExtraRow);
    /// Applies an outcome to one extra alone.
    fn apply_extra(&self, state: &mut Self::State, extra: &Self::Extra, outcome: &Self::Outcome);
    /// Forgets extras beyond a bound; they can be loaded again. Called only while nothing is in flight.
    fn trim(&self, state: &mut Self::State);
    /// Whether its sender asks this again by itself until there is an answer: it may be dropped.
    fn is_asked_again(&self, command: &Self::Command) -> bool;
    /// What a sender is told when its command cannot even wait.
    fn overloaded(&self) -> Self::Answer;
}

/// An outcome of the log, with whom it is of.
pub(super) type OfAggregate<D> = (<D as Domain>::Id, Arc<Logged<<D as Domain>::Outcome>>);

/// A record's outcomes as they stand in the log.
///
/// # Errors
/// When one is malformed or of a kind not known here.
pub(super) fn read_outcomes<D: Domain>(
    domain: &D,
    outcomes: &[&serde_bytes::Bytes],
) -> Result<Vec<OfAggregate<D>>, PayloadError> {
    let read = |bytes: &&serde_bytes::Bytes| {
        let outcome = domain.decode_outcome(bytes)?;
        let bytes = Bytes::copy_from_slice(bytes);
        Ok((domain.outcome_id(&outcome), Arc::new(Logged { outcome, bytes })))
    };
    outcomes.iter().map(read).collect()
}

/// What a decision asks for.
#[derive(Debug)]
pub enum Step<O, A> {
    /// Write this down, then answer.
    Record(O, A),
    /// Answer; nothing is written.
    Answer(A),
    /// Nothing at all.
    Nothing,
}

/// An outcome and its encoding.
#[derive(Debug)]
pub struct Logged<O> {
    /// The outcome.
    pub outcome: O,
    /// As it stands in the log.
    pub bytes: Bytes,
}

/// What must be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want<E> {
    /// The aggregate's state.
    State,
    /// One of its extras.
    Extra(E),
}

/// What was loaded. It includes every outcome up to its position, and possibly some of none after.
pub enum Row<D: Domain> {
    /// A state.
    State {
        /// As of `position`; an aggregate without a row is in its first state at position 0.
        state: D::State,
        /// The log position up to which the row includes the outcomes of this aggregate.
        position: u64,
    },
    /// An extra.
    Extra {
        /// Which.
        extra: D::Extra,
        /// As of `position`.
        row: D::ExtraRow,
        /// The log position up to which the row includes the outcomes that touch it.
        position: u64,
    },
}
