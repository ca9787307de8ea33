//! The engine alone: a domain that decides nothing, so that what is measured is records, pipeline and tail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use kefu_model::ids::At;
use kefu_model::reader::LogCursor;
use kefu_nats::PayloadError;
use kefu_nats::engine::{Domain, Effect, Limits, Owner, Route, Row, Step};

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

    fn overloaded(&self) -> u64 {
        0
    }
}

/// Answers each append at once with the next position; returns how many answers were delivered.
fn drive(owner: &mut Owner<Counter>, position: &mut u64) -> usize {
    let mut delivered = 0;
    loop {
        let effects = owner.effects();
        if effects.is_empty() {
            return delivered;
        }
        for effect in effects {
            match effect {
                Effect::Append { ordinal: 0, payload } => {
                    *position += 1;
                    owner.record(*position, &payload, At(0)).expect("the claim counts");
                }
                Effect::Append { ordinal, .. } => {
                    *position += 1;
                    owner.appended(ordinal, Some(*position), At(0)).expect("it counts");
                }
                Effect::Load { id, .. } => {
                    owner.loaded(&id, Row::State { state: 0, position: 0 }, At(0)).expect("it loads");
                }
                Effect::Owning { .. } => owner.begin_intake(0),
                Effect::Counted(counted) => delivered += counted.entries.len(),
            }
        }
    }
}

/// 100 commands of 100 aggregates in one envelope, through one record.
pub(crate) fn owner(criterion: &mut Criterion) {
    let mut owner = Owner::claim(Arc::new(Counter), Limits::default(), "bench", 1, LogCursor::default(), At(0));
    let mut position = 0;
    drive(&mut owner, &mut position);
    let peer: Arc<str> = "edge".into();
    let mut envelope = 0;
    let mut group = criterion.benchmark_group("engine");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 commands", |bencher| {
        bencher.iter(|| {
            envelope += 1;
            let commands = (0..100).map(|id| (Route::Peer { peer: peer.clone(), token: id }, Ok(id))).collect();
            owner.envelope(envelope, commands, At(0));
            assert_eq!(drive(&mut owner, &mut position), 100);
            owner.archived(position);
        });
    });
    group.finish();
}
