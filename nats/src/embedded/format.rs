//! The bytes of the log: segment files and the records in them.
//!
//! A segment is a 16-byte header and then records, back to back, of all streams. A **group** is what one sync made
//! durable; every record names the bounds of its group, so that a start can tell a torn last group (cut off) from
//! damage to a group that was synced (refused).
//!
//! Record: magic u32, payload length u32, CRC-32 u32 (of the rest of the header, the length and the payload), stream
//! number u32, position u64, group start u32, group end u32 (offsets in the file), payload. All little-endian.

use std::path::{Path, PathBuf};

use crate::transport::{MAX_PAYLOAD_BYTES, Position};

/// First bytes of a segment file.
pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"KEFUSEG1";
/// Size of a segment's header: magic and number.
pub(super) const SEGMENT_HEADER: usize = 16;
/// Size of a record's header.
pub(super) const RECORD_HEADER: usize = 32;
/// First bytes of a record.
pub(super) const RECORD_MAGIC: [u8; 4] = *b"\xA5KR1";

/// What stands before a payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) len: u32,
    crc: u32,
    pub(super) stream: u32,
    pub(super) position: Position,
    pub(super) group_start: u32,
    pub(super) group_end: u32,
}

impl Head {
    /// Header and payload, in bytes.
    pub(super) fn total(&self) -> usize {
        RECORD_HEADER + self.len as usize
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The bytes of a segment's header.
pub(super) fn segment_header(number: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..].copy_from_slice(&number.to_le_bytes());
    header
}

/// The path of a segment.
pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.seg"))
}

/// The path of a sealed segment's index.
pub(super) fn index_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.idx"))
}

/// Adds a record whose group's bounds and checksum are still to be filled in by [`finish_group`].
pub(super) fn push_record(buffer: &mut Vec<u8>, stream: u32, position: Position, payload: &[u8]) {
    buffer.extend_from_slice(&RECORD_MAGIC);
    buffer.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&stream.to_le_bytes());
    buffer.extend_from_slice(&position.to_le_bytes());
    buffer.extend_from_slice(&[0; 8]);
    buffer.extend_from_slice(payload);
}

/// Completes the records in `buffer`, which will be written as one group at offset `start`.
pub(super) fn finish_group(buffer: &mut [u8], start: u32) {
    let end = start + buffer.len() as u32;
    let mut at = 0;
    while at < buffer.len() {
        let total = RECORD_HEADER + u32_at(buffer, at + 4) as usize;
        let record = &mut buffer[at..at + total];
        record[24..28].copy_from_slice(&start.to_le_bytes());
        record[28..32].copy_from_slice(&end.to_le_bytes());
        let crc = checksum(record);
        record[8..12].copy_from_slice(&crc.to_le_bytes());
        at += total;
    }
}

fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[4..8]);
    hasher.update(&record[12..]);
    hasher.finalize()
}

/// Makes the checksum right of everything that looks like a record: a fuzzer cannot guess one.
pub(crate) fn reseal(bytes: &mut [u8]) {
    for at in 0..bytes.len().saturating_sub(RECORD_HEADER - 1) {
        let record = &mut bytes[at..];
        let total = RECORD_HEADER + u32_at(record, 4) as usize;
        if record[..4] == RECORD_MAGIC && total <= record.len() {
            let crc = checksum(&record[..total]);
            record[8..12].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

/// Reads the record at the start of `bytes`.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn parse_record(bytes: &[u8]) -> Result<(Head, &[u8]), &'static str> {
    if bytes.len() < RECORD_HEADER {
        return Err("the record's header is incomplete");
    }
    if bytes[..4] != RECORD_MAGIC {
        return Err("no record starts here");
    }
    let head = Head {
        len: u32_at(bytes, 4),
        crc: u32_at(bytes, 8),
        stream: u32_at(bytes, 12),
        position: u64_at(bytes, 16),
        group_start: u32_at(bytes, 24),
        group_end: u32_at(bytes, 28),
    };
    if head.len as usize > MAX_PAYLOAD_BYTES {
        return Err("the record's length is impossible");
    }
    let Some(record) = bytes.get(..head.total()) else {
        return Err("the record is incomplete");
    };
    if checksum(record) != head.crc {
        return Err("the record's checksum is wrong");
    }
    Ok((head, &record[RECORD_HEADER..]))
}
