mod sessions;

use super::{Fault, check};
use crate::crash::continuity::Continuity;
use crate::crash::observed::{Answer, Command, Entry, History, Observations, Planned, Transcript, Unread, Wanted};

const CONVERSATION: &str = "s1";

fn message(rev: u64, seq: u64, text: &str) -> Entry {
    let print = format!("message {rev} {seq} {text}");
    Entry { rev, seq: Some(seq), kind: "message".to_owned(), text: Some(text.to_owned()), turn: None, print }
}

fn event(rev: u64, kind: &str) -> Entry {
    Entry { rev, seq: None, kind: kind.to_owned(), text: None, turn: None, print: format!("{kind} {rev}") }
}

fn command(order: u64, text: &str, rev: u64, seq: u64) -> Command {
    Command {
        conversation: CONVERSATION.to_owned(),
        sender: "kehu:v".to_owned(),
        lane: "phone".to_owned(),
        order,
        wanted: Wanted::Message { text: text.to_owned() },
        answers: vec![Answer::Accepted { rev, seq: Some(seq) }],
    }
}

fn transcript(observer: &str, entries: &[Entry]) -> Transcript {
    Transcript {
        observer: observer.to_owned(),
        conversation: CONVERSATION.to_owned(),
        staff: false,
        from: 0,
        entries: entries.to_vec(),
        to_the_end: true,
    }
}

fn history(entries: &[Entry]) -> History {
    let entries: Vec<_> = entries.iter().filter(|entry| entry.seq.is_some()).cloned().collect();
    History {
        source: "history".to_owned(),
        conversation: CONVERSATION.to_owned(),
        staff: false,
        rev: entries.last().map_or(0, |entry| entry.rev),
        seq: entries.last().and_then(|entry| entry.seq).unwrap_or(0),
        entries,
        complete: true,
    }
}

fn told() -> Vec<Entry> {
    vec![event(1, "session_opened"), message(2, 1, "a"), message(3, 2, "b"), message(4, 3, "c")]
}

/// Three messages, seen live, on a resume and in the history, all alike.
fn sound() -> Observations {
    let unread = Unread {
        observer: "kehu:v".to_owned(),
        conversation: CONVERSATION.to_owned(),
        seq: 3,
        read: 2,
        unread: 1,
        read_at_least: 2,
    };
    Observations {
        commands: vec![command(1, "a", 2, 1), command(2, "b", 3, 2), command(3, "c", 4, 3)],
        transcripts: vec![transcript("live", &told()), transcript("resumed", &told())],
        histories: vec![history(&told())],
        unread: vec![unread],
        ..Observations::default()
    }
}

fn faults(change: impl FnOnce(&mut Observations)) -> Vec<Fault> {
    let mut observed = sound();
    change(&mut observed);
    check(&observed)
}

#[track_caller]
fn assert_has(faults: &[Fault], is_it: impl Fn(&Fault) -> bool) {
    assert!(faults.iter().any(is_it), "not among {faults:#?}");
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(check(&sound()), []);
}

/// The fault "ack before the append is known": the process was killed between the ack and the append.
#[test]
fn an_ack_before_the_append_is_known_is_caught() {
    let lost = faults(|observed| {
        observed.transcripts.iter_mut().for_each(|transcript| drop(transcript.entries.pop()));
        observed.histories = vec![history(&told()[..3])];
    });
    assert_has(&lost, |fault| matches!(fault, Fault::Lost { observer, rev: 4, .. } if observer == "anybody"));
}

/// The same fault, when the number was given to another message after the restart.
#[test]
fn a_number_acked_before_the_append_and_given_again_is_caught() {
    let reused = faults(|observed| {
        let other = message(4, 3, "d");
        observed.commands.push(command(4, "d", 4, 3));
        for transcript in &mut observed.transcripts {
            transcript.entries[3] = other.clone();
        }
        observed.histories = vec![history(&[&told()[..3], &[other]].concat())];
    });
    assert_has(&reused, |fault| matches!(fault, Fault::SharedNumber { .. }));
    assert_has(&reused, |fault| matches!(fault, Fault::Lost { rev: 4, .. }));
}

