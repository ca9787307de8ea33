//! What is written is read back, and nothing else is.

mod arbitrary;
mod golden;

use std::time::Duration;

use arbitrary::{allocation_command, allocation_outcome, allocation_state, command, heard, notice, outcome, snapshot};
use kefu_model::Refusal;
use kefu_model::allocation::AllocationAnswer;
use kefu_model::command::Answer;
use kefu_model::ids::{At, Partition, TenantId};
use proptest::prelude::*;

use super::*;
use crate::broker::{LogKind, LogName};
use crate::codec::{self, AllocationCheckpoint};
use crate::notice::Notice;
use crate::report::Heard;
use crate::view::{AllocationView, Snapshot};

#[test]
fn another_version_is_refused_and_not_skipped() {
    let mut bytes = encode(&RecordWire::Claim("w".to_owned(), 7)).to_vec();
    bytes[0] = 9;
    assert!(matches!(decode::<RecordWire>(&bytes), Err(PayloadError::Version(9))));
    assert!(matches!(decode::<RecordWire>(&[]), Err(PayloadError::Empty)));
}

#[test]
fn an_unknown_kind_is_refused() {
    let foreign = [VERSION, 0x81, 0xa1, b'z', 0x90];
    assert!(matches!(decode::<RecordWire>(&foreign), Err(PayloadError::Malformed(_))));
}

#[test]
fn every_refusal_is_read_back() {
    for refusal in Refusal::ALL {
        let answer = Answer::Refused { refusal: *refusal, expected_n: Some(3) };
        assert_eq!(Answer::try_from(AnswerWire::from(answer)).unwrap(), answer);
        let answer = AllocationAnswer::Refused(*refusal);
        assert_eq!(AllocationAnswer::try_from(AnswerWire::from(answer)).unwrap(), answer);
    }
    let accepted = Answer::Accepted { rev: u64::MAX, seq: None, at: At(7) };
    assert_eq!(Answer::try_from(AnswerWire::from(accepted)).unwrap(), accepted);
    let done = AnswerWire::from(AllocationAnswer::Done);
    assert!(matches!(Answer::try_from(done), Err(PayloadError::Unknown("answer"))));
    assert!(matches!(Answer::try_from(AnswerWire::Refused(1, None)), Err(PayloadError::Unknown("refusal"))));
}

/// Reads bytes as everything that there is.
fn read_as_anything(bytes: &[u8]) {
    for kind in 0..crate::fuzzing::PAYLOADS {
        crate::fuzzing::read_payload(kind, bytes);
    }
}

/// Nothing that was cut off is taken for the whole.
fn check_truncations(bytes: &[u8]) {
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        assert!(decode::<CommandWire>(cut).is_err() && decode::<OutcomeWire>(cut).is_err());
        read_as_anything(cut);
    }
}

#[test]
fn a_length_that_lies_costs_no_memory() {
    let started = std::time::Instant::now();
    // An array, a map, a text and bytes of 4 GiB that are not there.
    for kind in [0xdd, 0xdf, 0xdb, 0xc6] {
        read_as_anything(&[VERSION, kind, 0xff, 0xff, 0xff, 0xff]);
        read_as_anything(&[VERSION, 0x81, 0xa1, b'b', 0x94, 1, 1, 1, kind, 0xff, 0xff, 0xff, 0xff]);
    }
    assert!(started.elapsed() < Duration::from_secs(60));
}

proptest! {
    #[test]
    fn commands_are_read_back(command in command()) {
        let bytes = codec::encode_command(&command);
        prop_assert_eq!(codec::decode_command(&bytes).unwrap(), command);
    }

    #[test]
    fn outcomes_are_read_back(outcome in outcome()) {
        let bytes = codec::encode_outcome(&outcome);
        prop_assert_eq!(codec::decode_outcome(&bytes).unwrap(), outcome);
    }

    #[test]
    fn commands_to_allocation_are_read_back(command in allocation_command()) {
        let tenant = TenantId::new("t").unwrap();
        let bytes = codec::encode_allocation_command(&tenant, &command);
        prop_assert_eq!(codec::decode_allocation_command(&bytes).unwrap(), (tenant, command));
    }

    #[test]
    fn outcomes_of_allocation_are_read_back(outcome in allocation_outcome()) {
        let bytes = codec::encode_allocation_outcome(&outcome);
        prop_assert_eq!(codec::decode_allocation_outcome(&bytes).unwrap(), outcome);
    }

    #[test]
    fn states_of_allocation_are_read_back(state in allocation_state()) {
        let observed = state.read.clone();
        let bytes = codec::encode_allocation_checkpoint([&state], &observed);
        let checkpoint = AllocationCheckpoint { states: vec![state.clone()], observed };
        prop_assert_eq!(codec::decode_allocation_checkpoint(&bytes).unwrap(), checkpoint);
        let alone = encode(&vec![AllocationStateWire::from(&state), AllocationStateWire::from(&state)]);
        prop_assert_eq!(codec::decode_allocation_states(&alone).unwrap(), [state.clone(), state.clone()]);
        let view = AllocationView::from(&state);
        let bytes = encode(&AllocationViewWire::from(&view));
        prop_assert_eq!(AllocationView::try_from(decode::<AllocationViewWire>(&bytes).unwrap()).unwrap(), view);
    }

    #[test]
    fn snapshots_are_read_back(snapshot in snapshot()) {
        let bytes = encode(&SnapshotWire::new(snapshot.epoch, &snapshot.conversation));
        prop_assert_eq!(Snapshot::try_from(decode::<SnapshotWire>(&bytes).unwrap()).unwrap(), snapshot);
    }

    #[test]
    fn notices_are_read_back(notice in notice()) {
        let bytes = encode(&NoticeWire::from(&notice));
        prop_assert_eq!(Notice::try_from(decode::<NoticeWire>(&bytes).unwrap()).unwrap(), notice);
    }

    #[test]
    fn numbered_notices_are_read_back(notice in notice(), generation in any::<u64>(), number in any::<u64>()) {
        let log = LogName { kind: LogKind::Chat, partition: Partition(3) };
        let bytes = encode(&NoticeWire::numbered(&notice, log, generation, number));
        let wire = decode::<NoticeWire>(&bytes).unwrap();
        prop_assert_eq!(wire.number(), Some(("chat-3", generation, number)));
        prop_assert_eq!(Notice::try_from(wire).unwrap(), notice);
    }

    #[test]
    fn reports_are_read_back(heard in heard()) {
        let bytes = encode(&ReportWire::from(heard.clone()));
        prop_assert_eq!(Heard::from(decode::<ReportWire>(&bytes).unwrap()), heard);
    }

    #[test]
    fn what_was_cut_off_is_refused(command in command(), outcome in outcome()) {
        check_truncations(&codec::encode_command(&command));
        check_truncations(&codec::encode_outcome(&outcome));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_as_anything(&bytes);
        let mut versioned = vec![VERSION];
        versioned.extend(&bytes);
        read_as_anything(&versioned);
    }

    #[test]
    fn damage_never_panics(outcome in outcome(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = codec::encode_outcome(&outcome).to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        read_as_anything(&bytes);
    }
}
