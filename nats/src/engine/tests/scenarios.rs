//! One story each.

use kefu_model::command::Answer;
use kefu_model::{At, Refusal};

use super::Mutation;
use super::check::check;
use super::clients::{Client, conversation};
use super::domain::Ask;
use super::world::{Fate, World};
use crate::engine::{Limits, Lost};

/// Two nodes and one device with some commands; a record holds one outcome.
fn world(commands: usize) -> World {
    let mut world = World::new(2, vec![Client::new("d", 0, true, commands)], Mutation::None);
    world.limits.record_outcomes = 1;
    world
}

/// The node's claim counts and is known to.
fn own(world: &mut World, node: usize) {
    world.claim(node);
    flush(world, node);
    assert!(world.nodes[node].owner.as_ref().is_some_and(|owner| owner.generation().is_some()));
}

/// The node takes everything in and decides it.
fn decide(world: &mut World, node: usize) {
    while world.take_in(node) {}
    while !world.nodes[node].loads.is_empty() {
        world.read_row(node, 0);
        world.finish_load(node, 0);
    }
}

fn ack_all(world: &mut World, node: usize) {
    while !world.nodes[node].acks.is_empty() {
        world.ack(node, 0);
    }
}

fn read_all(world: &mut World, node: usize) {
    while world.read(node) {}
}

/// Everything that the node sends is stored, answered and read.
fn flush(world: &mut World, node: usize) {
    while !world.nodes[node].appends.is_empty() {
        world.store_next(node, Fate::Stored);
        ack_all(world, node);
        read_all(world, node);
    }
    read_all(world, node);
}

fn archive_all(world: &mut World) {
    while world.archive().unwrap() {}
    world.write_checkpoint();
}

fn send_all(world: &mut World) {
    let indexes = world.clients[0].unanswered();
    world.send(0, indexes);
}

/// The seqs with which the client's commands were acked so far.
fn acked(world: &World) -> Vec<Option<u64>> {
    let seq = |answer: &Option<Answer>| match answer {
        Some(Answer::Accepted { seq, .. }) => *seq,
        _ => None,
    };
    world.clients[0].answers.iter().map(seq).collect()
}

/// The node claims, the client sends the rest again, and all is well.
fn finish(world: &mut World, node: usize) {
    own(world, node);
    for _ in 0..4 {
        send_all(world);
        decide(world, node);
        flush(world, node);
    }
    assert!(world.clients[0].is_done(), "{:?}", world.clients[0].answers);
    archive_all(world);
    check(world).unwrap();
}

#[test]
fn of_two_owners_one_counts() {
    let mut world = world(2);
    own(&mut world, 0);
    own(&mut world, 1);
    send_all(&mut world);
    for node in [0, 1] {
        decide(&mut world, node);
    }
    world.store_next(0, Fate::Stored);
    ack_all(&mut world, 0);
    assert_eq!(acked(&world), [None, None], "the older one does not know that its record counts, and it does not");
    flush(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2)]);
    read_all(&mut world, 0);
    assert!(matches!(world.nodes[0].lost, Some(Lost::Superseded { position: 2, .. })));
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn a_zombie_may_append_for_as_long_as_it_likes() {
    let mut world = world(4);
    own(&mut world, 0);
    own(&mut world, 1);
    for _ in 0..3 {
        send_all(&mut world);
        decide(&mut world, 0);
        while !world.nodes[0].appends.is_empty() {
            world.store_next(0, Fate::Stored);
            ack_all(&mut world, 0);
        }
    }
    assert!(world.nodes[0].owner.is_some(), "it has read nothing of its successor");
    assert_eq!(acked(&world), [None; 4]);
    decide(&mut world, 1);
    flush(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3), Some(4)]);
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn a_pipeline_broken_in_the_middle_counts_up_to_there() {
    let mut world = world(3);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    assert_eq!(world.nodes[0].appends.len(), 3);
    for fate in [Fate::Stored, Fate::Lost, Fate::Stored] {
        world.store_next(0, fate);
    }
    world.ack(0, 2);
    assert_eq!(acked(&world), [None; 3]);
    world.ack(0, 0);
    assert_eq!(acked(&world), [Some(1), None, None]);
    world.ack(0, 0);
    assert!(matches!(world.nodes[0].lost, Some(Lost::Append { ordinal: 2 })));
    finish(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3)]);
    assert_eq!(world.nodes[1].owner.as_ref().unwrap().void_records(), 1);
}

