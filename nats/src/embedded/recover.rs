//! The start: reads the catalog and the indexes, scans the segment that was being written, and cuts a torn end off.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::catalog::{Catalog, Entry, replace_file};
use super::format::{SEGMENT_HEADER, segment_path};
use super::index::{self, Part, Place};
use super::scan::{Scan, corrupt, scan};
use super::stream::{Signal, Stream};
use super::writer::{Segments, Settings, purge_on_start};
use crate::transport::{Durability, Overflow, Position, StreamSpec, TransportError};

/// What the data folder's version file says; another version is refused.
const FORMAT: &str = "kefu-log 1\n";

type Streams = BTreeMap<u32, Arc<Stream>>;

/// What a start found.
pub(super) struct Recovered {
    pub(super) lock: File,
    pub(super) catalog: Catalog,
    pub(super) segments: Segments,
    pub(super) streams: Streams,
}

/// Opens the folder, or makes it.
pub(super) fn recover(settings: &Settings) -> Result<Recovered, TransportError> {
    let dir = settings.dir.as_path();
    fs::create_dir_all(dir).map_err(TransportError::unavailable)?;
    let lock = lock(dir)?;
    let numbers = segment_numbers(dir).map_err(TransportError::unavailable)?;
    check_format(dir, !numbers.is_empty(), settings.fsync)?;
    let catalog = match Catalog::load(dir)? {
        Some(catalog) => catalog,
        None if numbers.is_empty() => Catalog::default(),
        None => return Err(corrupt(&dir.join("catalog"), 0, "missing although there are segments")),
    };
    let streams: Streams = catalog.streams.iter().map(|entry| (entry.number, open_stream(entry))).collect();
    let mut segments = match numbers.split_last() {
        None => Segments::create(1, settings).map_err(TransportError::unavailable)?,
        Some((last, sealed)) => read_segments(settings, *last, sealed, &streams)?,
    };
    for (stream, entry) in streams.values().zip(&catalog.streams) {
        purge_on_start(dir, stream, entry.first).map_err(TransportError::unavailable)?;
        let last = stream.state.lock().last;
        if entry.first > 1 && last < entry.first {
            return Err(corrupt(dir, 0, &format!("stream {} ends before its first record", entry.name)));
        }
        stream.announce(Signal::Last(last));
    }
    segments.delete_purged(dir, &catalog);
    Ok(Recovered { lock, catalog, segments, streams })
}

fn lock(dir: &Path) -> Result<File, TransportError> {
    let options = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("LOCK"));
    let file = options.map_err(TransportError::unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(TransportError::other(format!("{} is in use by another process", dir.display())))
        }
        Err(TryLockError::Error(error)) => Err(TransportError::unavailable(error)),
    }
}

