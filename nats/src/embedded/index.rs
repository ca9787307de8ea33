//! The index of a sealed segment: which positions of which streams lie where in it.
//!
//! A start reads the head only; the tables of offsets stay on disk and are read a slice at a time. Head: magic, segment
//! number u64, segment length u64, parts u32, then per part stream u32, count u32, first position u64, bytes u64,
//! offset of its table u64, and last a CRC-32 of the head. A table is (offset u32, payload length u32) per record.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::catalog::replace_file;
use super::format::{index_path, u32_at, u64_at};
use super::scan::corrupt;
use crate::transport::{Position, TransportError};

const MAGIC: [u8; 8] = *b"KEFUIDX1";
const FIXED: usize = 28;
const PART: usize = 32;
/// More streams than this in one segment are impossible.
const MAX_PARTS: usize = 1 << 20;

/// Offset in the segment and payload length of one record.
pub(super) type Place = (u32, u32);

/// The records of one stream in one sealed segment; their positions are dense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) segment: u64,
    pub(super) stream: u32,
    pub(super) count: u32,
    pub(super) first: Position,
    /// Headers and payloads.
    pub(super) bytes: u64,
    pub(super) table: u64,
}

impl Part {
    /// The last position of the part.
    pub(super) fn last(&self) -> Position {
        self.first + u64::from(self.count) - 1
    }
}

/// Writes the index of a segment and returns its parts.
pub(super) fn write(
    dir: &Path,
    segment: u64,
    segment_len: u64,
    content: &[(u32, Position, Vec<Place>)],
    sync: bool,
) -> io::Result<Vec<Part>> {
    let mut head = Vec::with_capacity(FIXED + content.len() * PART + 4);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&segment.to_le_bytes());
    head.extend_from_slice(&segment_len.to_le_bytes());
    head.extend_from_slice(&(content.len() as u32).to_le_bytes());
    let mut table = (FIXED + content.len() * PART + 4) as u64;
    let mut parts = Vec::with_capacity(content.len());
    for (stream, first, places) in content {
        let count = places.len() as u32;
        let bytes = places.iter().map(|place| super::stream::stored_size(place.1 as usize)).sum();
        parts.push(Part { segment, stream: *stream, count, first: *first, bytes, table });
        head.extend_from_slice(&stream.to_le_bytes());
        head.extend_from_slice(&count.to_le_bytes());
        head.extend_from_slice(&first.to_le_bytes());
        head.extend_from_slice(&bytes.to_le_bytes());
        head.extend_from_slice(&table.to_le_bytes());
        table += places.len() as u64 * 8;
    }
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    for (offset, len) in content.iter().flat_map(|(_, _, places)| places) {
        head.extend_from_slice(&offset.to_le_bytes());
        head.extend_from_slice(&len.to_le_bytes());
    }
    let path = index_path(dir, segment);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    replace_file(dir, name, &head, sync)?;
    Ok(parts)
}

/// Reads the head of a segment's index; `None` if there is none.
///
/// # Errors
/// [`TransportError::Corrupt`] if it is damaged or the segment has another length.
pub(super) fn read(dir: &Path, segment: u64, segment_len: u64) -> Result<Option<Vec<Part>>, TransportError> {
    let path = index_path(dir, segment);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TransportError::unavailable(error)),
    };
    let head = read_head(&file).map_err(|error| corrupt(&path, 0, &error.to_string()))?;
    if head[..8] != MAGIC || u64_at(&head, 8) != segment {
        return Err(corrupt(&path, 0, "not the index that its name says"));
    }
    if u64_at(&head, 16) != segment_len {
        return Err(corrupt(&super::format::segment_path(dir, segment), segment_len as usize, "the length changed"));
    }
    let part = |at: usize| Part {
        segment,
        stream: u32_at(&head, at),
        count: u32_at(&head, at + 4),
        first: u64_at(&head, at + 8),
        bytes: u64_at(&head, at + 16),
        table: u64_at(&head, at + 24),
    };
    Ok(Some((FIXED..head.len()).step_by(PART).map(part).collect()))
}

/// The head without its checksum, which is verified.
fn read_head(file: &File) -> io::Result<Vec<u8>> {
    let mut fixed = [0; FIXED];
    file.read_exact_at(&mut fixed, 0)?;
    let count = u32_at(&fixed, 24) as usize;
    if count > MAX_PARTS {
        return Err(io::Error::other("the number of streams is impossible"));
    }
    let mut head = vec![0; FIXED + count * PART + 4];
    file.read_exact_at(&mut head, 0)?;
    let crc = u32_at(&head, head.len() - 4);
    head.truncate(head.len() - 4);
    if crc32fast::hash(&head) != crc {
        return Err(io::Error::other("the index's checksum is wrong"));
    }
    Ok(head)
}

/// The places of up to `max` records of a part, from `position` on.
pub(super) fn places(dir: &Path, part: &Part, position: Position, max: usize) -> io::Result<Vec<Place>> {
    let skip = position - part.first;
    let count = max.min((u64::from(part.count) - skip) as usize);
    let mut bytes = vec![0; count * 8];
    File::open(index_path(dir, part.segment))?.read_exact_at(&mut bytes, part.table + skip * 8)?;
    Ok(bytes.chunks_exact(8).map(|place| (u32_at(place, 0), u32_at(place, 4))).collect())
}

/// Deletes a segment and its index.
pub(super) fn delete_segment(dir: &Path, segment: u64) -> io::Result<()> {
    for path in [super::format::segment_path(dir, segment), index_path(dir, segment)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