#[test]
fn a_record_of_ours_that_does_not_count_ends_us() {
    let mut world = world(3);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    for fate in [Fate::StoredLate, Fate::Stored, Fate::Stored] {
        world.store_next(0, fate);
    }
    world.nodes[0].acks.remove(0);
    ack_all(&mut world, 0);
    read_all(&mut world, 0);
    assert!(matches!(world.nodes[0].lost, Some(Lost::Void { ordinal: 2, .. })), "{:?}", world.nodes[0].lost);
    // The first one arrives after all, before the next claim: then it counts.
    world.store_late(0);
    finish(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3)]);
}

#[test]
fn an_ambiguous_append_is_answered_the_same_whether_it_happened_or_not() {
    for fate in [Fate::StoredUnknown, Fate::Lost] {
        let mut world = world(2);
        own(&mut world, 0);
        send_all(&mut world);
        decide(&mut world, 0);
        world.store_next(0, fate);
        ack_all(&mut world, 0);
        assert!(matches!(world.nodes[0].lost, Some(Lost::Append { ordinal: 1 })));
        assert_eq!(acked(&world), [None, None]);
        finish(&mut world, 0);
        assert_eq!(acked(&world), [Some(1), Some(2)]);
    }
}

#[test]
fn an_append_that_arrives_after_the_next_claim_is_void() {
    let mut world = world(2);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    world.store_next(0, Fate::StoredLate);
    ack_all(&mut world, 0);
    own(&mut world, 1);
    world.store_late(0);
    finish(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2)]);
}

#[test]
fn a_record_read_back_is_as_good_as_an_answer() {
    let mut world = world(1);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    world.store_next(0, Fate::StoredSilently);
    assert_eq!(acked(&world), [None]);
    read_all(&mut world, 0);
    assert_eq!(acked(&world), [Some(1)]);
    check(&world).unwrap();
}

