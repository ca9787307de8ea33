//! The list of durable streams: their numbers, ids, shapes and how far they were purged.
//!
//! It is small and rewritten whole (write, sync, rename, sync the folder), so it is always one consistent version.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::scan::corrupt;
use crate::transport::{Position, TransportError};

const FILE: &str = "catalog";

/// One durable stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Stands in its records; never used again.
    pub(super) number: u32,
    /// A UUID.
    pub(super) id: [u8; 16],
    pub(super) name: String,
    pub(super) max_bytes: u64,
    pub(super) duplicate_window_ms: u64,
    /// Records below are purged.
    pub(super) first: Position,
}

/// All durable streams.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Catalog {
    pub(super) next_number: u32,
    pub(super) streams: Vec<Entry>,
}

impl Catalog {
    /// Reads the catalog of the folder; `None` if there is none.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>, TransportError> {
        let path = dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TransportError::unavailable(error)),
        };
        let Some((crc, body)) = bytes.split_first_chunk::<4>() else {
            return Err(corrupt(&path, 0, "the catalog is incomplete"));
        };
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(corrupt(&path, 0, "the catalog's checksum is wrong"));
        }
        match rmp_serde::from_slice(body) {
            Ok(catalog) => Ok(Some(catalog)),
            Err(error) => Err(corrupt(&path, 4, &error.to_string())),
        }
    }

    /// Writes the catalog; when it returns, it is on disk (if `sync`).
    pub(super) fn save(&self, dir: &Path, sync: bool) -> io::Result<()> {
        let body = rmp_serde::to_vec_named(self).map_err(io::Error::other)?;
        let mut bytes = crc32fast::hash(&body).to_le_bytes().to_vec();
        bytes.extend_from_slice(&body);
        replace_file(dir, FILE, &bytes, sync)
    }
}

/// Writes a file so that after a crash it has its old or its new content.
pub(super) fn replace_file(dir: &Path, name: &str, bytes: &[u8], sync: bool) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(&temporary, dir.join(name))?;
    sync_dir(dir, sync)
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path, sync: bool) -> io::Result<()> {
    if sync { File::open(dir)?.sync_all() } else { Ok(()) }
}
