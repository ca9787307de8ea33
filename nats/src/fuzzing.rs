//! Readers of bytes that others wrote, for the fuzz targets. Nothing here belongs into the product.

use std::path::Path;

use bytes::Bytes;

use crate::codec;
use crate::embedded::format::reseal;
use crate::embedded::scan::scan;
use crate::notice::Notice;
use crate::payload::{
    self, AllocationViewWire, AskWire, AttachWire, DeliveryWire, EnvelopeWire, HeartbeatWire, NoticeWire, PayloadError,
    RecordWire, ReplyWire, ReportWire, SnapshotWire,
};
use crate::report::Heard;
use crate::view::{AllocationView, Snapshot};

/// Kinds of payloads that [`read_payload`] knows.
pub const PAYLOADS: u8 = 16;

/// Reads bytes as a payload of a kind.
///
/// # Panics
/// When what was read is not the same after it was written and read again.
pub fn read_payload(kind: u8, bytes: &[u8]) {
    match kind % PAYLOADS {
        0 => stays(bytes, codec::decode_command, codec::encode_command),
        1 => stays(bytes, codec::decode_outcome, codec::encode_outcome),
        2 => stays(bytes, codec::decode_allocation_command, |(tenant, command)| {
            codec::encode_allocation_command(tenant, command)
        }),
        3 => stays(bytes, codec::decode_allocation_outcome, codec::encode_allocation_outcome),
        4 => stays(bytes, codec::decode_allocation_checkpoint, |checkpoint| {
            codec::encode_allocation_checkpoint(&checkpoint.states, &checkpoint.observed)
        }),
        5 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<RecordWire>(bytes)?))),
        6 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<EnvelopeWire>(bytes)?))),
        7 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<AttachWire>(bytes)?))),
        8 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<DeliveryWire>(bytes)?))),
        9 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<HeartbeatWire>(bytes)?))),
        10 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<AskWire>(bytes)?))),
        11 => wire_stays(bytes, |bytes| Ok(payload::encode(&payload::decode::<ReplyWire>(bytes)?))),
        12 => {
            let _ = payload::decode::<SnapshotWire>(bytes).and_then(Snapshot::try_from);
        }
        13 => {
            let read = |bytes: &[u8]| payload::decode::<NoticeWire>(bytes).and_then(Notice::try_from);
            stays(bytes, read, |notice| payload::encode(&NoticeWire::from(notice)));
        }
        14 => {
            let _ = payload::decode::<AllocationViewWire>(bytes).and_then(AllocationView::try_from);
        }
        _ => {
            let read = |bytes: &[u8]| payload::decode::<ReportWire>(bytes).map(Heard::from);
            stays(bytes, read, |heard| payload::encode(&ReportWire::from(heard.clone())));
        }
    }
}

/// The same for payloads that borrow from what was read.
fn wire_stays(bytes: &[u8], rewrite: impl Fn(&[u8]) -> Result<Bytes, PayloadError>) {
    stays(bytes, rewrite, Bytes::clone);
}

fn stays<T>(bytes: &[u8], read: impl Fn(&[u8]) -> Result<T, PayloadError>, write: impl Fn(&T) -> Bytes) {
    let Ok(value) = read(bytes) else { return };
    let written = write(&value);
    let again = read(&written).unwrap_or_else(|error| panic!("what was written is not read: {error:?}"));
    assert_eq!(write(&again), written);
}

/// Scans bytes as the last segment of an embedded log: as they are, and with the checksums that they should have.
///
/// # Panics
/// When a record lies outside of what is kept, or a scan of what is kept finds something else.
pub fn scan_segment(bytes: &[u8]) {
    scan_twice(bytes);
    let mut sealed = bytes.to_vec();
    reseal(&mut sealed);
    scan_twice(&sealed);
}

fn scan_twice(bytes: &[u8]) {
    let file = Path::new("fuzzed.seg");
    let Ok(first) = scan(file, 1, bytes) else { return };
    let kept = &bytes[..first.end];
    for found in &first.records {
        assert!(found.offset as usize + found.len as usize <= kept.len(), "{found:?}");
    }
    let second = scan(file, 1, kept).unwrap_or_else(|error| panic!("what was kept is refused: {error}"));
    assert_eq!((second.records, second.end), (first.records, first.end));
}
