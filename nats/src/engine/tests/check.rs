//! What must hold after a run, read from the log by the rule alone.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use kefu_model::conversation::DeviceLog;
use kefu_model::{At, ConversationId, DeviceId, Identity, Outcome};

use super::Mutation;
use super::shelf::Shelf;
use super::world::World;
use crate::codec;

/// The records that count, with their outcomes, and a reader's state after each.
struct Truth {
    records: Vec<(u64, Vec<Outcome>)>,
    steps: Vec<Shelf>,
}

fn truth(world: &World) -> Result<Truth, String> {
    let mut shelf = Shelf::default();
    let (mut records, mut steps) = (Vec::new(), vec![shelf.clone()]);
    for (bytes, position) in world.log.iter().zip(1..) {
        let outcomes = shelf.take(position, bytes, Mutation::None).map_err(|why| format!("the log: {why}"))?;
        if !outcomes.is_empty() {
            records.push((position, outcomes));
        }
        steps.push(shelf.clone());
    }
    Ok(Truth { records, steps })
}

pub(super) fn check(world: &World) -> Result<(), String> {
    let truth = truth(world)?;
    check_commands(world, &truth)?;
    check_order(&truth)?;
    check_deliveries(world, &truth)?;
    check_looks(world, &truth)?;
    check_readers(world, &truth)?;
    check_owners(world, &truth)
}

fn outcomes(truth: &Truth) -> impl Iterator<Item = &Outcome> {
    truth.records.iter().flat_map(|(_, outcomes)| outcomes)
}