/// The same fault, when a receiver had the message live before the kill.
#[test]
fn a_message_delivered_before_the_append_and_gone_is_caught() {
    let gone = faults(|observed| {
        observed.transcripts[1].entries.pop();
        observed.histories = vec![history(&told()[..3])];
    });
    assert_has(&gone, |fault| matches!(fault, Fault::NotInHistory { rev: 4, .. }));
    assert_has(&gone, |fault| matches!(fault, Fault::Behind { observer, at: 3, head: 4, .. } if observer == "resumed"));
}

/// The fault "deduplication off": a command sent again is decided again.
#[test]
fn deduplication_off_is_caught() {
    let doubled = faults(|observed| {
        observed.commands[2].answers.push(Answer::Accepted { rev: 5, seq: Some(4) });
        let twice = [told(), vec![message(5, 4, "c")]].concat();
        observed.transcripts = vec![transcript("live", &twice), transcript("resumed", &twice)];
        observed.histories = vec![history(&twice)];
        observed.unread.clear();
    });
    assert_has(&doubled, |fault| matches!(fault, Fault::Doubled { one: 4, other: 5, .. }));
    assert_has(&doubled, |fault| matches!(fault, Fault::AnswersDiffer { .. }));
}

/// The same fault, when only the first answer arrived.
#[test]
fn deduplication_off_is_caught_without_a_second_answer() {
    let doubled = faults(|observed| {
        let twice = [told(), vec![message(5, 4, "a")]].concat();
        observed.transcripts = vec![transcript("live", &twice)];
        observed.histories = vec![history(&twice)];
    });
    assert_has(&doubled, |fault| matches!(fault, Fault::Doubled { one: 2, other: 5, .. }));
}

/// The fault "a reader that skips an outcome": the archiver.
#[test]
fn an_archiver_that_skips_an_outcome_is_caught() {
    let skipped = faults(|observed| {
        observed.histories[0].entries.remove(1);
    });
    assert_has(&skipped, |fault| matches!(fault, Fault::Hole { number: "seq", after: 1, next: 3, .. }));
    assert_has(&skipped, |fault| matches!(fault, Fault::Lost { rev: 3, .. }));
    assert_has(&skipped, |fault| matches!(fault, Fault::NotInHistory { rev: 3, .. }));
}

/// The same fault: the delivery to one client.
#[test]
fn a_delivery_that_skips_an_outcome_is_caught() {
    let skipped = faults(|observed| {
        observed.transcripts[0].entries.remove(2);
    });
    assert_has(&skipped, |fault| matches!(fault, Fault::Hole { number: "rev", after: 2, next: 4, .. }));
    assert_has(&skipped, |fault| matches!(fault, Fault::Lost { observer, .. } if observer == "live"));
}

/// The same fault: an owner that skipped one after its claim gives its numbers again.
#[test]
fn an_owner_that_skips_an_outcome_is_caught() {
    let renumbered = faults(|observed| {
        let other = [&told()[..3], &[message(4, 3, "d")]].concat();
        observed.commands.push(command(4, "d", 4, 3));
        observed.transcripts.push(transcript("later", &other));
    });
    assert_has(&renumbered, |fault| matches!(fault, Fault::Disagreement { number: "rev", at: 4, .. }));
    assert_has(&renumbered, |fault| matches!(fault, Fault::SharedNumber { .. }));
}

/// The fault "a void record read as valid": one reader shows the record of an owner that was superseded.
#[test]
fn a_void_record_read_as_valid_is_caught() {
    let void = faults(|observed| {
        // The void record's message was decided once more by the valid owner: it has two places.
        let believed = vec![told()[0].clone(), message(2, 1, "c"), message(3, 2, "a")];
        observed.transcripts[0].entries = believed;
        observed.transcripts[0].to_the_end = false;
    });
    assert_has(&void, |fault| matches!(fault, Fault::Disagreement { number: "rev", at: 2, .. }));
}

/// The same fault, at the head: nothing valid has that number yet.
#[test]
fn a_void_record_at_the_head_is_caught() {
    let void = faults(|observed| {
        observed.commands[2].answers = vec![Answer::Refused { code: 1205 }];
        observed.transcripts[0].entries[3] = message(4, 3, "c");
        observed.transcripts[1].entries.pop();
        observed.histories = vec![history(&told()[..3])];
    });
    assert_has(&void, |fault| matches!(fault, Fault::NotInHistory { rev: 4, .. }));
    assert_has(&void, |fault| matches!(fault, Fault::Unknown { rev: 4, .. }));
}

