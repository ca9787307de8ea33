//! The one thread that writes: it gathers the appends that wait into a group, writes and syncs it, and answers.

mod segments;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use super::catalog::{Catalog, Entry};
use super::format::{finish_group, push_record};
use super::queue::{Append, Job, Queue};
use super::stream::{Signal, Stream, stored_size};
use super::trouble::Trouble;
use crate::transport::{Cause, Position, StreamSpec, TransportError};

pub(super) use self::segments::{Segments, purge_stream as purge_on_start};

/// A group is closed at this size; a record more may fit.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// How the log is written.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) dir: Arc<PathBuf>,
    pub(super) fsync: bool,
    pub(super) segment_bytes: u32,
    pub(super) tail_bytes: u64,
}

/// An append that got its place in the group.
struct Placed {
    append: Append,
    position: Position,
    /// In the group.
    offset: u32,
}

/// State of the writer thread.
pub(super) struct Writer {
    settings: Settings,
    catalog: Catalog,
    segments: Segments,
    /// Positions and bytes of the streams in the group, as they will be.
    ahead: HashMap<u32, (Position, u64)>,
    group: Vec<u8>,
    placed: Vec<Placed>,
    /// Repetitions of something in the group.
    repeated: Vec<(Append, Position)>,
    /// Set once what is on disk is not known any more.
    failed: Option<Cause>,
    trouble: Arc<Trouble>,
    /// Held until the thread ends.
    _lock: File,
}

impl Writer {
    pub(super) fn new(settings: Settings, catalog: Catalog, segments: Segments, lock: File) -> Self {
        Self {
            settings,
            catalog,
            segments,
            ahead: HashMap::new(),
            group: Vec::new(),
            placed: Vec::new(),
            repeated: Vec::new(),
            failed: None,
            trouble: Arc::default(),
            _lock: lock,
        }
    }