/// Each answered command is there once, with the answer that was given.
fn check_commands(world: &World, truth: &Truth) -> Result<(), String> {
    let mut found: HashMap<(usize, usize), &Outcome> = HashMap::new();
    for outcome in outcomes(truth).filter(|outcome| outcome.identity.is_some()) {
        let sender = world.sender_of(outcome.conversation, outcome.identity.as_ref());
        let sender = sender.ok_or_else(|| format!("nobody sent {:?}", outcome.identity))?;
        if found.insert(sender, outcome).is_some() {
            return Err(format!("{:?} is in the log more than once", outcome.identity));
        }
    }
    for (number, client) in world.clients.iter().enumerate() {
        if let Some((index, first, second)) = &client.changed {
            return Err(format!("command {index} of client {number} was answered {first:?}, then {second:?}"));
        }
        for (index, answer) in client.answers.iter().enumerate() {
            let Some(answer) = answer else { continue };
            match found.get(&(number, index)) {
                None => return Err(format!("command {index} of client {number} was acked and is not in the log")),
                Some(outcome) if outcome.answer() != *answer => {
                    return Err(format!("command {index} of client {number}: {:?}, told {answer:?}", outcome.answer()));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Numbers without holes, each device in its order, time never back.
fn check_order(truth: &Truth) -> Result<(), String> {
    let mut heads: HashMap<ConversationId, (u64, u64)> = HashMap::new();
    let mut devices: HashMap<(ConversationId, DeviceId), u64> = HashMap::new();
    let mut last_at = At::default();
    for outcome in outcomes(truth) {
        let head = heads.entry(outcome.conversation).or_default();
        for numbered in outcome.events() {
            head.0 += u64::from(numbered.event.takes_rev());
            head.1 += u64::from(numbered.event.takes_seq());
            if (numbered.rev, numbered.seq) != *head {
                return Err(format!("{numbered:?} stands at {head:?}"));
            }
        }
        if let Some(Identity::Device { device, n }) = &outcome.identity {
            let last = devices.entry((outcome.conversation, device.clone())).or_default();
            *last += 1;
            if n != last {
                return Err(format!("{n} of {device} comes after {}", *last - 1));
            }
        }
        if outcome.at < last_at {
            return Err(format!("time went back from {last_at:?} to {:?}", outcome.at));
        }
        last_at = outcome.at;
    }
    Ok(())
}

/// Only what counts was delivered, each record once.
fn check_deliveries(world: &World, truth: &Truth) -> Result<(), String> {
    let counted: HashMap<u64, Vec<Bytes>> = truth
        .records
        .iter()
        .map(|(position, outcomes)| (*position, outcomes.iter().map(codec::encode_outcome).collect()))
        .collect();
    let mut delivered = HashSet::new();
    for (position, bytes) in &world.delivered {
        if counted.get(position) != Some(bytes) {
            return Err(format!("record {position} was delivered and does not count so"));
        }
        if !delivered.insert(position) {
            return Err(format!("record {position} was delivered twice"));
        }
    }
    Ok(())
}

/// Nobody was told of a state that never counted.
fn check_looks(world: &World, truth: &Truth) -> Result<(), String> {
    let mut states: HashSet<(ConversationId, u64, u64)> = HashSet::new();
    for shelf in &truth.steps {
        states.extend(shelf.states.iter().map(|(id, (state, _))| (*id, state.rev, state.seq)));
    }
    for outcome in outcomes(truth) {
        if let Some(last) = outcome.events().last() {
            states.insert((outcome.conversation, last.rev, last.seq));
        }
    }
    match world.seen.iter().find(|(id, rev, seq)| *rev > 0 && !states.contains(&(*id, *rev, *seq))) {
        Some(seen) => Err(format!("{seen:?} was told and never counted")),
        None => Ok(()),
    }
}

/// A reader from a checkpoint and the archiver agree with the reader from the start.
fn check_readers(world: &World, truth: &Truth) -> Result<(), String> {
    let whole = truth.steps.last().ok_or("no steps")?;
    for after in [truth.steps.len() / 3, truth.steps.len() / 2] {
        let mut reader = truth.steps[after].clone();
        for (bytes, position) in world.log.iter().zip(1..).skip(after) {
            reader.take(position, bytes, Mutation::None)?;
        }
        if let Some(difference) = reader.difference(whole) {
            return Err(format!("the reader from {after} differs: {difference}"));
        }
    }
    let archived = usize::try_from(world.store.cursor.position).map_err(|error| error.to_string())?;
    match world.store.difference(&truth.steps[archived]) {
        Some(difference) => Err(format!("the archiver differs: {difference}")),
        None => Ok(()),
    }
}

/// What an owner that is at rest has in its tail and its hot states is what counts.
fn check_owners(world: &World, truth: &Truth) -> Result<(), String> {
    for (number, node) in world.nodes.iter().enumerate() {
        let Some(owner) = node.owner.as_ref().filter(|owner| owner.is_idle() && owner.generation().is_some()) else {
            continue;
        };
        let known = owner.cursor().position;
        let shelf = &truth.steps[usize::try_from(known).map_err(|error| error.to_string())?];
        for (id, (state, _)) in &shelf.states {
            let expected: Vec<(u64, Bytes)> = truth
                .records
                .iter()
                .filter(|(position, _)| (owner.tail().start() + 1..=known).contains(position))
                .flat_map(|(position, outcomes)| outcomes.iter().map(move |outcome| (*position, outcome)))
                .filter(|(_, outcome)| outcome.conversation == *id)
                .map(|(position, outcome)| (position, codec::encode_outcome(outcome)))
                .collect();
            let tail: Vec<(u64, Bytes)> =
                owner.tail().of(id).map(|(position, logged)| (position, logged.bytes.clone())).collect();
            if tail != expected {
                return Err(format!("the tail of node {number} differs at {id}"));
            }
            // A superseded owner may have loaded a row that is ahead of what it has read; it writes nothing any more.
            let current = known == world.head();
            if current
                && let Some(hot) = owner.state(id)
                && hot.conversation != *state
            {
                return Err(format!("the hot state of node {number} differs: {:?} and {state:?}", hot.conversation));
            }
            for (device, log) in owner.state(id).filter(|_| current).into_iter().flat_map(|hot| &hot.devices) {
                check_device(truth, *id, device, log)?;
            }
        }
    }
    Ok(())
}

fn check_device(truth: &Truth, id: ConversationId, device: &DeviceId, log: &DeviceLog) -> Result<(), String> {
    let of = |outcome: &&Outcome| {
        outcome.conversation == id
            && matches!(&outcome.identity, Some(Identity::Device { device: of, .. }) if of == device)
    };
    let last_n = outcomes(truth).filter(of).count() as u64;
    if log.last_n == last_n { Ok(()) } else { Err(format!("{device} is at {last_n}, not {}", log.last_n)) }
}
