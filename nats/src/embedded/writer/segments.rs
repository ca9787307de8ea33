//! The segment files: the one being written, and the sealed ones until all their records are purged.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::super::catalog::{Catalog, sync_dir};
use super::super::format::{SEGMENT_HEADER, segment_header, segment_path};
use super::super::index::{self, Part};
use super::super::stream::{Stream, stored_size};
use super::Settings;
use crate::transport::Position;

/// All segments of the log.
pub(in super::super) struct Segments {
    number: u64,
    file: File,
    len: u64,
    /// The streams with records in the segment being written.
    streams: BTreeMap<u32, Arc<Stream>>,
    /// Last positions per stream number.
    sealed: BTreeMap<u64, Vec<(u32, Position)>>,
}

/// Creates the file of a segment, its header and name durable.
fn create(number: u64, settings: &Settings) -> io::Result<File> {
    let file = File::create(segment_path(&settings.dir, number))?;
    file.write_all_at(&segment_header(number), 0)?;
    if settings.fsync {
        file.sync_all()?;
    }
    sync_dir(&settings.dir, settings.fsync)?;
    Ok(file)
}

impl Segments {
    /// Begins the first segment.
    pub(in super::super) fn create(number: u64, settings: &Settings) -> io::Result<Self> {
        let file = create(number, settings)?;
        Ok(Self::resume(number, file, SEGMENT_HEADER as u64))
    }

    /// Goes on in a segment that ends at `len`.
    pub(in super::super) fn resume(number: u64, file: File, len: u64) -> Self {
        Self { number, file, len, streams: BTreeMap::new(), sealed: BTreeMap::new() }
    }

    /// Notes a sealed segment.
    pub(in super::super) fn add_sealed(&mut self, number: u64, parts: &[Part]) {
        self.sealed.insert(number, parts.iter().map(|part| (part.stream, part.last())).collect());
    }

    /// Notes that a stream has records in the segment being written; whether that is new.
    pub(in super::super) fn note(&mut self, stream: &Arc<Stream>) -> bool {
        if self.streams.contains_key(&stream.number) {
            return false;
        }
        self.streams.insert(stream.number, stream.clone());
        true
    }

    /// The segment being written.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How far it is written, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether a group fits; an empty segment takes any.
    pub(super) fn has_room(&self, size: u64, settings: &Settings) -> bool {
        self.len <= SEGMENT_HEADER as u64 || self.len + size <= u64::from(settings.segment_bytes)
    }

    pub(super) fn write(&self, group: &[u8]) -> io::Result<()> {
        self.file.write_all_at(group, self.len)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn advance(&mut self, size: u64) {
        self.len += size;
    }

    /// Removes what stands behind the last group, durably, lest it comes back as a record.
    pub(super) fn truncate(&self, sync: bool) -> io::Result<()> {
        self.file.set_len(self.len)?;
        if sync { self.file.sync_all() } else { Ok(()) }
    }

    /// Seals the segment and begins the next. The new file comes first: should anything after it fail or the process
    /// end, then a start finds a whole segment without an index and makes it.
    pub(super) fn roll(&mut self, settings: &Settings) -> io::Result<()> {
        let number = self.number + 1;
        let file = create(number, settings)?;
        let content: Vec<_> = self.streams.values().map(|stream| content_of(stream)).collect();
        let parts = index::write(&settings.dir, self.number, self.len, &content, settings.fsync)?;
        for part in &parts {
            if let Some(stream) = self.streams.get(&part.stream) {
                let mut state = stream.state.lock();
                state.sealed.push_back(*part);
                state.active.places = Vec::new();
            }
        }
        self.add_sealed(self.number, &parts);
        self.streams.clear();
        (self.number, self.file, self.len) = (number, file, SEGMENT_HEADER as u64);
        Ok(())
    }

    /// Forgets a deleted stream.
    pub(super) fn forget(&mut self, stream: &Stream) {
        self.streams.remove(&stream.number);
    }

    /// Deletes the sealed segments that hold nothing any more. What cannot be deleted is tried again the next time.
    pub(in super::super) fn delete_purged(&mut self, dir: &Path, catalog: &Catalog) {
        let first: BTreeMap<u32, Position> = catalog.streams.iter().map(|entry| (entry.number, entry.first)).collect();
        let purged = |parts: &Vec<(u32, Position)>| {
            parts.iter().all(|(stream, last)| first.get(stream).is_none_or(|first| last < first))
        };
        let numbers: Vec<u64> =
            self.sealed.iter().filter(|(_, parts)| purged(parts)).map(|(number, _)| *number).collect();
        for number in numbers {
            match index::delete_segment(dir, number) {
                Ok(()) => drop(self.sealed.remove(&number)),
                Err(error) => tracing::warn!(segment = number, %error, "a purged segment was not deleted"),
            }
        }
    }
}

/// What the index of the segment being written will say of a stream.
fn content_of(stream: &Stream) -> (u32, Position, Vec<index::Place>) {
    let state = stream.state.lock();
    (stream.number, state.active.first, state.active.places.clone())
}

/// Moves a stream's first position up, and counts its bytes anew.
pub(in super::super) fn purge_stream(dir: &Path, stream: &Stream, first: Position) -> io::Result<()> {
    let straddling = stream.state.lock().sealed.iter().find(|part| part.first < first && part.last() >= first).copied();
    let places = match straddling {
        Some(part) => index::places(dir, &part, part.first, (first - part.first) as usize)?,
        None => Vec::new(),
    };
    let size = |place: &index::Place| stored_size(place.1 as usize);
    let gone: u64 = places.iter().map(size).sum();
    let mut state = stream.state.lock();
    state.first = first;
    while state.sealed.front().is_some_and(|part| part.last() < first) {
        state.sealed.pop_front();
    }
    let skip = first.saturating_sub(state.active.first) as usize;
    let active: u64 = state.active.places.iter().skip(skip).map(size).sum();
    let sealed: u64 = state.sealed.iter().map(|part| part.bytes).sum();
    state.bytes = sealed - gone + active;
    state.purge_recent();
    Ok(())
}