fn check_format(dir: &Path, used: bool, sync: bool) -> Result<(), TransportError> {
    match fs::read_to_string(dir.join("FORMAT")) {
        Ok(text) if text == FORMAT => Ok(()),
        Ok(text) => {
            let reason = format!("format {:?}, this version reads {:?}", text.trim(), FORMAT.trim());
            Err(corrupt(&dir.join("FORMAT"), 0, &reason))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !used => {
            replace_file(dir, "FORMAT", FORMAT.as_bytes(), sync).map_err(TransportError::unavailable)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(corrupt(&dir.join("FORMAT"), 0, "missing although there are segments"))
        }
        Err(error) => Err(TransportError::unavailable(error)),
    }
}

fn segment_numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        numbers.extend(stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn open_stream(entry: &Entry) -> Arc<Stream> {
    let spec = StreamSpec {
        name: entry.name.clone(),
        durability: Durability::Disk,
        max_bytes: entry.max_bytes,
        overflow: Overflow::RefuseNew,
        duplicate_window: Duration::from_millis(entry.duplicate_window_ms),
        max_age: None,
        replicas: 1,
    };
    let stream = Stream::new(entry.number, Uuid::from_bytes(entry.id), spec);
    {
        let mut state = stream.state.lock();
        state.first = entry.first;
        state.last = entry.first - 1;
    }
    Arc::new(stream)
}

fn read_segments(
    settings: &Settings,
    last: u64,
    sealed: &[u64],
    streams: &Streams,
) -> Result<Segments, TransportError> {
    let dir = settings.dir.as_path();
    let mut known = Vec::new();
    for number in sealed {
        let parts = sealed_parts(settings, *number)?;
        add_parts(dir, &parts, streams)?;
        known.push((*number, parts));
    }
    let path = segment_path(dir, last);
    let (file, bytes) = open_segment(&path).map_err(TransportError::unavailable)?;
    let scan = scan(&path, last, &bytes)?;
    let mut segments = if scan.end == 0 {
        Segments::create(last, settings).map_err(TransportError::unavailable)?
    } else {
        cut(&file, &path, &scan, bytes.len(), settings).map_err(TransportError::unavailable)?;
        Segments::resume(last, file, scan.end as u64)
    };
    add_active(&path, last, &scan, streams, &mut segments)?;
    for (number, parts) in &known {
        segments.add_sealed(*number, parts);
    }
    Ok(segments)
}

fn open_segment(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    Ok((file, fs::read(path)?))
}

/// Removes a torn end.
fn cut(file: &File, path: &Path, scan: &Scan, len: usize, settings: &Settings) -> io::Result<()> {
    if scan.end == len {
        return Ok(());
    }
    let bytes = len - scan.end;
    tracing::warn!(file = %path.display(), offset = scan.end, bytes, "cut off a torn write that was never confirmed");
    file.set_len(scan.end as u64)?;
    if settings.fsync { file.sync_all() } else { Ok(()) }
}

/// The parts of a sealed segment, from its index; makes the index if a crash prevented it.
fn sealed_parts(settings: &Settings, number: u64) -> Result<Vec<Part>, TransportError> {
    let dir = settings.dir.as_path();
    let path = segment_path(dir, number);
    let len = fs::metadata(&path).map_err(TransportError::unavailable)?.len();
    if let Some(parts) = index::read(dir, number, len)? {
        return Ok(parts);
    }
    let bytes = fs::read(&path).map_err(TransportError::unavailable)?;
    let scan = scan(&path, number, &bytes)?;
    if scan.end != bytes.len() || scan.end < SEGMENT_HEADER {
        return Err(corrupt(&path, scan.end, "a damaged record before a later segment"));
    }
    let mut content: BTreeMap<u32, (Position, Vec<Place>)> = BTreeMap::new();
    for found in &scan.records {
        let (first, places) = content.entry(found.stream).or_insert((found.position, Vec::new()));
        if found.position != *first + places.len() as Position {
            return Err(corrupt(&path, found.offset as usize, "a position is missing before this record"));
        }
        places.push((found.offset, found.len));
    }
    let content: Vec<_> = content.into_iter().map(|(stream, (first, places))| (stream, first, places)).collect();
    index::write(dir, number, len, &content, settings.fsync).map_err(TransportError::unavailable)
}

fn add_parts(dir: &Path, parts: &[Part], streams: &Streams) -> Result<(), TransportError> {
    for part in parts.iter().filter(|part| part.count > 0) {
        let Some(stream) = streams.get(&part.stream) else { continue };
        let mut state = stream.state.lock();
        if part.last() < state.first {
            continue;
        }
        if part.first > state.last + 1 {
            let reason = format!("{} lacks records {} to {}", stream.spec.name, state.last + 1, part.first - 1);
            return Err(corrupt(&segment_path(dir, part.segment), 0, &reason));
        }
        state.sealed.push_back(*part);
        state.last = part.last();
        state.bytes += part.bytes;
    }
    Ok(())
}

fn add_active(
    path: &Path,
    number: u64,
    scan: &Scan,
    streams: &Streams,
    segments: &mut Segments,
) -> Result<(), TransportError> {
    for found in &scan.records {
        let Some(stream) = streams.get(&found.stream) else { continue };
        let mut state = stream.state.lock();
        if state.active.places.is_empty() {
            (state.active.segment, state.active.first) = (number, found.position);
            segments.note(stream);
        }
        let next = state.active.first + state.active.places.len() as Position;
        let starts = state.active.places.is_empty() && found.position <= state.last + 1;
        if found.position != next || !(starts || next == state.last + 1 || next < state.first) {
            return Err(corrupt(path, found.offset as usize, "a position is missing before this record"));
        }
        state.active.places.push((found.offset, found.len));
        state.last = state.last.max(found.position);
    }
    Ok(())
}
