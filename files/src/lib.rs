//! The seam of files: bytes under a key, in a local folder or on S3.
//!
//! Names, types and who may see a file are the store's; here are only its bytes.
//!
//! # The contract of every implementation
//!
//! * A file is there with all its bytes or not at all: what is still being written, or was given up, is never read or
//!   listed.
//! * **Durable**: a write that returned `Ok` survives the death of the process and, as far as the disk or the service
//!   promises it, of the machine.
//! * A write that returned an error may have happened; writing again under the same key replaces it.
//! * Nothing holds a whole file in memory: bytes come and go as streams, at most [`limits::PART_BYTES`] ×
//!   [`limits::PARTS_IN_FLIGHT`] at a time for each write.
//! * Each call is bounded by the service's timeouts ([`S3Config::request_timeout`]). The bytes of a file that is read may take
//!   as long as they need: each next ones have that time, and a stream that broke off is begun again where it was, twice at
//!   most. A reader that stops reading holds only its own stream.
//!
//! [`conformance`] holds the tests that every implementation passes.

mod config;
mod error;
mod key;

pub mod conformance;
pub mod limits;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use kefu_model::TenantId;
use object_store::memory::InMemory;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, WriteMultipart};

pub use config::S3Config;
pub use error::FilesError;
pub use key::FileKey;

/// A disk that does not answer for so long will not.
const LOCAL_BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// A file that is read.
pub struct Content {
    /// The whole file's size, in bytes.
    pub size_bytes: u64,
    /// Which of its bytes these are.
    pub range: Range<u64>,
    /// The bytes, in order.
    pub bytes: BoxStream<'static, Result<Bytes, FilesError>>,
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: FileKey,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// When it was written, by the service's clock.
    pub written_at: SystemTime,
}

/// Files; clones are handles on the same ones.
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    /// The same, for the bytes of files.
    reader: Arc<dyn ObjectStore>,
    /// How long a read may take until its first bytes are on the way.
    begins_within: Duration,
    /// Where it is a local folder.
    folder: Option<Arc<std::path::Path>>,
}

impl Files {
    /// In a local folder, which is made if it is missing. Files are synced to the disk before a write is answered.
    ///
    /// # Errors
    /// When the folder cannot be made or used.
    pub fn local(folder: &std::path::Path) -> Result<Self, FilesError> {
        config::local(folder).map(|store| Self { folder: Some(folder.into()), ..Self::of(store) })
    }

    /// In this process's memory, gone with it: for tests of what uses files.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::of(Arc::new(InMemory::new()))
    }

    /// In a bucket of S3 or of a service that speaks its API.
    ///
    /// # Errors
    /// When the settings cannot be used. Nothing is asked of the service yet.
    pub fn s3(config: &S3Config) -> Result<Self, FilesError> {
        let config::Bucket { store, reader } = config::s3(config)?;
        // As long as any other request with its repetitions.
        Ok(Self { reader, begins_within: config.request_timeout * 2, ..Self::of(store) })
    }

    fn of(store: Arc<dyn ObjectStore>) -> Self {
        Self { reader: store.clone(), store, begins_within: LOCAL_BEGINS_WITHIN, folder: None }
    }

    /// Writes a file of at most so many bytes as they come; answers how many there were. The file is there once this returns.
    ///
    /// # Errors
    /// [`FilesError::TooLarge`] beyond `max_bytes`, [`FilesError::Source`] when the bytes end with an error: nothing is kept
    /// then.
    pub async fn write<E>(
        &self,
        key: &FileKey,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        max_bytes: u64,
    ) -> Result<u64, FilesError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let upload = self.store.put_multipart(&key.path()).await?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, limits::PART_BYTES);
        match pour(&mut writer, bytes, max_bytes).await {
            Ok(written) => {
                writer.finish().await?;
                Ok(written)
            }
            Err(error) => {
                // What is left of it is not readable; a service may keep parts until its own clean-up.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    /// Reads a file, or of a range what there is of it.
    ///
    /// # Errors
    /// [`FilesError::NotFound`]; [`FilesError::OutOfRange`] for a range that begins at or beyond the end, or is empty.
    pub async fn read(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Content, FilesError> {
        if let Some(range) = &range {
            let size_bytes = self.size(key).await?.ok_or(FilesError::NotFound)?;
            if range.is_empty() || range.start >= size_bytes {
                return Err(FilesError::OutOfRange { size_bytes });
            }
        }
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let path = key.path();
        let begun = tokio::time::timeout(self.begins_within, self.reader.get_opts(&path, options)).await;
        let result = begun.map_err(|late| FilesError::Unavailable(Box::new(late)))??;
        let (size_bytes, range) = (result.meta.size, result.range.clone());
        Ok(Content { size_bytes, range, bytes: result.into_stream().map_err(FilesError::from).boxed() })
    }

    /// A file's size in bytes, if it is there.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn size(&self, key: &FileKey) -> Result<Option<u64>, FilesError> {
        match self.store.head(&key.path()).await.map_err(FilesError::from) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(FilesError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a file, if it is there.
    ///
    /// # Errors
    /// [`FilesError`].
    pub async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        match self.store.delete(&key.path()).await.map_err(FilesError::from) {
            Err(FilesError::NotFound) => Ok(()),
            result => result,
        }
    }

    /// A tenant's files, in no order. Names that are no keys of ours are passed over.
    pub fn list(&self, tenant: &TenantId) -> BoxStream<'static, Result<Listed, FilesError>> {
        let (tenant, prefix) = (tenant.clone(), key::folder(tenant));
        let entries = self.store.list(Some(&prefix)).map_err(FilesError::from);
        let ours = entries.try_filter_map(move |meta| {
            let listed = FileKey::of_path(&tenant, &meta.location).map(|key| Listed {
                key,
                size_bytes: meta.size,
                written_at: meta.last_modified.into(),
            });
            std::future::ready(Ok(listed))
        });
        ours.boxed()
    }

    /// Whether the folder or the bucket is there and may be listed; for health.
    ///
    /// # Errors
    /// Why not.
    pub async fn ping(&self) -> Result<(), FilesError> {
        if let Some(folder) = &self.folder {
            drop(tokio::fs::read_dir(folder).await.map_err(|error| FilesError::Unavailable(Box::new(error)))?);
        }
        // Few: below the root there is one folder of all tenants.
        self.store.list_with_delimiter(None).await?;
        Ok(())
    }
}

/// Hands on bytes as they come, as fast as parts are taken.
async fn pour<E>(
    writer: &mut WriteMultipart,
    bytes: impl Stream<Item = Result<Bytes, E>> + Send,
    max_bytes: u64,
) -> Result<u64, FilesError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (mut bytes, mut written) = (std::pin::pin!(bytes), 0_u64);
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|error| FilesError::Source(Box::new(error)))?;
        written += chunk.len() as u64;
        if written > max_bytes {
            return Err(FilesError::TooLarge { max_bytes });
        }
        writer.wait_for_capacity(limits::PARTS_IN_FLIGHT).await?;
        writer.put(chunk);
    }
    Ok(written)
}