#[test]
fn a_record_stored_twice_counts_once() {
    let mut world = world(2);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    world.store_next(0, Fate::StoredTwice);
    ack_all(&mut world, 0);
    flush(&mut world, 0);
    assert_eq!(acked(&world), [Some(1), Some(2)]);
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn a_question_waits_for_what_it_saw() {
    let mut world = world(1);
    own(&mut world, 0);
    send_all(&mut world);
    decide(&mut world, 0);
    world.ask(0, Ask::Look(conversation(0)));
    assert!(world.seen.is_empty(), "the message is in the state and does not count yet");
    flush(&mut world, 0);
    assert_eq!(world.seen, [(conversation(0), 4, 1)]);
}

#[test]
fn a_state_evicted_while_its_extra_loads_is_loaded_again() {
    let mut world = world(2);
    own(&mut world, 0);
    world.send(0, vec![0]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    archive_all(&mut world);
    world.announce(0);
    world.now += 1_000;
    world.evict(0);
    world.send(0, vec![1]);
    while world.take_in(0) {}
    world.read_row(0, 0);
    world.finish_load(0, 0);
    assert_eq!(world.nodes[0].loads.len(), 1, "the state is there, the device's answers are asked for");
    world.read_row(0, 0);
    world.now += 1_000;
    world.evict(0);
    assert!(world.nodes[0].owner.as_ref().unwrap().state(&conversation(0)).is_none());
    world.finish_load(0, 0);
    decide(&mut world, 0);
    flush(&mut world, 0);
    assert_eq!(acked(&world), [Some(1), Some(2)]);
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn the_tail_keeps_what_a_slow_load_lacks() {
    let mut world = world(3);
    own(&mut world, 0);
    world.send(0, vec![0, 1]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    // The successor starts behind nothing; its load reads the store before the archiver has written anything.
    own(&mut world, 1);
    world.send(0, vec![2]);
    while world.take_in(1) {}
    world.read_row(1, 0);
    archive_all(&mut world);
    world.announce(1);
    world.finish_load(1, 0);
    decide(&mut world, 1);
    flush(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3)]);
    world.announce(1);
    assert_eq!(world.nodes[1].owner.as_ref().unwrap().tail().start(), world.checkpoint.position);
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn a_tail_without_room_stops_the_intake_after_a_recovery_too() {
    let mut world = world(2);
    world.limits.tails_max_bytes = 1;
    let is_saturated = |world: &World, node: usize| world.nodes[node].owner.as_ref().unwrap().is_saturated();
    own(&mut world, 0);
    assert!(!is_saturated(&world, 0));
    world.send(0, vec![0]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    assert!(is_saturated(&world, 0));
    own(&mut world, 1);
    assert!(is_saturated(&world, 1), "what is read again is counted");
    archive_all(&mut world);
    world.announce(1);
    assert!(!is_saturated(&world, 1));
    check(&world).unwrap();
}

#[test]
fn an_inbox_that_was_lost_costs_a_resend() {
    let mut world = world(4);
    own(&mut world, 0);
    world.send(0, vec![0]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    world.send(0, vec![1]);
    world.lose_inbox();
    decide(&mut world, 0);
    assert_eq!(acked(&world)[..2], [Some(1), None]);
    // The new one is shorter than what the last record says; a successor reads it from its start.
    finish(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn a_stopped_owner_writes_down_what_it_decided() {
    let mut world = world(4);
    own(&mut world, 0);
    world.send(0, vec![0, 1, 2]);
    decide(&mut world, 0);
    world.stop(0);
    world.send(0, vec![3]);
    assert!(!world.is_idle(0));
    flush(&mut world, 0);
    assert!(world.is_idle(0));
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3), None]);
    world.drop_owner(0);
    own(&mut world, 1);
    decide(&mut world, 1);
    flush(&mut world, 1);
    assert_eq!(acked(&world), [Some(1), Some(2), Some(3), Some(4)], "without being sent again");
    archive_all(&mut world);
    check(&world).unwrap();
}

#[test]
fn time_goes_on_from_the_last_outcome_even_when_all_is_archived() {
    let mut world = world(2);
    world.nodes[0].skew = 60_000;
    own(&mut world, 0);
    world.send(0, vec![0]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    archive_all(&mut world);
    own(&mut world, 1);
    archive_all(&mut world);
    world.claim(1);
    flush(&mut world, 1);
    send_all(&mut world);
    decide(&mut world, 1);
    flush(&mut world, 1);
    let Some(Answer::Accepted { at, .. }) = world.clients[0].answers[1] else { panic!("it is accepted") };
    assert_eq!(at, At(1_060_000));
    check(&world).unwrap();
}

#[test]
fn what_was_decided_before_a_checkpoint_at_the_end_of_the_log_is_not_taken_again() {
    let mut world = world(3);
    own(&mut world, 0);
    world.send(0, vec![0, 1]);
    decide(&mut world, 0);
    flush(&mut world, 0);
    archive_all(&mut world);
    own(&mut world, 1);
    assert!(!world.take_in(1), "nothing of IN is left to be decided");
    finish(&mut world, 1);
}

#[test]
fn a_question_that_is_asked_again_takes_no_place_of_a_command_that_waits_for_a_load() {
    let mut world = world(6);
    world.limits = Limits { loading_commands: 4, ..world.limits };
    own(&mut world, 0);
    for _ in 0..8 {
        world.ask(0, Ask::Look(conversation(0)));
    }
    world.send(0, vec![0, 1]);
    while world.take_in(0) {}
    decide(&mut world, 0);
    flush(&mut world, 0);
    assert_eq!(acked(&world)[..2], [Some(1), Some(2)]);
    finish(&mut world, 0);
}

#[test]
fn commands_beyond_what_may_wait_for_a_load_are_refused_and_can_be_sent_again() {
    let mut world = world(6);
    world.limits = Limits { loading_commands: 2, ..world.limits };
    own(&mut world, 0);
    for index in 0..4 {
        world.send(0, vec![index]);
    }
    while world.take_in(0) {}
    decide(&mut world, 0);
    flush(&mut world, 0);
    assert_eq!(acked(&world)[..3], [Some(1), Some(2), None]);
    assert!(!world.clients[0].answers.iter().flatten().any(|answer| *answer == Answer::refused(Refusal::Overloaded)));
    finish(&mut world, 0);
}
