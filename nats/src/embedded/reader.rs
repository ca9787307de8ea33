//! Reads a stream: recent records from memory, older ones from files on the blocking threads.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use super::format::{RECORD_HEADER, parse_record, segment_path};
use super::index::{Place, places};
use super::scan::corrupt;
use super::stream::{Located, Signal, Stream};
use crate::transport::{Position, StreamReader, StreamRecord, TransportError};

/// How many records one read takes at most.
const BATCH_RECORDS: usize = 512;
/// How many bytes of a file one read takes, unless a single record is larger.
const BATCH_BYTES: usize = 1024 * 1024;

/// A process that is out of file descriptors gets one soon, or something else is wrong.
const OUT_OF_FILES_FOR: Duration = Duration::from_secs(10);
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(20);

/// Follows one stream.
pub(super) struct Reader {
    dir: Arc<PathBuf>,
    stream: Arc<Stream>,
    signal: watch::Receiver<Signal>,
    next: Position,
    batch: VecDeque<StreamRecord>,
}

impl Reader {
    pub(super) fn new(dir: Arc<PathBuf>, stream: Arc<Stream>, from: Position) -> Self {
        let signal = stream.signal.subscribe();
        Self { dir, stream, signal, next: from, batch: VecDeque::new() }
    }
}

#[async_trait]
impl StreamReader for Reader {
    async fn next(&mut self) -> Result<StreamRecord, TransportError> {
        loop {
            let signal = *self.signal.borrow_and_update();
            self.stream.check(signal)?;
            if let Some(record) = self.batch.pop_front() {
                self.next = record.position + 1;
                return Ok(record);
            }
            self.batch = fetch(&self.dir, &self.stream, self.next, BATCH_RECORDS).await?.into();
            if self.batch.is_empty() {
                // The signal was taken before looking, so nothing stored since can be missed.
                self.signal.changed().await.map_err(|_| TransportError::Closed)?;
            }
        }
    }

    fn has_more(&self) -> bool {
        match *self.signal.borrow() {
            Signal::Last(last) => last >= self.next.max(self.stream.info().first),
            // The next call says so.
            Signal::Deleted | Signal::Closed => true,
        }
    }

    fn stream_id(&self) -> Uuid {
        self.stream.id
    }
}

/// Up to `max` records from the first at or after `from`; none if it is not written yet.
pub(super) async fn fetch(
    dir: &Arc<PathBuf>,
    stream: &Arc<Stream>,
    from: Position,
    max: usize,
) -> Result<Vec<StreamRecord>, TransportError> {
    match stream.locate(from, max) {
        Located::NotYet => return Ok(Vec::new()),
        Located::Recent(records) => return Ok(records),
        _ => {}
    }
    let (dir, stream) = (dir.clone(), stream.clone());
    let read = tokio::task::spawn_blocking(move || read_files(&dir, &stream, from, max));
    read.await.map_err(TransportError::unavailable)?
}

/// Reads from files, and looks again if a purge or a new segment came in between.
fn read_files(dir: &Path, stream: &Stream, from: Position, max: usize) -> Result<Vec<StreamRecord>, TransportError> {
    let out_of_files_since = Instant::now();
    loop {
        let (segment, position, read) = match stream.locate(from, max) {
            Located::NotYet => return Ok(Vec::new()),
            Located::Recent(records) => return Ok(records),
            Located::Missing(position) => {
                return Err(unreadable(stream, position, io::Error::other("no segment has it")));
            }
            Located::Active { segment, position, places } => (segment, position, Ok(places)),
            Located::Sealed { part, position } => (part.segment, position, places(dir, &part, position, max)),
        };
        match read.and_then(|places| read_span(dir, segment, &places).map(|span| (places, span))) {
            Ok((places, span)) => return parse_span(dir, stream, segment, position, &places, span),
            Err(_) if stream.info().first > position => {}
            Err(error) if is_out_of_files(&error) && out_of_files_since.elapsed() < OUT_OF_FILES_FOR => {
                std::thread::sleep(OUT_OF_FILES_PAUSE);
            }
            Err(error) => return Err(unreadable(stream, position, error)),
        }
    }
}

/// The process or the system has no file descriptor left; others are given back all the time.
fn is_out_of_files(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

fn unreadable(stream: &Stream, position: Position, error: io::Error) -> TransportError {
    TransportError::Unreadable { stream: stream.spec.name.clone(), position, source: Arc::new(error) }
}

/// The bytes from the first place on, as far as [`BATCH_BYTES`] reaches.
fn read_span(dir: &Path, segment: u64, places: &[Place]) -> io::Result<Bytes> {
    let start = places.first().map_or(0, |place| place.0 as usize);
    let end = |place: &Place| place.0 as usize + RECORD_HEADER + place.1 as usize;
    let within = places.iter().map(end).take_while(|end| end - start <= BATCH_BYTES).last();
    let end = within.or(places.first().map(end)).unwrap_or(start);
    let mut bytes = vec![0; end - start];
    File::open(segment_path(dir, segment))?.read_exact_at(&mut bytes, start as u64)?;
    Ok(bytes.into())
}

fn parse_span(
    dir: &Path,
    stream: &Stream,
    segment: u64,
    first: Position,
    places: &[Place],
    span: Bytes,
) -> Result<Vec<StreamRecord>, TransportError> {
    let start = places.first().map_or(0, |place| place.0 as usize);
    let mut records = Vec::with_capacity(places.len());
    for (position, (offset, _)) in (first..).zip(places) {
        let at = *offset as usize - start;
        if at >= span.len() {
            break;
        }
        let wrong = |reason| corrupt(&segment_path(dir, segment), *offset as usize, reason);
        let (head, payload) = parse_record(&span[at..]).map_err(wrong)?;
        if head.stream != stream.number || head.position != position {
            return Err(wrong("another record than the index says"));
        }
        // A copy, so that a record kept for long does not keep the whole span.
        records.push(StreamRecord { position, payload: Bytes::copy_from_slice(payload) });
    }
    Ok(records)
}
