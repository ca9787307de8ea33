//! Reads a whole segment and decides what a damaged place means.

use std::path::Path;

use super::format::{Head, RECORD_MAGIC, SEGMENT_HEADER, parse_record, segment_header};
use crate::transport::{Position, TransportError};

/// Where one record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) stream: u32,
    pub(crate) position: Position,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) records: Vec<Found>,
    /// Where the valid records end; what follows is a torn last group.
    pub(crate) end: usize,
}

/// Reads the segment `number` whose content is `bytes`.
///
/// # Errors
/// [`TransportError::Corrupt`] if damaged bytes stand before records of a later sync.
pub(crate) fn scan(file: &Path, number: u64, bytes: &[u8]) -> Result<Scan, TransportError> {
    let header = segment_header(number);
    if bytes.len() < SEGMENT_HEADER || bytes[..SEGMENT_HEADER] != header {
        return match later_record(bytes, 0) {
            None if bytes.len() <= SEGMENT_HEADER => Ok(Scan { records: Vec::new(), end: 0 }),
            _ => Err(corrupt(file, 0, "not the segment that its name says")),
        };
    }
    let mut records = Vec::new();
    let mut at = SEGMENT_HEADER;
    let mut last: Option<Head> = None;
    while at < bytes.len() {
        match parse_record(&bytes[at..]) {
            Ok((head, _)) => {
                let found = Found { stream: head.stream, position: head.position, offset: at as u32, len: head.len };
                records.push(found);
                at += head.total();
                last = Some(head);
            }
            Err(reason) if is_torn_group(bytes, at, last) => {
                tracing::debug!(file = %file.display(), offset = at, reason, "torn record");
                break;
            }
            Err(reason) => return Err(corrupt(file, at, reason)),
        }
    }
    Ok(Scan { records, end: at })
}

/// Whether the damage at `hole` can be what a crash left of the last group: nothing valid stands behind that group,
/// because the next one is written only after it was synced.
fn is_torn_group(bytes: &[u8], hole: usize, last: Option<Head>) -> bool {
    let mut group_end = last.map(|head| head.group_end as usize).filter(|end| *end > hole);
    let mut at = hole;
    while let Some((offset, head)) = later_record(bytes, at) {
        match group_end {
            Some(end) if offset >= end => return false,
            Some(_) => {}
            None if head.group_start as usize <= hole => group_end = Some(head.group_end as usize),
            None => return false,
        }
        at = offset + head.total();
    }
    true
}

/// The first valid record at or after `from`.
fn later_record(bytes: &[u8], from: usize) -> Option<(usize, Head)> {
    let mut at = from;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= RECORD_MAGIC.len()) {
        let step = rest.windows(RECORD_MAGIC.len()).position(|window| window == RECORD_MAGIC)?;
        if let Ok((head, _)) = parse_record(&rest[step..]) {
            return Some((at + step, head));
        }
        at += step + 1;
    }
    None
}

pub(super) fn corrupt(file: &Path, offset: usize, reason: &str) -> TransportError {
    TransportError::Corrupt { file: file.to_owned(), offset: offset as u64, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::format::{finish_group, push_record};
    use super::*;

    /// A segment of groups, each of `sizes.len()` records.
    fn segment(groups: &[&[usize]]) -> Vec<u8> {
        let mut bytes = segment_header(1).to_vec();
        let mut position = 0;
        for sizes in groups {
            let mut group = Vec::new();
            for size in *sizes {
                position += 1;
                push_record(&mut group, 1, position, &vec![7; *size]);
            }
            finish_group(&mut group, bytes.len() as u32);
            bytes.extend_from_slice(&group);
        }
        bytes
    }

    fn run(bytes: &[u8]) -> Result<Scan, TransportError> {
        scan(Path::new("x.seg"), 1, bytes)
    }

    #[test]
    fn reads_what_was_written() {
        let bytes = segment(&[&[10], &[20, 30]]);
        let scan = run(&bytes).expect("it is whole or torn");
        assert_eq!(scan.end, bytes.len());
        assert_eq!(scan.records.iter().map(|r| r.len).collect::<Vec<_>>(), [10, 20, 30]);
    }

    #[test]
    fn every_truncation_is_a_torn_end() {
        let bytes = segment(&[&[10], &[20, 30]]);
        for len in 0..bytes.len() {
            let scan = run(&bytes[..len]).expect("it is torn");
            assert!(scan.end <= len);
        }
    }

    #[test]
    fn a_hole_in_the_last_group_is_torn_even_before_valid_records() {
        let mut bytes = segment(&[&[10], &[20, 30]]);
        bytes[SEGMENT_HEADER + 42 + 40] ^= 1;
        assert_eq!(run(&bytes).expect("it is whole or torn").records.len(), 1);
    }

    #[test]
    fn damage_before_a_later_group_is_refused() {
        for groups in [&[&[10][..], &[20, 30]][..], &[&[5], &[10], &[20]]] {
            let mut bytes = segment(groups);
            bytes[SEGMENT_HEADER + 35] ^= 1;
            let error = run(&bytes).expect_err("it is damaged");
            assert!(matches!(error, TransportError::Corrupt { offset: 16, .. }), "{error}");
        }
    }

    #[test]
    fn a_damaged_tail_of_a_synced_group_is_refused() {
        let mut bytes = segment(&[&[10, 10], &[20]]);
        bytes[SEGMENT_HEADER + 42 + 35] ^= 1;
        assert!(run(&bytes).is_err());
    }
}
