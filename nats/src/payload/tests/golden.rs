//! What version 1 wrote is read for ever: `v1.txt` holds payloads as its first release wrote them. It is not written again.

use std::collections::BTreeMap;

use super::*;
use crate::codec;
use crate::notice::Notice;
use crate::view::Snapshot;

/// Of each kind.
const SAMPLES: usize = 24;
const V1: &str = include_str!("v1.txt");

/// Reads a payload of a kind and writes what was read as this release does.
fn again(kind: &str, bytes: &[u8]) -> Bytes {
    match kind {
        "command" => codec::encode_command(&codec::decode_command(bytes).unwrap()),
        "outcome" => codec::encode_outcome(&codec::decode_outcome(bytes).unwrap()),
        "allocation_command" => {
            let (tenant, command) = codec::decode_allocation_command(bytes).unwrap();
            codec::encode_allocation_command(&tenant, &command)
        }
        "allocation_outcome" => codec::encode_allocation_outcome(&codec::decode_allocation_outcome(bytes).unwrap()),
        "allocation_states" => {
            // What is written since then says besides how far logs were observed.
            let states = codec::decode_allocation_states(bytes).unwrap();
            let newer = codec::encode_allocation_states(&states);
            assert_eq!(codec::decode_allocation_states(&newer).unwrap(), states);
            newer
        }
        "snapshot" => {
            let snapshot = Snapshot::try_from(decode::<SnapshotWire>(bytes).unwrap()).unwrap();
            encode(&SnapshotWire::new(snapshot.epoch, &snapshot.conversation))
        }
        "notice" => {
            let notice = Notice::try_from(decode::<NoticeWire>(bytes).unwrap()).unwrap();
            encode(&NoticeWire::from(&notice))
        }
        kind => panic!("{kind}"),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_the_first_release_wrote_is_read() {
    let mut kinds = BTreeMap::new();
    for line in V1.lines() {
        let (kind, hex) = line.split_once(' ').unwrap();
        let bytes = unhex(hex);
        assert_eq!(bytes[0], 1, "the version that wrote it");
        let read = again(kind, &bytes);
        if VERSION == 1 && kind != "allocation_states" {
            assert_eq!(*read, *bytes, "{kind} {hex}");
        }
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 7);
    assert!(kinds.values().all(|count| *count == SAMPLES), "{kinds:?}");
}

/// Not only is it the same when it is written again: it says what it said.
#[test]
fn a_command_of_the_first_release_says_what_it_said() {
    let hex = V1.lines().find_map(|line| line.strip_prefix("command ")).unwrap();
    let command = codec::decode_command(&unhex(hex)).unwrap();
    assert_eq!(command.tenant.as_str(), "-4-");
    assert_eq!(command.conversation.to_bytes()[..4], [0x64, 0x71, 0x8c, 0x3b]);
}

/// What stands in the log around outcomes, and in inboxes around commands.
#[test]
fn records_and_envelopes_of_the_first_release_say_what_they_said() {
    let claim = unhex("0181a16392a8726f757465722d3107");
    assert!(matches!(decode(&claim).unwrap(), RecordWire::Claim(worker, 7) if worker == "router-1"));
    let batch = unhex("0181a1629405010291c402aabb");
    let RecordWire::Batch(generation, ordinal, received, outcomes) = decode(&batch).unwrap() else { panic!() };
    assert_eq!((generation, ordinal, received, outcomes), (5, 1, 2, vec![serde_bytes::Bytes::new(&[0xaa, 0xbb])]));
    let envelope = unhex("0192a6656467652d31919203c402aabb");
    let envelope: EnvelopeWire = decode(&envelope).unwrap();
    assert_eq!((envelope.from.as_ref(), envelope.items), ("edge-1", vec![(3, serde_bytes::Bytes::new(&[0xaa, 0xbb]))]));
}

/// What an older release does not say in its heartbeats is as it was before there was such a thing.
#[test]
fn heartbeats_that_say_less_are_read() {
    let beat: HeartbeatWire = decode(&unhex("0194a8726f757465722d3191a463686174c290")).unwrap();
    assert_eq!((beat.worker.as_str(), beat.holds.len(), beat.leaving, beat.listens), ("router-1", 0, false, false));
    let beat: HeartbeatWire = decode(&unhex("0196a8726f757465722d3191a463686174c29091a6636861742d30c3")).unwrap();
    assert_eq!((beat.holds.as_slice(), beat.leaving, beat.listens), (&["chat-0".to_owned()][..], true, false));
}
