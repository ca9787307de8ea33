//! The engine alone: a domain that decides nothing, so that what is measured is records, pipeline and tail.

use std::sync::Arc;

use bytes::Bytes;
use kefu_model::ids::At;
use kefu_model::reader::LogCursor;
use kefu_nats::PayloadError;
use kefu_nats::engine::{Before, Domain, Effect, Limits, Owner, Route, Row, Step};

/// Counts commands.
struct Counter;

impl Domain for Counter {
    type Id = u64;
    type Extra = ();
    type ExtraRow = ();
    type Command = u64;
    type Outcome = Bytes;
    type Answer = u64;
    type State = u64;

    fn decode_command(&self, _: &[u8]) -> Result<u64, PayloadError> {
        Ok(0)
    }

    fn encode_outcome(&self, outcome: &Bytes) -> Bytes {
        outcome.clone()
    }

    fn decode_outcome(&self, bytes: &[u8]) -> Result<Bytes, PayloadError> {
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn command_id(&self, command: &u64) -> u64 {
        *command
    }

    fn outcome_id(&self, _: &Bytes) -> u64 {
        0
    }

    fn outcome_at(&self, _: &Bytes) -> At {
        At(0)
    }

    fn missing(&self, _: &u64, _: &u64) -> Option<()> {
        None
    }

    fn decide(&self, state: &u64, _: &u64, _: At) -> Step<Bytes, u64> {
        Step::Record(Bytes::from_static(&[7; 150]), *state)
    }

    fn apply(&self, state: &mut u64, _: &Bytes) -> Result<(), String> {
        *state += 1;
        Ok(())
    }

    fn adopt(&self, _: &mut u64, (): &(), (): ()) {}

    fn apply_extra(&self, _: &mut u64, (): &(), _: &Bytes) {}

    fn trim(&self, _: &mut u64) {}

    fn is_asked_again(&self, _: &Self::Command) -> bool {
        false
    }

    fn overloaded(&self) -> u64 {
        0
    }
}

/// An owner whose appends are answered at once.
pub(crate) struct Engine {
    owner: Owner<Counter>,
    peer: Arc<str>,
    /// Of the last record.
    position: u64,
    envelopes: u64,
}

impl Engine {
    pub(crate) fn claim() -> Self {
        let owner =
            Owner::claim(Arc::new(Counter), Limits::default(), "bench", 1, LogCursor::default(), Before::default());
        let mut engine = Self { owner, peer: "edge".into(), position: 0, envelopes: 0 };
        engine.drive();
        engine
    }

    /// So many commands, each of another aggregate, in one envelope, until each is answered and archived.
    pub(crate) fn commands(&mut self, count: u64) {
        self.envelopes += 1;
        let commands = (0..count).map(|id| (Route::Peer { peer: self.peer.clone(), token: id }, Ok(id))).collect();
        self.owner.envelope(self.envelopes, commands, At(0));
        assert_eq!(self.drive(), count);
        self.owner.archived(self.position);
    }

    /// Answers each append with the next position; returns how many answers were delivered.
    fn drive(&mut self) -> u64 {
        let mut delivered = 0;
        loop {
            let effects = self.owner.effects();
            if effects.is_empty() {
                return delivered;
            }
            for effect in effects {
                delivered += self.follow(effect);
            }
        }
    }

    fn follow(&mut self, effect: Effect<Counter>) -> u64 {
        match effect {
            Effect::Append { ordinal: 0, payload } => {
                self.position += 1;
                self.owner.record(self.position, &payload, At(0)).expect("the claim counts");
            }
            Effect::Append { ordinal, .. } => {
                self.position += 1;
                self.owner.appended(ordinal, Some(self.position), At(0)).expect("it counts");
            }
            Effect::Load { id, .. } => {
                self.owner.loaded(&id, Row::State { state: 0, position: 0 }, At(0)).expect("it loads");
            }
            Effect::Owning { .. } => self.owner.begin_intake(0),
            Effect::Counted(counted) => return counted.entries.len() as u64,
        }
        0
    }
}