    /// How writing goes, to be looked at while the thread works.
    pub(super) fn trouble(&self) -> Arc<Trouble> {
        self.trouble.clone()
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(jobs) = queue.take() {
            for job in jobs {
                self.handle(job);
            }
            self.commit();
        }
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Append(append) => {
                self.add(append);
                if self.group.len() >= GROUP_BYTES {
                    self.commit();
                }
            }
            Job::Create(spec, done) => {
                self.commit();
                let _ = done.send(self.create(spec));
            }
            Job::Purge(stream, position, done) => {
                self.commit();
                let _ = done.send(self.purge(&stream, position));
            }
            Job::Delete(stream, done) => {
                self.commit();
                let _ = done.send(self.delete(&stream));
            }
        }
    }

    fn refused(&self) -> Option<TransportError> {
        let source = self.failed.clone()?;
        Some(TransportError::Unavailable { source })
    }

    /// Places an append in the group, or answers it at once.
    fn add(&mut self, append: Append) {
        if let Some(error) = self.refused() {
            return append.ticket.resolve(Err(error));
        }
        let stream = append.stream.clone();
        if *stream.signal.borrow() == Signal::Deleted {
            return append.ticket.resolve(Err(TransportError::not_found(&stream.spec.name)));
        }
        let now = Instant::now();
        let mut state = stream.state.lock();
        let (last, bytes) = *self.ahead.get(&stream.number).unwrap_or(&(state.last, state.bytes));
        if let Some(id) = append.msg_id.as_deref() {
            match state.dedup.get(id, stream.spec.duplicate_window, now) {
                Some(position) if position > state.last => return self.repeated.push((append, position)),
                Some(position) => return append.ticket.resolve(Ok(position)),
                None => {}
            }
        }
        let bytes = bytes + stored_size(append.payload.len());
        if bytes > stream.spec.max_bytes {
            return append.ticket.resolve(Err(stream.full()));
        }
        let position = last + 1;
        if let Some(id) = append.msg_id.as_deref() {
            state.dedup.insert(id, position, now);
        }
        drop(state);
        self.ahead.insert(stream.number, (position, bytes));
        let offset = self.group.len() as u32;
        push_record(&mut self.group, stream.number, position, &append.payload);
        self.placed.push(Placed { append, position, offset });
    }

    /// Writes and syncs the group, then answers everybody in it.
    fn commit(&mut self) {
        self.ahead.clear();
        if self.placed.is_empty() {
            return;
        }
        match self.store_group() {
            Ok(start) => {
                if self.trouble.written(Instant::now()) {
                    tracing::info!(dir = %self.settings.dir.display(), "the log is written again");
                }
                self.accept(start);
            }
            Err(error) => {
                let trouble = if self.failed.is_some() { TAKES_NO_MORE } else { trouble_of(&error) };
                // Said once; owners try again until it works.
                if self.trouble.failed(trouble, Instant::now()) {
                    let (dir, error) = (self.settings.dir.display(), &error as &dyn std::error::Error);
                    tracing::error!(%dir, error, "the log was not written: {trouble}");
                }
                self.reject(&error);
            }
        }
        self.group.clear();
        self.group.shrink_to(GROUP_BYTES);
    }

    fn store_group(&mut self) -> Result<u32, TransportError> {
        let size = self.group.len() as u64;
        if !self.segments.has_room(size, &self.settings) {
            self.segments.roll(&self.settings).map_err(TransportError::unavailable)?;
        }
        let start = self.segments.len() as u32;
        finish_group(&mut self.group, start);
        if let Err(error) = self.segments.write(&self.group) {
            return Err(self.take_back(error));
        }
        if self.settings.fsync
            && let Err(error) = self.segments.sync()
        {
            return Err(self.fail("sync", error));
        }
        self.segments.advance(size);
        Ok(start)
    }

    /// After a write that failed: removes what of it may be in the file.
    fn take_back(&mut self, error: io::Error) -> TransportError {
        match self.segments.truncate(self.settings.fsync) {
            Ok(()) => TransportError::unavailable(error),
            Err(second) => self.fail("truncate after a failed write", second),
        }
    }

    fn fail(&mut self, what: &str, error: io::Error) -> TransportError {
        tracing::error!(dir = %self.settings.dir.display(), what, %error, "the log takes no more until it is reopened");
        let cause: Cause = Arc::new(error);
        self.failed = Some(cause.clone());
        TransportError::Ambiguous { source: cause }
    }

    fn accept(&mut self, start: u32) {
        let now = Instant::now();
        let mut touched: Vec<Arc<Stream>> = Vec::new();
        for Placed { append, offset, .. } in &self.placed {
            let stream = &append.stream;
            if self.segments.note(stream) || !touched.iter().any(|known| known.number == stream.number) {
                touched.push(stream.clone());
            }
            let mut state = stream.state.lock();
            state.active.segment = self.segments.number();
            // A copy, so that what is kept in memory does not keep a larger buffer of the caller's.
            let payload = Bytes::copy_from_slice(&append.payload);
            state.stored(payload, start + offset, now, self.settings.tail_bytes);
        }
        for stream in touched {
            let last = stream.state.lock().last;
            stream.announce(Signal::Last(last));
        }
        for placed in self.placed.drain(..) {
            placed.append.ticket.resolve(Ok(placed.position));
        }
        for (append, position) in self.repeated.drain(..) {
            append.ticket.resolve(Ok(position));
        }
    }

    fn reject(&mut self, error: &TransportError) {
        for Placed { append, position, .. } in &self.placed {
            append.stream.state.lock().dedup.forget_from(*position);
        }
        for placed in self.placed.drain(..) {
            placed.append.ticket.resolve(Err(error.clone()));
        }
        for (append, _) in self.repeated.drain(..) {
            append.ticket.resolve(Err(error.clone()));
        }
    }

    fn create(&mut self, spec: StreamSpec) -> Result<Arc<Stream>, TransportError> {
        if let Some(error) = self.refused() {
            return Err(error);
        }
        let mut catalog = self.catalog.clone();
        catalog.next_number += 1;
        let entry = Entry {
            number: catalog.next_number,
            id: Uuid::new_v4().into_bytes(),
            name: spec.name.clone(),
            max_bytes: spec.max_bytes,
            duplicate_window_ms: duration_ms(spec.duplicate_window),
            first: 1,
        };
        let stream = Arc::new(Stream::new(entry.number, Uuid::from_bytes(entry.id), spec));
        catalog.streams.push(entry);
        self.save(catalog)?;
        Ok(stream)
    }

    fn save(&mut self, catalog: Catalog) -> Result<(), TransportError> {
        catalog.save(&self.settings.dir, self.settings.fsync).map_err(TransportError::unavailable)?;
        self.catalog = catalog;
        Ok(())
    }

    fn purge(&mut self, stream: &Arc<Stream>, position: Position) -> Result<(), TransportError> {
        if let Some(error) = self.refused() {
            return Err(error);
        }
        let first = {
            let state = stream.state.lock();
            let first = position.min(state.last);
            if first <= state.first {
                return Ok(());
            }
            first
        };
        let mut catalog = self.catalog.clone();
        let entry = catalog.streams.iter_mut().find(|entry| entry.number == stream.number);
        entry.ok_or_else(|| TransportError::not_found(&stream.spec.name))?.first = first;
        self.save(catalog)?;
        segments::purge_stream(&self.settings.dir, stream, first).map_err(TransportError::ambiguous)?;
        self.segments.delete_purged(&self.settings.dir, &self.catalog);
        Ok(())
    }

    fn delete(&mut self, stream: &Arc<Stream>) -> Result<(), TransportError> {
        let mut catalog = self.catalog.clone();
        catalog.streams.retain(|entry| entry.number != stream.number);
        self.save(catalog)?;
        stream.announce(Signal::Deleted);
        self.segments.forget(stream);
        self.segments.delete_purged(&self.settings.dir, &self.catalog);
        Ok(())
    }
}

const TAKES_NO_MORE: &str = "its disk failed, and it takes nothing until kefu is started again";

/// An error of writing, for those who ask how the log is.
fn trouble_of(error: &TransportError) -> &'static str {
    let TransportError::Unavailable { source } = error else { return "it cannot be written" };
    match source.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) => {
            "its disk is full"
        }
        Some(io::ErrorKind::ReadOnlyFilesystem) => "its disk is read-only",
        _ => "it cannot be written",
    }
}

pub(super) fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