#[test]
fn a_command_without_an_answer_is_caught() {
    let silent = faults(|observed| observed.commands[2].answers.clear());
    assert_has(&silent, |fault| matches!(fault, Fault::Unanswered { .. }));
}

#[test]
fn a_senders_commands_in_another_order_are_caught() {
    let swapped = faults(|observed| {
        observed.commands[0].order = 2;
        observed.commands[1].order = 1;
    });
    assert_has(&swapped, |fault| matches!(fault, Fault::OutOfOrder { .. }));
}

#[test]
fn an_ack_with_other_numbers_than_the_message_is_caught() {
    let misplaced = faults(|observed| {
        observed.commands[0].answers = vec![Answer::Accepted { rev: 3, seq: Some(2) }];
    });
    assert_has(&misplaced, |fault| matches!(fault, Fault::Misplaced { .. }));
}

#[test]
fn a_note_shown_to_a_customer_is_caught() {
    let leaked = faults(|observed| {
        observed.commands[1].wanted = Wanted::Note { text: "b".to_owned() };
    });
    assert_has(&leaked, |fault| matches!(fault, Fault::Leaked { observer, .. } if observer == "live"));
    assert_has(&leaked, |fault| matches!(fault, Fault::Leaked { observer, .. } if observer == "history"));
}

#[test]
fn a_placeholder_may_stand_for_a_note_but_not_for_a_message() {
    let hide = |observed: &mut Observations| {
        for transcript in &mut observed.transcripts {
            transcript.entries[3] = event(4, "hidden");
        }
    };
    let note = |observed: &mut Observations| {
        hide(observed);
        observed.commands[2].wanted = Wanted::Note { text: "c".to_owned() };
        observed.commands[2].answers = vec![Answer::Accepted { rev: 4, seq: None }];
        let seen_by_agent = Entry { seq: None, ..message(4, 3, "c") };
        let mut agent = transcript("agent", &[&told()[..3], &[seen_by_agent]].concat());
        agent.staff = true;
        observed.transcripts.push(agent);
        observed.histories = vec![History { rev: 4, ..history(&told()[..3]) }];
        observed.unread.clear();
    };
    assert_eq!(faults(note), []);
    assert_has(&faults(hide), |fault| matches!(fault, Fault::Lost { rev: 4, .. }));
}

#[test]
fn a_wrong_count_of_unread_messages_is_caught() {
    let wrong = faults(|observed| observed.unread[0].unread = 0);
    assert_has(&wrong, |fault| matches!(fault, Fault::WrongUnread { .. }));
    let lowered = faults(|observed| observed.unread[0].read_at_least = 3);
    assert_has(&lowered, |fault| matches!(fault, Fault::WrongUnread { .. }));
}

fn after_planned_restarts(change: impl FnOnce(&mut Continuity)) -> Vec<Fault> {
    let mut client = Continuity { connections: 3, goaways: 2, told: 2, resumed: 2, ..Continuity::default() };
    change(&mut client);
    faults(|observed| observed.planned = Some(Planned { edges_stopped: 2, clients: vec![("me".to_owned(), client)] }))
}

#[test]
fn who_was_told_to_go_and_resumed_is_well() {
    assert_eq!(after_planned_restarts(|_| ()), []);
    assert_eq!(after_planned_restarts(|client| (client.connections, client.left) = (9, 6)), []);
}

#[test]
fn a_planned_restart_must_not_be_felt() {
    let observer = || "me".to_owned();
    let reloaded = after_planned_restarts(|client| client.reloads = 1);
    assert_eq!(reloaded, [Fault::Reloaded { observer: observer(), times: 1 }]);
    let untold = after_planned_restarts(|client| client.untold.push("closed".to_owned()));
    assert_eq!(untold, [Fault::EndedUntold { observer: observer(), why: "closed".to_owned() }]);
    let often = after_planned_restarts(|client| client.connections = 4);
    assert_eq!(often, [Fault::ReconnectedTooOften { observer: observer(), reconnects: 3, edges_stopped: 2 }]);
}
